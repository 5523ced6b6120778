// Layout: a word, padded, and what it got, one line each.
#include "control/report.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "control/option_values.hpp"

namespace millrace::control {

namespace {

constexpr std::string_view kAddressMark = "{address}";

void add_line(std::string& text, std::string_view word, std::string_view value) {
  fmt::format_to(std::back_inserter(text), "  {:<9} {}\n", word, value);
}

std::string device_text(const DeviceReport& device) {
  const std::string vlan = device.vlan == 0 ? "" : fmt::format(", VLAN {}", device.vlan);
  return fmt::format("{}{}, driver {}, MAC {}, MTU {}{}", device.spec, vlan, device.driver,
                     device.mac.to_string(), device.mtu, device.is_link_up ? "" : ", link is down");
}

std::string address_text(const DeviceReport& device, bool has_first_gateway) {
  std::vector<std::string> addresses;
  std::ranges::transform(device.addresses, std::back_inserter(addresses), &IpPrefix::to_string);
  const std::string gateway =
      device.gateway ? fmt::format(", gateway {}{}", device.gateway->to_string(),
                                   has_first_gateway ? "" : " for what comes from here")
                     : std::string{};
  return fmt::format("{}{}", fmt::join(addresses, ", "), gateway);
}

void add_device(std::string& text, const DeviceReport& device, bool has_first_gateway) {
  add_line(text, "device", device_text(device));
  add_line(text, "address", address_text(device, has_first_gateway));
  if (device.reflects) {
    add_line(text, "reach",
             "this program alone: it may connect to itself; others can with another --device, "
             "tap:millrace0 say");
  }
  if (!device.host_end.empty()) {
    add_line(text, "host", fmt::format("{}, until the end", device.host_end));
  }
  if (!device.host_advice.empty()) {
    add_line(text, "host", fmt::format("none in this VLAN; to make one: {}", device.host_advice));
  }
  add_line(text, "offloads", device.offloads.empty() ? "none" : device.offloads);
}

void add_devices(std::string& text, const std::vector<DeviceReport>& devices) {
  bool had_gateway = false;
  for (const DeviceReport& device : devices) {
    add_device(text, device, !had_gateway);
    had_gateway = had_gateway || device.gateway.has_value();
  }
}

std::optional<IpAddress> address_for_others(const std::vector<DeviceReport>& devices) {
  for (const DeviceReport& device : devices) {
    if (!device.reflects && !device.addresses.empty()) {
      return device.addresses.front().address();
    }
  }
  return std::nullopt;
}

std::string idle_text(const StartReport& report) {
  if (report.sleeps_when_idle) {
    return "sleeps when idle";
  }
  const std::string cause =
      report.kept_awake_by.empty()
          ? std::string{}
          : fmt::format(", because of {}", fmt::join(report.kept_awake_by, ", "));
  return fmt::format("spins when idle{}", cause);
}

std::string placement_text(const StartReport& report) {
  const bool is_pinned = !report.processors.empty();
  return fmt::format("{}, {} {}, {}", is_pinned ? report.processors.size() : 1,
                     is_pinned ? "pinned to processor" : "on any of processors",
                     is_pinned ? fmt::format("{}", fmt::join(report.processors, ", "))
                               : cores_text(report.allowed_processors),
                     idle_text(report));
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMebibyte = 1U << 20U;
  return fmt::format("{} MiB", (bytes + kMebibyte / 2) / kMebibyte);
}

using Counter = std::uint64_t CoreStats::*;

using NamedCounter = std::pair<std::string_view, Counter>;

// Sums; `longest_turn` is a maximum and stands apart.
constexpr NamedCounter kFrameAndTcpCounters[] = {
    {"rx_frames", &CoreStats::rx_frames},
    {"rx_bytes", &CoreStats::rx_bytes},
    {"tx_frames", &CoreStats::tx_frames},
    {"tx_bytes", &CoreStats::tx_bytes},
    {"tcp_segments_in", &CoreStats::tcp_segments_in},
    {"tcp_segments_out", &CoreStats::tcp_segments_out},
    {"tcp_bytes_in", &CoreStats::tcp_bytes_in},
    {"tcp_bytes_out", &CoreStats::tcp_bytes_out},
    {"tcp_resets_in", &CoreStats::tcp_resets_in},
    {"tcp_resets_out", &CoreStats::tcp_resets_out},
    {"tcp_active_opens", &CoreStats::tcp_active_opens},
    {"tcp_passive_opens", &CoreStats::tcp_passive_opens},
    {"tcp_accepted", &CoreStats::tcp_accepted},
    {"tcp_closed", &CoreStats::tcp_closed},
    {"tcp_failed_opens", &CoreStats::tcp_failed_opens},
    {"tcp_retransmitted_segments", &CoreStats::tcp_retransmitted_segments},
    {"tcp_retransmission_timeouts", &CoreStats::tcp_retransmission_timeouts},
    {"tcp_fast_retransmits", &CoreStats::tcp_fast_retransmits},
    {"tcp_fast_recoveries", &CoreStats::tcp_fast_recoveries},
    {"tcp_rack_losses", &CoreStats::tcp_rack_losses},
    {"tcp_tail_loss_probes", &CoreStats::tcp_tail_loss_probes},
    {"tcp_tail_losses_repaired", &CoreStats::tcp_tail_losses_repaired},
    {"tcp_recoveries_undone", &CoreStats::tcp_recoveries_undone},
    {"tcp_timeouts_undone", &CoreStats::tcp_timeouts_undone},
    {"tcp_sack_reneging", &CoreStats::tcp_sack_reneging},
    {"tcp_zero_window_probes", &CoreStats::tcp_zero_window_probes},
    {"tcp_keepalive_probes", &CoreStats::tcp_keepalive_probes},
    {"tcp_soft_errors", &CoreStats::tcp_soft_errors},
    {"tcp_out_of_order_segments", &CoreStats::tcp_out_of_order_segments},
    {"tcp_duplicates_reported_in", &CoreStats::tcp_duplicates_reported_in},
    {"tcp_duplicates_reported_out", &CoreStats::tcp_duplicates_reported_out},
    {"tcp_bad_sack_blocks", &CoreStats::tcp_bad_sack_blocks},
    {"tcp_time_wait_recycled", &CoreStats::tcp_time_wait_recycled},
    {"tcp_time_wait_reused", &CoreStats::tcp_time_wait_reused},
    {"tcp_challenge_acks_out", &CoreStats::tcp_challenge_acks_out},
    {"tcp_challenge_acks_limited", &CoreStats::tcp_challenge_acks_limited},
    {"tcp_syn_cookies_out", &CoreStats::tcp_syn_cookies_out},
    {"tcp_syn_cookies_accepted", &CoreStats::tcp_syn_cookies_accepted},
    {"tcp_syn_cookies_failed", &CoreStats::tcp_syn_cookies_failed},
    {"tcp_fast_opens_in", &CoreStats::tcp_fast_opens_in},
    {"tcp_fast_opens_refused", &CoreStats::tcp_fast_opens_refused},
    {"tcp_fast_opens_out", &CoreStats::tcp_fast_opens_out},
    {"tcp_fast_opens_lost", &CoreStats::tcp_fast_opens_lost},
    {"tcp_orphans_reset", &CoreStats::tcp_orphans_reset},
    {"tcp_broken_invariants", &CoreStats::tcp_broken_invariants},
    {"tcp_path_errors", &CoreStats::tcp_path_errors},
    {"tcp_path_mtu_lowered", &CoreStats::tcp_path_mtu_lowered},
    {"tcp_mtu_black_holes", &CoreStats::tcp_mtu_black_holes},
    {"tcp_mtu_probes", &CoreStats::tcp_mtu_probes},
    {"tcp_mtu_probes_arrived", &CoreStats::tcp_mtu_probes_arrived},
    {"tcp_ecn_connections", &CoreStats::tcp_ecn_connections},
    {"tcp_ecn_marks_in", &CoreStats::tcp_ecn_marks_in},
    {"tcp_bbr_fallbacks", &CoreStats::tcp_bbr_fallbacks},
    {"tcp_ecn_reductions", &CoreStats::tcp_ecn_reductions},
};

constexpr NamedCounter kOtherCounters[] = {
    {"udp_datagrams_in", &CoreStats::udp_datagrams_in},
    {"udp_datagrams_out", &CoreStats::udp_datagrams_out},
    {"udp_bytes_in", &CoreStats::udp_bytes_in},
    {"udp_bytes_out", &CoreStats::udp_bytes_out},
    {"udp_errors", &CoreStats::udp_errors},
    {"ipv4_fragments_in", &CoreStats::ipv4_fragments_in},
    {"ipv4_fragments_out", &CoreStats::ipv4_fragments_out},
    {"ipv4_datagrams_reassembled", &CoreStats::ipv4_datagrams_reassembled},
    {"arp_requests_out", &CoreStats::arp_requests_out},
    {"arp_replies_out", &CoreStats::arp_replies_out},
    {"arp_conflicts", &CoreStats::arp_conflicts},
    {"icmp_echo_replies_out", &CoreStats::icmp_echo_replies_out},
    {"icmp_errors_in", &CoreStats::icmp_errors_in},
    {"icmp_errors_out", &CoreStats::icmp_errors_out},
    {"turns", &CoreStats::turns},
    {"turns_over_1ms", &CoreStats::turns_over_1ms},
};

constexpr auto kCounters = [] {
  std::array<NamedCounter, std::size(kFrameAndTcpCounters) + std::size(kOtherCounters)> all;
  std::ranges::copy(kOtherCounters, std::ranges::copy(kFrameAndTcpCounters, all.begin()).out);
  return all;
}();
// Followed by: clock_steps_back, the two durations, and the drops. A counter that is added to
// CoreStats changes this.
static_assert(sizeof(CoreStats) ==
              (kCounters.size() + 1 + kDropReasonCount) * sizeof(std::uint64_t) +
                  2 * sizeof(Duration));

using Holding = std::uint32_t CoreUsage::*;

constexpr std::array<std::pair<std::string_view, Holding>, 11> kHoldings{{
    {"connections", &CoreUsage::connections},
    {"time_wait", &CoreUsage::time_wait},
    {"listeners", &CoreUsage::listeners},
    {"neighbors", &CoreUsage::neighbors},
    {"timers_armed", &CoreUsage::timers_armed},
    {"packets_in_use", &CoreUsage::packets_in_use},
    {"packets_capacity", &CoreUsage::packets_capacity},
    {"active_blocks_in_use", &CoreUsage::active_blocks_in_use},
    {"orphans", &CoreUsage::orphans},
    {"udp_sockets", &CoreUsage::udp_sockets},
    {"reassemblies", &CoreUsage::reassemblies},
}};
static_assert(sizeof(CoreUsage) == kHoldings.size() * sizeof(std::uint32_t));

void add_counter(std::string& text, std::string_view name, std::uint64_t value) {
  if (value != 0) {
    fmt::format_to(std::back_inserter(text), "  {:<28} {}\n", name, value);
  }
}

std::uint64_t microseconds(Duration duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

}  // namespace

std::string to_text(const StartReport& report) {
  std::string text =
      fmt::format("{}\n", report.versions.empty() ? report.program : report.versions);
  add_devices(text, report.devices);
  for (const RouteConfig& route : report.routes) {
    add_line(text, "route",
             fmt::format("{} by {}", route.destination.to_string(), route.gateway.to_string()));
  }
  add_line(text, "cores", placement_text(report));
  add_line(text, "memory",
           fmt::format("{} of {} in {} packet buffers; up to {} connections",
                       bytes_text(report.packet_bytes), report.memory_kind, report.packets,
                       report.max_connections));
  if (!report.capture_file.empty()) {
    add_line(text, "capture", report.capture_file);
  }
  if (const auto address = address_for_others(report.devices)) {
    for (const std::string& suggestion : report.suggestions) {
      text += fmt::format("try: {}\n", with_address(suggestion, *address));
    }
  }
  return text;
}

std::string counters_text(const CoreStats& stats, const CoreUsage& usage) {
  std::string text = "counted\n";
  for (const auto& [name, counter] : kCounters) {
    add_counter(text, name, stats.*counter);
  }
  add_counter(text, "clock_steps_back", stats.clock_steps_back);
  add_counter(text, "longest_turn_us", microseconds(stats.longest_turn));
  add_counter(text, "handler_time_us", microseconds(stats.handler_time));
  text += "dropped\n";
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    add_counter(text, to_string(static_cast<DropReason>(i)), stats.drops[i]);
  }
  text += "held\n";
  for (const auto& [name, holding] : kHoldings) {
    add_counter(text, name, usage.*holding);
  }
  return text;
}

std::string counters_json(unsigned core, const CoreStats& stats, const CoreUsage& usage) {
  nlohmann::ordered_json held;
  for (const auto& [name, holding] : kHoldings) {
    held[std::string{name}] = usage.*holding;
  }
  nlohmann::ordered_json counted;
  for (const auto& [name, counter] : kCounters) {
    counted[std::string{name}] = stats.*counter;
  }
  counted["clock_steps_back"] = stats.clock_steps_back;
  counted["longest_turn_us"] = microseconds(stats.longest_turn);
  counted["handler_time_us"] = microseconds(stats.handler_time);
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    counted["drops"][std::string{to_string(static_cast<DropReason>(i))}] = stats.drops[i];
  }
  const nlohmann::ordered_json line{{"core", core}, {"usage", held}, {"stats", counted}};
  return line.dump() + "\n";
}

void add(CoreStats& sum, const CoreStats& other) noexcept {
  for (const auto& [name, counter] : kCounters) {
    sum.*counter += other.*counter;
  }
  sum.clock_steps_back += other.clock_steps_back;
  sum.longest_turn = std::max(sum.longest_turn, other.longest_turn);
  sum.handler_time += other.handler_time;
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    sum.drops[i] += other.drops[i];
  }
}

void add(CoreUsage& sum, const CoreUsage& other) noexcept {
  for (const auto& [name, holding] : kHoldings) {
    sum.*holding += other.*holding;
  }
}

std::string with_address(std::string text, const IpAddress& address) {
  if (const std::size_t mark = text.find(kAddressMark); mark != std::string::npos) {
    text.replace(mark, kAddressMark.size(), address.to_string());
  }
  return text;
}

}  // namespace millrace::control
