// Each field's kind follows from its type; the table below has the names and the words.
#include "control/tcp_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "control/setting_value.hpp"

namespace millrace::control {

namespace {

template <auto Member>
using FieldOf = std::remove_cvref_t<decltype(std::declval<TcpConfig&>().*Member)>;

/// The words for the values of an enumeration, or of a switch.
template <class Field>
struct Words;

template <>
struct Words<bool> {
  static constexpr std::pair<std::string_view, bool> kAll[] = {{"off", false}, {"on", true}};
};

template <>
struct Words<EcnMode> {
  static constexpr std::pair<std::string_view, EcnMode> kAll[] = {
      {"off", EcnMode::Off}, {"passive", EcnMode::Passive}, {"on", EcnMode::On}};
};

template <>
struct Words<MtuProbing> {
  static constexpr std::pair<std::string_view, MtuProbing> kAll[] = {
      {"off", MtuProbing::Off},
      {"black-hole", MtuProbing::BlackHole},
      {"always", MtuProbing::Always}};
};

template <>
struct Words<SynCookies> {
  static constexpr std::pair<std::string_view, SynCookies> kAll[] = {
      {"off", SynCookies::Off}, {"auto", SynCookies::Auto}, {"always", SynCookies::Always}};
};

template <>
struct Words<CongestionKind> {
  static constexpr auto kAll = [] {
    std::array<std::pair<std::string_view, CongestionKind>, kCongestionNames.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = {kCongestionNames[i], static_cast<CongestionKind>(i)};
    }
    return all;
  }();
};

template <class Field>
concept HasWords = std::is_same_v<Field, bool> || std::is_enum_v<Field>;

template <class Field>
Parsed<Field> parse_word(std::string_view text) {
  std::string all;
  for (const auto& [word, value] : Words<Field>::kAll) {
    if (word == text) {
      return value;
    }
    all += fmt::format("{}{}", all.empty() ? "" : " or ", word);
  }
  return fail(fmt::format("'{}' is none of its values; give {}", text, all));
}

using Key = decltype(TcpConfig::fast_open_key);

/// As Linux writes it: four numbers of 32 bits, each little-endian in the key.
Parsed<Key> parse_key(std::string_view text) {
  constexpr std::size_t kDigits = 8;
  if (text == "none") {
    return Key{};
  }
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string_view group = text.substr(std::min(text.size(), i * (kDigits + 1)), kDigits);
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(group.data(), group.data() + group.size(), number, 16);
    const bool is_followed = i == 3 ? text.size() == 4 * kDigits + 3
                                    : text.substr(0, (i + 1) * (kDigits + 1)).ends_with('-');
    if (group.size() != kDigits || end != group.data() + kDigits || error != std::errc{} ||
        !is_followed) {
      return fail(
          fmt::format("'{}' is no key; give four groups of eight hexadecimal digits, such "
                      "as 00112233-44556677-8899aabb-ccddeeff, or none",
                      text));
    }
    for (std::size_t j = 0; j < 4; ++j, number >>= 8U) {
      bytes[4 * i + j] = static_cast<std::uint8_t>(number);
    }
  }
  return Key{bytes};
}

template <auto Member>
Parsed<bool> apply(TcpConfig& config, std::string_view value) {
  using Field = FieldOf<Member>;
  if constexpr (std::is_same_v<Field, Key>) {
    const Parsed<Key> key = parse_key(value);
    if (!key) {
      return fail(key.error());
    }
    config.*Member = *key;
  } else if constexpr (HasWords<Field>) {
    const Parsed<Field> word = parse_word<Field>(value);
    if (!word) {
      return fail(word.error());
    }
    config.*Member = *word;
  } else {
    return apply_number(config.*Member, value);
  }
  return true;
}

template <auto Member>
std::string show(const TcpConfig& config) {
  if constexpr (std::is_same_v<FieldOf<Member>, Duration>) {
    return seconds_text(config.*Member);
  } else if constexpr (std::is_same_v<FieldOf<Member>, Key>) {
    return (config.*Member) ? "a key" : "none";  // A secret is not shown.
  } else if constexpr (HasWords<FieldOf<Member>>) {
    const auto& words = Words<FieldOf<Member>>::kAll;
    return std::string{std::ranges::find(words, config.*Member, [](const auto& each) {
                         return each.second;
                       })->first};
  } else {
    return std::to_string(config.*Member);
  }
}

