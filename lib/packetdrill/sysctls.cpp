#include "packetdrill/sysctls.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <vector>

#include "control/tcp_settings.hpp"

namespace millrace::packetdrill {

namespace {

using Numbers = std::vector<std::uint64_t>;

/// The numbers in a value, which blanks separate; empty if there is anything else.
Numbers numbers_in(std::string_view value) {
  Numbers numbers;
  std::istringstream words{std::string{value}};
  for (std::string word; words >> word;) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size()) {
      return {};
    }
    numbers.push_back(number);
  }
  return numbers;
}

bool set(TcpConfig& tcp, std::string_view name, std::uint64_t value) {
  return control::apply_tcp_setting(tcp, std::string{name} + "=" + std::to_string(value))
      .has_value();
}

bool set_word(TcpConfig& tcp, std::string_view name, std::span<const std::string_view> words,
              std::uint64_t value) {
  return value < words.size() && !words[value].empty() &&
         control::apply_tcp_setting(tcp, std::string{name} + "=" + std::string{words[value]})
             .has_value();
}

constexpr std::array<std::string_view, 2> kSwitch{"off", "on"};
// Timestamps without a random offset are none of ours.
constexpr std::array<std::string_view, 3> kTimestamps{"off", "on", "on"};
constexpr std::array<std::string_view, 3> kEcn{"off", "on", "passive"};
constexpr std::array<std::string_view, 3> kProbing{"off", "black-hole", "always"};
constexpr std::array<std::string_view, 3> kCookies{"off", "auto", "always"};
// Its further bits tell how; ours is always the whole of it.
constexpr std::array<std::string_view, 8> kBitZero{"off", "on", "off", "on",
                                                   "off", "on", "off", "on"};
constexpr std::array<std::string_view, 5> kEarlyRetransmit{"off", "on", "on", "on", "on"};
constexpr std::array<std::string_view, 3> kFrto{"off", "on", "on"};

struct WordSetting {
  std::string_view sysctl;
  std::string_view setting;
  std::span<const std::string_view> words;
};

/// The time until as many retransmissions, and the wait behind them, are over, as Linux reckons.
Duration time_of_retries(Duration first, Duration most, std::uint64_t retries) {
  constexpr std::uint64_t kRetriesMax = 255;
  Duration sum{};
  Duration timeout = first;
  for (std::uint64_t i = 0; i <= std::min(retries, kRetriesMax); ++i) {
    sum += timeout;
    timeout = std::min(2 * timeout, most);
  }
  return sum;
}

bool set_fast_open(TcpConfig& tcp, std::uint64_t bits) {
  constexpr std::uint64_t kClient = 1;
  constexpr std::uint64_t kServer = 2;
  constexpr std::uint64_t kWithoutCookies = 0x200;
  constexpr std::uint64_t kByDefault = 0x400;
  const bool serves = (bits & kServer) != 0;
  tcp.fast_open_by_default = serves && (bits & kByDefault) != 0;
  tcp.fast_open_without_cookies = serves && (bits & kWithoutCookies) != 0;
  if ((bits & kClient) == 0) {
    tcp.fast_open_destinations = 0;
  } else if (tcp.fast_open_destinations == 0) {
    tcp.fast_open_destinations = TcpConfig{}.fast_open_destinations;
  }
  return true;
}

bool set_buffers(TcpConfig& tcp, std::string_view name, const Numbers& numbers) {
  constexpr std::uint64_t kMost = 512ULL * 1024 * 1024;
  if (numbers.size() != 3 || numbers[1] > kMost || numbers[2] > kMost) {
    return false;
  }
  const auto initial = static_cast<std::uint32_t>(numbers[1]);
  const auto most = static_cast<std::uint32_t>(numbers[2]);
  if (name == "tcp_wmem") {
    tcp.send_buffer_initial_bytes = initial;
    tcp.send_buffer_bytes = most;
  } else {
    tcp.receive_buffer_initial_bytes = initial;
    tcp.receive_buffer_bytes = 2 * most;  // Half of it is offered.
  }
  return true;
}

