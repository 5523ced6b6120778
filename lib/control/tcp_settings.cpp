// Each field's kind follows from its type; the table below has the names and the words.
#include "control/tcp_settings.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {

namespace {

template <auto Member>
using FieldOf = std::remove_cvref_t<decltype(std::declval<TcpConfig&>().*Member)>;

constexpr double kSecondsMax = 1e9;

template <auto Member>
Parsed<bool> apply(TcpConfig& config, std::string_view value) {
  using Field = FieldOf<Member>;
  if constexpr (std::is_same_v<Field, Duration>) {
    const Parsed<Duration> time = parse_seconds(value, {.min = 0, .max = kSecondsMax});
    if (!time) {
      return fail(time.error());
    }
    config.*Member = *time;
  } else {
    static_assert(std::is_unsigned_v<Field>);
    const Parsed<std::uint64_t> count =
        parse_count(value, {.min = 0, .max = std::numeric_limits<Field>::max()});
    if (!count) {
      return fail(count.error());
    }
    config.*Member = static_cast<Field>(*count);
  }
  return true;
}

template <auto Member>
std::string show(const TcpConfig& config) {
  if constexpr (std::is_same_v<FieldOf<Member>, Duration>) {
    return seconds_text(config.*Member);
  } else {
    return std::to_string(config.*Member);
  }
}

template <auto Member>
constexpr TcpSetting setting(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .apply = &apply<Member>, .show = &show<Member>};
}

constexpr TcpSetting kSettings[] = {
    setting<&TcpConfig::send_buffer_bytes>("send_buffer_bytes", "send buffer of a connection"),
    setting<&TcpConfig::receive_buffer_bytes>("receive_buffer_bytes",
                                              "receive buffer of a connection"),
    setting<&TcpConfig::initial_window_segments>("initial_window_segments",
                                                 "first flight (RFC 6928)"),
    setting<&TcpConfig::reassembly_segments_max>("reassembly_segments_max",
                                                 "segments kept out of order, per connection"),
    setting<&TcpConfig::syn_backlog>("syn_backlog", "half-open connections per listener"),
    setting<&TcpConfig::syn_ack_retries>("syn_ack_retries", "retransmissions of a SYN,ACK"),
    setting<&TcpConfig::rto_initial>("rto_initial", "seconds, before a round trip was measured"),
    setting<&TcpConfig::rto_min>("rto_min", "seconds, the shortest retransmission timeout"),
    setting<&TcpConfig::rto_max>("rto_max", "seconds, the longest"),
    setting<&TcpConfig::user_timeout>("user_timeout", "seconds without progress; also an option"),
    setting<&TcpConfig::connect_timeout>("connect_timeout", "seconds that an open may take"),
    setting<&TcpConfig::delayed_ack>("delayed_ack", "seconds that an ACK may wait"),
    setting<&TcpConfig::override_timeout>("override_timeout",
                                          "seconds that little data may wait for more"),
    setting<&TcpConfig::msl>("msl", "seconds, the maximum segment lifetime"),
    setting<&TcpConfig::fin_wait_2_timeout>("fin_wait_2_timeout",
                                            "seconds that a closed socket waits for FIN"),
};

std::string all_names() {
  std::string names;
  for (const TcpSetting& setting : kSettings) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", setting.name);
  }
  return names;
}

}  // namespace

std::span<const TcpSetting> tcp_settings() noexcept { return kSettings; }

Parsed<bool> apply_tcp_setting(TcpConfig& config, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return fail(fmt::format("'{}' sets nothing; give NAME=VALUE, such as delayed_ack=0.02", text));
  }
  const std::string_view name = text.substr(0, equals);
  const auto found = std::ranges::find(kSettings, name, &TcpSetting::name);
  if (found == std::end(kSettings)) {
    return fail(fmt::format("there is no setting '{}'; there are {}", name, all_names()));
  }
  if (const Parsed<bool> applied = found->apply(config, text.substr(equals + 1)); !applied) {
    return fail(fmt::format("{}: {}", name, applied.error()));
  }
  return true;
}

std::string tcp_settings_text(const TcpConfig& config) {
  std::string text;
  for (const TcpSetting& setting : kSettings) {
    text += fmt::format("  {:<26} {:<10} {}\n", setting.name, setting.show(config), setting.help);
  }
  return text;
}

}  // namespace millrace::control