template <auto Member>
constexpr TcpSetting setting(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .apply = &apply<Member>, .show = &show<Member>};
}

/// "reno, cubic, ... or bbr".
constexpr auto kCongestionHelpText = [] {
  std::array<char, 64> text{};
  std::size_t end = 0;
  for (std::size_t i = 0; i < kCongestionNames.size(); ++i) {
    const bool is_last = i + 1 == kCongestionNames.size();
    const std::string_view before = i == 0 ? "" : is_last ? " or " : ", ";
    for (const std::string_view part : {before, kCongestionNames[i]}) {
      end = static_cast<std::size_t>(
          std::ranges::copy(part, text.begin() + static_cast<std::ptrdiff_t>(end)).out -
          text.begin());
    }
  }
  return text;
}();
constexpr std::string_view kCongestionHelp{kCongestionHelpText.data()};

constexpr TcpSetting kSizesAndForms[] = {
    setting<&TcpConfig::send_buffer_bytes>("send_buffer_bytes",
                                           "largest send buffer of a connection"),
    setting<&TcpConfig::send_buffer_initial_bytes>("send_buffer_initial_bytes",
                                                   "what it starts with"),
    setting<&TcpConfig::receive_buffer_bytes>("receive_buffer_bytes",
                                              "largest receive buffer of a connection"),
    setting<&TcpConfig::receive_buffer_initial_bytes>("receive_buffer_initial_bytes",
                                                      "what it starts with"),
    setting<&TcpConfig::initial_window_segments>("initial_window_segments",
                                                 "first flight (RFC 6928)"),
    setting<&TcpConfig::slow_start_after_idle>("slow_start_after_idle",
                                               "an idle time shrinks the window (RFC 5681 §4.1)"),
    setting<&TcpConfig::reassembly_segments_max>("reassembly_segments_max",
                                                 "segments kept out of order, per connection"),
    setting<&TcpConfig::syn_backlog>("syn_backlog", "half-open connections per listener"),
    setting<&TcpConfig::syn_ack_retries>("syn_ack_retries", "retransmissions of a SYN,ACK"),
    setting<&TcpConfig::quick_acks_max>("quick_acks_max", "ACKs without delay at the start"),
    setting<&TcpConfig::delayed_fin_acks>("delayed_fin_acks", "a FIN is acknowledged as data is"),
    setting<&TcpConfig::congestion_control>("congestion_control", kCongestionHelp),
    setting<&TcpConfig::bbr_connections>("bbr_connections",
                                         "that can have BBR at a time, per core"),
    setting<&TcpConfig::pacing>("pacing", "data leaves evenly over a round trip"),
    setting<&TcpConfig::pacing_slow_start_percent>(
        "pacing_slow_start_percent", "of the window in a round trip, while it doubles"),
    setting<&TcpConfig::pacing_percent>("pacing_percent", "and later"),
    setting<&TcpConfig::pacing_slack>("pacing_slack", "seconds of the rate that leave in one go"),
    setting<&TcpConfig::slow_start_ack_segments>("slow_start_ack_segments",
                                                 "what one ACK adds at most; 0: all of it"),
    setting<&TcpConfig::push_burst_segments>("push_burst_segments",
                                             "segments to a PSH, as with offload; 0: fewer PSH"),
    setting<&TcpConfig::empty_window_probes>("empty_window_probes",
                                             "a closed window is probed without data"),
    setting<&TcpConfig::resets_at_sack_edge>("resets_at_sack_edge",
                                             "resets count behind what came out of order"),
    setting<&TcpConfig::timestamps>("timestamps", "RFC 7323"),
    setting<&TcpConfig::timestamps_required>("timestamps_required",
                                             "of every segment, once agreed on (RFC 7323 §3.2)"),
    setting<&TcpConfig::selective_acks>("selective_acks", "RFC 2018"),
    setting<&TcpConfig::rack>("rack", "losses are found by time (RFC 8985)"),
    setting<&TcpConfig::tail_loss_probe>("tail_loss_probe", "RFC 8985 §7"),
    setting<&TcpConfig::frto>("frto", "timeouts that were too early are undone (RFC 5682)"),
    setting<&TcpConfig::prr>("prr", "the window shrinks in proportion (RFC 9937)"),
    setting<&TcpConfig::duplicate_threshold>("duplicate_threshold",
                                             "duplicate ACKs that make a loss"),
    setting<&TcpConfig::peer_ack_delay_max>("peer_ack_delay_max",
                                            "seconds that a peer may delay an ACK"),
};