bool set_number(TcpConfig& tcp, std::string_view name, std::uint64_t number) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  constexpr Duration kLinuxRtoMin = milliseconds{200};
  constexpr Duration kLinuxRtoMax = seconds{120};
  static constexpr std::array kWords = std::to_array<WordSetting>({
      {"tcp_timestamps", "timestamps", kTimestamps},
      {"tcp_sack", "selective_acks", kSwitch},
      {"tcp_ecn", "ecn", kEcn},
      {"tcp_mtu_probing", "mtu_probing", kProbing},
      {"tcp_syncookies", "syn_cookies", kCookies},
      {"tcp_recovery", "rack", kBitZero},
      {"tcp_early_retrans", "tail_loss_probe", kEarlyRetransmit},
      {"tcp_frto", "frto", kFrto},
      {"tcp_slow_start_after_idle", "slow_start_after_idle", kSwitch},
  });
  if (const auto* const row = std::ranges::find(kWords, name, &WordSetting::sysctl);
      row != kWords.end()) {
    return set_word(tcp, row->setting, row->words, number);
  }
  if (name == "tcp_fastopen") {
    return set_fast_open(tcp, number);
  }
  if (name == "tcp_syn_retries") {
    tcp.connect_timeout = time_of_retries(tcp.rto_initial, kLinuxRtoMax, number);
    return true;
  }
  if (name == "tcp_retries2") {
    tcp.user_timeout = time_of_retries(kLinuxRtoMin, kLinuxRtoMax, number);
    return true;
  }
  static constexpr std::array<std::array<std::string_view, 2>, 9> kSame{{
      {"tcp_synack_retries", "syn_ack_retries"},
      {"tcp_fin_timeout", "fin_wait_2_timeout"},
      {"tcp_base_mss", "mtu_probing_base"},
      {"tcp_min_tso_segs", "push_burst_segments"},
      {"ip_default_ttl", "hop_limit"},
      {"tcp_challenge_ack_limit", "challenge_acks_per_second"},
      {"tcp_reordering", "duplicate_threshold"},
      {"tcp_pacing_ss_ratio", "pacing_slow_start_percent"},
      {"tcp_pacing_ca_ratio", "pacing_percent"},
  }};
  const auto* const same =
      std::ranges::find(kSame, name, [](const auto& names) { return names.front(); });
  return same != kSame.end() && set(tcp, same->back(), number);
}

constexpr std::array kKnown = std::to_array<std::string_view>({"tcp_rmem",
                                                               "tcp_wmem",
                                                               "tcp_timestamps",
                                                               "tcp_sack",
                                                               "tcp_ecn",
                                                               "tcp_mtu_probing",
                                                               "tcp_syncookies",
                                                               "tcp_fastopen",
                                                               "tcp_fastopen_key",
                                                               "tcp_syn_retries",
                                                               "tcp_retries2",
                                                               "tcp_synack_retries",
                                                               "tcp_fin_timeout",
                                                               "tcp_base_mss",
                                                               "tcp_min_tso_segs",
                                                               "ip_default_ttl",
                                                               "tcp_challenge_ack_limit",
                                                               "tcp_recovery",
                                                               "tcp_early_retrans",
                                                               "tcp_frto",
                                                               "tcp_reordering",
                                                               "tcp_slow_start_after_idle",
                                                               "tcp_congestion_control",
                                                               "tcp_pacing_ss_ratio",
                                                               "tcp_pacing_ca_ratio"});

}  // namespace

Sysctls Sysctls::read(const std::string& folder) {
  Sysctls sysctls;
  for (const std::string_view name : kKnown) {
    std::ifstream file{folder + "/" + std::string{name}};
    std::string line;
    if (std::getline(file, line)) {
      sysctls.values_.emplace(name, line);
    }
  }
  return sysctls;
}

bool Sysctls::apply(std::string_view name, std::string_view value, TcpConfig& tcp) {
  if (std::ranges::find(kKnown, name) == kKnown.end()) {
    return false;
  }
  if (name == "tcp_fastopen_key") {
    // A second key, behind a comma, is for cookies of before.
    const std::string_view first = value.substr(0, value.find(','));
    return control::apply_tcp_setting(tcp, "fast_open_key=" + std::string{first}).has_value();
  }
  if (name == "tcp_congestion_control") {
    return control::apply_tcp_setting(tcp, "congestion_control=" + std::string{value}).has_value();
  }
  const Numbers numbers = numbers_in(value);
  if (name == "tcp_rmem" || name == "tcp_wmem") {
    return set_buffers(tcp, name, numbers);
  }
  return numbers.size() == 1 && set_number(tcp, name, numbers.front());
}

void Sysctls::apply_changes(const Sysctls& before, Config& config) const {
  for (const auto& [name, value] : values_) {
    const auto old = before.values_.find(name);
    if (old != before.values_.end() && old->second == value) {
      continue;
    }
    Config changed = config;
    if (apply(name, value, changed.tcp) && changed.validate()) {
      config = changed;
    }
  }
}

}  // namespace millrace::packetdrill
