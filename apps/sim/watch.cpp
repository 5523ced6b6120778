#include "apps/sim/watch.hpp"

#include "packet/packet_budget.hpp"

namespace swarm {

namespace {

using namespace std::chrono_literals;

/// Timeouts go up to a minute and links are down for some seconds: whoever has data and window has
/// tried often enough by then.
constexpr millrace::Duration kPatience = 20min;

}  // namespace

Watch::Watch(Network& network, const std::vector<std::unique_ptr<Flow>>& flows)
    : network_{network},
      flows_{flows},
      progress_(flows.size(), Progress{.since = network.world().now()}) {}

std::string Watch::look() {
  for (millrace::sim::Host* const host : network_.hosts()) {
    host->stack().check_invariants();
    if (std::string text = check_memory(*host); !text.empty()) {
      return host->name() + ": " + text;
    }
  }
  for (const auto& flow : flows_) {
    std::string text;
    flow->for_each_talker([&](const Talker& one, std::size_t) {
      if (const auto info = one.socket().info(); info && text.empty()) {
        text = check_limits(*info);
      }
    });
    if (!text.empty()) {
      return "port " + std::to_string(flow->plan().port) + ": " + text;
    }
  }
  return check_progress();
}

std::string Watch::check_memory(millrace::sim::Host& host) {
  const millrace::packet::PacketBudget& budget = host.stack().tcp().resources().budget;
  const millrace::CoreUsage usage = host.stack().usage();
  const millrace::Config& config = host.config();
  if (budget.used() > budget.limit()) {
    return "queues hold more than their budget";
  }
  if (usage.connections > config.max_connections || usage.time_wait > config.max_time_wait ||
      usage.neighbors > config.max_neighbors || usage.timers_armed > config.max_timers) {
    return "a table holds more than its limit";
  }
  return {};
}

std::string Watch::check_limits(const millrace::TcpInfo& info) {
  // The last buffer that is taken may pass the limit.
  constexpr std::uint32_t kOnePacket = millrace::packet::PacketBudget::kPacketCharge;
  if (info.send_memory > info.send_buffer + kOnePacket) {
    return "holds " + std::to_string(info.send_memory) + " bytes to send, beyond " +
           std::to_string(info.send_buffer);
  }
  // By payload: what was offered is taken, in however small segments it comes.
  if (info.unread_bytes > info.receive_buffer) {
    return "holds " + std::to_string(info.unread_bytes) + " bytes received, beyond " +
           std::to_string(info.receive_buffer);
  }
  return {};
}

std::string Watch::check_progress() {
  const Instant now = network_.world().now();
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    const Flow& flow = *flows_[i];
    const std::uint64_t amount = flow.progress();
    if (flow.is_done() || flow.rests() || amount != progress_[i].amount) {
      progress_[i] = {.amount = amount, .since = now};
    } else if (now - progress_[i].since > kPatience) {
      return "port " + std::to_string(flow.plan().port) + " is stuck: " + flow.verdict();
    }
  }
  return {};
}

}  // namespace swarm
