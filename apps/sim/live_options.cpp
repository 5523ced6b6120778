#include "apps/sim/live_options.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "apps/sim/live.hpp"
#include "control/tcp_settings.hpp"

namespace swarm {

namespace {

using millrace::Duration;

constexpr const char* kAbout =
    "Two hosts and a bad path between them, in real time: Millrace or Linux at either end.\n"
    "An END is millrace, or tap:NAME@NETNS: a TAP of that name is made in that network namespace\n"
    "and carries the kernel's TCP; without @NETNS, where the program runs. The first end has\n"
    "198.18.1.1, the second 198.18.2.1. A Millrace at the first connects to the second and sends;\n"
    "at the second it listens and swallows what comes. Run what you like at a TAP.";
constexpr const char* kEnd =
    "Status: 0; 1 if the connection or a TAP has failed; 2 if the command line is wrong; 3 if the\n"
    "environment could not be set up; 4 if the machine was too slow: the run is void.";

constexpr double kPercent = 100;
constexpr double kMillisecondsMax = 60'000;
// A world that is later than this has given up: see lib/sim/real_time.
constexpr double kLateLimitMax = 2'000;

void add_percent(CLI::App& app, const std::string& name, double& value, const std::string& help) {
  app.add_option(name, value, help)
      ->check(CLI::Range(0.0, kPercent))
      ->capture_default_str()
      ->type_name("PERCENT");
}

void add_milliseconds(CLI::App& app, const std::string& name, double& value,
                      const std::string& help) {
  app.add_option(name, value, help)
      ->check(CLI::Range(0.0, kMillisecondsMax))
      ->capture_default_str()
      ->type_name("MS");
}

void add_path(CLI::App& app, LiveOrders& orders, LiveTexts& texts) {
  app.add_option("--rate", texts.rate_mbps, "Of the path, in Mb/s, both ways; 0: any")
      ->check(CLI::Range(0.0, 10'000.0))
      ->capture_default_str()
      ->type_name("MBPS");
  add_milliseconds(app, "--rtt", texts.round_trip_ms, "Round trip without any waiting");
  app.add_option("--buffer", orders.buffer_bdp,
                 "Of the bandwidth-delay product; at least twenty packets")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str()
      ->type_name("BDP");
  add_milliseconds(app, "--jitter", texts.jitter_ms, "Up to so much more, each way; order is kept");
  add_percent(app, "--loss", texts.loss_percent, "Frames lost on the way to the second end");
  add_percent(app, "--back-loss", texts.back_loss_percent, "And on the way back");
  add_percent(app, "--duplicate", texts.duplicate_percent, "Frames that come twice");
  add_percent(app, "--corrupt", texts.corrupt_percent, "Frames with a bit turned over");
  add_percent(app, "--reorder", texts.reorder_percent, "Frames that others may pass");
  add_milliseconds(app, "--reorder-delay", texts.reorder_delay_ms, "By up to so much");
  app.add_option("--mark", orders.forth.red.max_bytes,
                 "Queue in bytes from which ECN marks are set, and what cannot be marked is lost")
      ->type_name("BYTES");
  app.add_flag("--thin-acks", orders.back.thins_acks, "Only the newest waiting ACK is kept");
  app.add_option("--mtu", orders.forth.mtu, "Of the path; 0: as the ends'")
      ->check(CLI::Range(0, 1'500))
      ->type_name("BYTES");
  app.add_option("--seed", orders.seed, "Of the path's chance")->capture_default_str();
}

void add_run(CLI::App& app, LiveOrders& orders, LiveTexts& texts) {
  app.add_option("--duration", texts.duration_s, "Ends after so long")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--bytes", orders.bytes,
                 "What a Millrace at the first end sends; 0: as much as the time allows")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--port", orders.port, "Of the second end")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  app.add_option("--tcp", texts.tcp_settings,
                 "A setting of Millrace's ends, as of all programs; may be repeated")
      ->type_name("NAME=VALUE");
  app.add_option("--late-limit", texts.late_limit_ms,
                 "A run in which the world fell behind the clock by more is void")
      ->check(CLI::Range(0.05, kLateLimitMax))
      ->capture_default_str()
      ->type_name("MS");
  app.add_flag("--urgent", orders.is_urgent,
               "Runs before all ordinary processes (SCHED_FIFO; CAP_SYS_NICE)");
  app.add_option("--capture", orders.capture_folder,
                 "Frames of Millrace's ends as pcapng into this folder: SEED-ADDRESS.pcapng")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  app.add_flag("--json", orders.as_json, "The result as JSON");
}

Duration milliseconds(double count) noexcept {
  constexpr double kNanoseconds = 1e6;
  return Duration{std::llround(count * kNanoseconds)};
}

std::uint32_t parts_per_million(double percent) noexcept {
  constexpr double kPartsPerPercent = 1e4;
  return static_cast<std::uint32_t>(std::lround(percent * kPartsPerPercent));
}

std::optional<LiveEnd> read_end(std::string_view text) {
  constexpr std::string_view kTap = "tap:";
  if (text == "millrace") {
    return LiveEnd{};
  }
  if (!text.starts_with(kTap)) {
    return std::nullopt;
  }
  text.remove_prefix(kTap.size());
  const std::size_t at = text.find('@');
  LiveEnd end{.interface = std::string{text.substr(0, at)}};
  if (at != std::string_view::npos) {
    end.network_namespace = text.substr(at + 1);
  }
  const bool has_namespace = at == std::string_view::npos || !end.network_namespace.empty();
  return has_namespace && end.is_tap() ? std::optional{end} : std::nullopt;
}

void read_path(LiveOrders& orders, const LiveTexts& texts) {
  constexpr double kBitsPerMegabit = 1e6;
  millrace::sim::LinkParameters& forth = orders.forth;
  forth.delay = milliseconds(texts.round_trip_ms) / 2;
  forth.jitter = milliseconds(texts.jitter_ms);
  forth.bits_per_second =
      static_cast<std::uint64_t>(std::llround(texts.rate_mbps * kBitsPerMegabit));
  forth.duplicate_ppm = parts_per_million(texts.duplicate_percent);
  forth.corrupt_ppm = parts_per_million(texts.corrupt_percent);
  forth.reorder_ppm = parts_per_million(texts.reorder_percent);
  forth.reorder_delay = milliseconds(texts.reorder_delay_ms);
  forth.red.min_bytes = forth.red.max_bytes;
  forth.red.weight_shift = 0;
  const bool thins_acks = orders.back.thins_acks;
  orders.back = forth;
  orders.back.thins_acks = thins_acks;
  forth.loss_ppm = parts_per_million(texts.loss_percent);
  orders.back.loss_ppm = parts_per_million(texts.back_loss_percent);
}

void size_buffer(LiveOrders& orders) {
  constexpr double kFewest = 20 * 1'514;
  orders.forth.queue_bytes = orders.back.queue_bytes = 0;
  const double product = static_cast<double>(orders.in_flight_bytes());
  orders.forth.queue_bytes =
      static_cast<std::uint64_t>(std::max(product * orders.buffer_bdp, kFewest));
  orders.forth.queue_frames = 0xffff'ffff;
  orders.back.queue_bytes = orders.forth.queue_bytes;
  orders.back.queue_frames = orders.forth.queue_frames;
}

/// Both ends of Millrace's can take all that is under way, and be late in reading it.
void size_memory(LiveOrders& orders) {
  constexpr std::uint64_t kLeast = 1U << 20U;
  constexpr std::uint64_t kMost = 1U << 28U;
  const auto bytes =
      static_cast<std::uint32_t>(std::clamp(5 * orders.in_flight_bytes(), kLeast, kMost));
  orders.tcp.send_buffer_bytes = orders.tcp.send_buffer_initial_bytes = bytes;
  orders.tcp.receive_buffer_bytes = orders.tcp.receive_buffer_initial_bytes = bytes;
}

/// More than machines have that are fast enough for such a path is a mistake.
std::string check_memory(const LiveOrders& orders) {
  constexpr std::uint64_t kMost = 1ULL << 30U;
  const std::uint64_t needed = memory_for(orders);
  return needed <= kMost ? std::string{}
                         : "path and buffers hold too much: " + std::to_string(needed >> 20U) +
                               " MiB of packets, where 1024 are allowed";
}

std::string apply_settings(LiveOrders& orders, const std::vector<std::string>& settings) {
  for (const std::string& one : settings) {
    if (const auto done = millrace::control::apply_tcp_setting(orders.tcp, one); !done) {
      return "--tcp " + one + ": " + done.error();
    }
  }
  millrace::Config config;
  // A complete configuration is one with a device.
  config.devices = {{.spec = "ring", .addresses = {*millrace::IpPrefix::parse("198.18.1.1/24")}}};
  config.tcp = orders.tcp;
  const auto valid = config.validate();
  return valid ? check_memory(orders)
               : "--tcp: " + valid.error().field + ": " + valid.error().problem;
}

}  // namespace

CLI::App* add_live(CLI::App& app, LiveOrders& orders, LiveTexts& texts) {
  CLI::App* const live = app.add_subcommand(
      "live", "One path in real time, with Millrace or Linux (by a TAP) at either end");
  live->description(kAbout);
  live->footer(kEnd);
  live->add_option("--from", texts.from, "The first end")->capture_default_str()->type_name("END");
  live->add_option("--to", texts.to, "The second end")->capture_default_str()->type_name("END");
  add_path(*live, orders, texts);
  add_run(*live, orders, texts);
  return live;
}

std::string finish_live(LiveOrders& orders, const LiveTexts& texts) {
  const auto from = read_end(texts.from);
  const auto to = read_end(texts.to);
  if (!from || !to) {
    return (from ? "--to " + texts.to : "--from " + texts.from) +
           ": millrace, tap:NAME or tap:NAME@NETNS is needed";
  }
  if (from->is_tap() && to->is_tap() && from->network_namespace == to->network_namespace) {
    return "both TAPs are in one network namespace, whose kernel would not let anything leave it "
           "for itself";
  }
  orders.from = *from;
  orders.to = *to;
  orders.duration = milliseconds(texts.duration_s * 1e3);
  orders.late_limit = milliseconds(texts.late_limit_ms);
  read_path(orders, texts);
  size_buffer(orders);
  size_memory(orders);
  return apply_settings(orders, texts.tcp_settings);
}

}  // namespace swarm