constexpr TcpSetting kTimesAndFeatures[] = {
    setting<&TcpConfig::rto_initial>("rto_initial", "seconds, before a round trip was measured"),
    setting<&TcpConfig::rto_min>("rto_min", "seconds, the shortest retransmission timeout"),
    setting<&TcpConfig::rto_variation_min>("rto_variation_min",
                                           "seconds, the least added to the round trip"),
    setting<&TcpConfig::rto_max>("rto_max", "seconds, the longest"),
    setting<&TcpConfig::user_timeout>("user_timeout", "seconds without progress; also an option"),
    setting<&TcpConfig::connect_timeout>("connect_timeout", "seconds that an open may take"),
    setting<&TcpConfig::delayed_ack>("delayed_ack", "seconds that an ACK may wait"),
    setting<&TcpConfig::override_timeout>("override_timeout",
                                          "seconds that little data may wait for more"),
    setting<&TcpConfig::msl>("msl", "seconds, the maximum segment lifetime"),
    setting<&TcpConfig::fin_wait_2_timeout>("fin_wait_2_timeout",
                                            "seconds that a closed socket waits for FIN"),
    setting<&TcpConfig::reuse_time_wait>("reuse_time_wait",
                                         "opens may take over a port in TIME-WAIT (RFC 6191)"),
    setting<&TcpConfig::syn_cookies>("syn_cookies", "off, auto or always (RFC 4987)"),
    setting<&TcpConfig::challenge_acks_per_second>("challenge_acks_per_second",
                                                   "per core (RFC 5961 §7)"),
    setting<&TcpConfig::fast_open_destinations>("fast_open_destinations", "cookies kept"),
    setting<&TcpConfig::fast_open_key>("fast_open_key", "four groups of hex digits, or none"),
    setting<&TcpConfig::fast_open_by_default>("fast_open_by_default",
                                              "listeners need not ask for it"),
    setting<&TcpConfig::fast_open_without_cookies>("fast_open_without_cookies",
                                                   "listeners take the data of any SYN"),
    setting<&TcpConfig::fast_open_key_lifetime>("fast_open_key_lifetime", "seconds"),
    setting<&TcpConfig::fast_open_pause>("fast_open_pause", "seconds without, after a loss"),
    setting<&TcpConfig::local_port_first>("local_port_first", "first of the ports for opens"),
    setting<&TcpConfig::local_port_last>("local_port_last", "last of them"),
    setting<&TcpConfig::user_timeout_min>("user_timeout_min",
                                          "seconds, what a peer may shorten it to (RFC 5482)"),
    setting<&TcpConfig::user_timeout_max>("user_timeout_max",
                                          "seconds, what a peer may lengthen it to"),
    setting<&TcpConfig::r1_retransmissions>("r1_retransmissions",
                                            "until the next hop is doubted (RFC 9293 §3.8.3)"),
    setting<&TcpConfig::hop_limit>("hop_limit", "TTL of segments"),
    setting<&TcpConfig::ecn>("ecn", "off, passive or on (RFC 3168)"),
    setting<&TcpConfig::path_mtu_min>("path_mtu_min", "smallest that a router may say"),
    setting<&TcpConfig::path_mtu_lifetime>("path_mtu_lifetime",
                                           "seconds that a router's word holds"),
    setting<&TcpConfig::mtu_probing>("mtu_probing", "off, black-hole or always (RFC 4821)"),
    setting<&TcpConfig::mtu_probing_base>("mtu_probing_base", "payload to search up from"),
    setting<&TcpConfig::black_hole_timeouts>("black_hole_timeouts",
                                             "timeouts that make a black hole"),
    setting<&TcpConfig::mtu_probing_interval>("mtu_probing_interval",
                                              "seconds from one search to the next"),
};

template <std::size_t First, std::size_t Second>
constexpr auto joined(const TcpSetting (&first)[First], const TcpSetting (&second)[Second]) {
  std::array<TcpSetting, First + Second> all{};
  std::ranges::copy(second, std::ranges::copy(first, all.begin()).out);
  return all;
}

constexpr auto kSettings = joined(kSizesAndForms, kTimesAndFeatures);

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
