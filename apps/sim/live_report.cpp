// What `millrace-sim live` prints, and its way from the environment to the exit status.
#include <sched.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/sim/environment.hpp"
#include "apps/sim/live.hpp"
#include "control/stop_signals.hpp"

namespace swarm {

namespace {

constexpr int kFailed = 1;
constexpr int kNoEnvironment = 3;
constexpr int kVoid = 4;

using Json = nlohmann::ordered_json;
using millrace::Duration;
namespace sim = millrace::sim;

double milliseconds(Duration time) noexcept {
  return std::chrono::duration<double, std::milli>(time).count();
}

void complain(const std::string& line) { std::fprintf(stderr, "millrace-sim: %s\n", line.c_str()); }

Json to_json(const sim::LinkCounts& counts) {
  Json row{{"frames", counts.sent}};
  for (std::size_t i = 0; i < sim::kFaultCount; ++i) {
    if (counts.faults[i] != 0) {
      row[std::string{to_string(static_cast<sim::Fault>(i))}] = counts.faults[i];
    }
  }
  return row;
}

Json to_json(const SenderReport& sender) {
  Json row{{"queued_bytes", sender.queued_bytes}, {"controller", sender.controller}};
  if (sender.info) {
    row["acked_bytes"] = sender.info->bytes_acked;
    row["cwnd_bytes"] = sender.info->cwnd;
    row["rtt_ms"] = milliseconds(sender.info->rtt);
    row["min_rtt_ms"] = milliseconds(sender.info->min_rtt);
    row["retransmitted_segments"] = sender.info->total_retransmitted;
    row["timeouts"] = sender.timeouts;
    row["timeouts_undone"] = sender.timeouts_undone;
    row["tail_loss_probes"] = sender.tail_loss_probes;
  }
  return row;
}

Json to_json(const ReceiverReport& receiver) {
  return {{"connections", receiver.connections},
          {"bytes", receiver.bytes},
          {"goodput_mbps", receiver.goodput() / 1e6}};
}

std::string text_of(const LiveEnd& end) {
  if (!end.is_tap()) {
    return "millrace";
  }
  return "tap:" + end.interface +
         (end.network_namespace.empty() ? std::string{} : "@" + end.network_namespace);
}

std::string faults_of(const sim::LinkCounts& counts) {
  std::string text = fmt::format("{} frames", counts.sent);
  for (std::size_t i = 0; i < sim::kFaultCount; ++i) {
    if (counts.faults[i] != 0) {
      text += fmt::format(", {} {}", counts.faults[i], to_string(static_cast<sim::Fault>(i)));
    }
  }
  return text;
}

/// Sleeps end when they should, and nobody ordinary comes first if that is wanted.
std::string be_punctual(bool is_urgent) {
  static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0));
  if (!is_urgent) {
    return {};
  }
  const sched_param priority{.sched_priority = 1};
  return ::sched_setscheduler(0, SCHED_FIFO, &priority) == 0
             ? std::string{}
             : "--urgent: " + std::string{std::strerror(errno)} + " (CAP_SYS_NICE is needed)";
}

}  // namespace

std::string live_text(const LiveOrders& orders, const LiveResult& result) {
  std::string text = fmt::format(
      "{} to {}: {:.1f} s; behind the clock by {:.3f} ms at most, {:.3f} ms on average\n",
      text_of(orders.from), text_of(orders.to), std::chrono::duration<double>(result.took).count(),
      milliseconds(result.lateness.worst), milliseconds(result.lateness.mean()));
  text += fmt::format("forth: {}\nback: {}\n", faults_of(result.forth), faults_of(result.back));
  if (const auto& sender = result.sender; sender && sender->info) {
    text +=
        fmt::format("sent: {} bytes acknowledged, {} segments again, round trip {:.3f} ms, {}\n",
                    sender->info->bytes_acked, sender->info->total_retransmitted,
                    milliseconds(sender->info->rtt), sender->controller);
  }
  if (const auto& receiver = result.receiver) {
    text += fmt::format("received: {} bytes, {:.3f} Mb/s\n", receiver->bytes,
                        receiver->goodput() / 1e6);
  }
  for (const TapReport& tap : result.taps) {
    text += fmt::format("{}: {} frames from the kernel, {} to it, {} refused, {} too long\n",
                        text_of(tap.end), tap.counts.sent, tap.counts.received, tap.counts.refused,
                        tap.counts.too_long);
  }
  return text;
}

std::string live_json(const LiveOrders& orders, const LiveResult& result) {
  Json made{{"from", text_of(orders.from)},
            {"to", text_of(orders.to)},
            {"seed", orders.seed},
            {"seconds", std::chrono::duration<double>(result.took).count()},
            {"void", result.is_void()},
            {"late",
             {{"worst_ms", milliseconds(result.lateness.worst)},
              {"mean_ms", milliseconds(result.lateness.mean())},
              {"limit_ms", milliseconds(orders.late_limit)},
              {"looks", result.lateness.looks},
              {"late_looks", result.lateness.late_looks}}},
            {"path",
             {{"rate_mbps", static_cast<double>(orders.forth.bits_per_second) / 1e6},
              {"rtt_ms", milliseconds(orders.forth.delay + orders.back.delay)},
              {"loss_percent", orders.forth.loss_ppm / 1e4},
              {"buffer_bytes", orders.forth.queue_bytes}}},
            {"forth", to_json(result.forth)},
            {"back", to_json(result.back)}};
  if (result.sender) {
    made["sender"] = to_json(*result.sender);
  }
  if (result.receiver) {
    made["receiver"] = to_json(*result.receiver);
  }
  for (const TapReport& tap : result.taps) {
    made["taps"].push_back({{"tap", text_of(tap.end)},
                            {"sent", tap.counts.sent},
                            {"received", tap.counts.received},
                            {"refused", tap.counts.refused},
                            {"too_long", tap.counts.too_long}});
  }
  if (!result.problem.empty()) {
    made["problem"] = result.problem;
  }
  return made.dump(1) + "\n";
}

int live(const LiveOrders& orders) {
  // Before the environment, whose threads shall not take them.
  auto signals = millrace::control::StopSignals::block();
  if (!signals) {
    complain(signals.error());
    return kNoEnvironment;
  }
  const auto environment = start_environment(memory_for(orders));
  if (!environment) {
    complain(environment.error());
    return kNoEnvironment;
  }
  if (const std::string problem = be_punctual(orders.is_urgent); !problem.empty()) {
    complain(problem);
    return kNoEnvironment;
  }
  const auto stop = [&] {
    const auto signal = signals->take();
    return signal && *signal != SIGUSR1;
  };
  const auto result = run_live(orders, signals->descriptor(), stop);
  if (!result) {
    complain(result.error());
    return kNoEnvironment;
  }
  std::fputs((orders.as_json ? live_json(orders, *result) : live_text(orders, *result)).c_str(),
             stdout);
  if (!result->problem.empty()) {
    complain(result->problem);
    return kFailed;
  }
  if (result->is_void()) {
    complain(fmt::format("void: the world fell behind the clock by {:.3f} ms",
                         milliseconds(result->lateness.worst)));
    return kVoid;
  }
  return 0;
}

}  // namespace swarm
