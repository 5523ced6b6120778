#include "tcp/path_mtu.hpp"

#include <algorithm>
#include <array>

#include "base/coarse_time.hpp"

namespace millrace::tcp {

namespace {

// RFC 1191 §7.1: where paths' MTUs lie.
constexpr std::array<std::uint16_t, 10> kPlateaus{32'000, 17'914, 8'166, 4'352, 2'002,
                                                  1'492,  1'006,  508,   296,   68};
// As Linux: a difference of less is not worth a probe.
constexpr std::uint16_t kWorthwhile = 8;
// Segments behind a probe that tell by duplicate ACKs that it was lost.
constexpr std::uint32_t kFollowers = 4;
// As Linux: below that many segments in the window the probe is too large a part of it.
constexpr std::uint32_t kWindowSegments = 11;

}  // namespace

std::optional<std::uint16_t> claimed_mtu(std::uint32_t next_hop_mtu, std::uint16_t datagram_bytes,
                                         std::uint32_t least) noexcept {
  if (next_hop_mtu == 0) {
    const auto* const below =
        std::ranges::find_if(kPlateaus, [=](auto plateau) { return plateau < datagram_bytes; });
    next_hop_mtu = below == kPlateaus.end() ? datagram_bytes : *below;
  }
  const std::uint32_t mtu = std::max(next_hop_mtu, least);
  return mtu < datagram_bytes ? std::optional{static_cast<std::uint16_t>(mtu)} : std::nullopt;
}

void PathMtu::start(Instant now, std::uint16_t ceiling, std::uint8_t options_bytes,
                    const TcpConfig& config) noexcept {
  ceiling_ = ceiling;
  options_bytes_ = options_bytes;
  low_ = high_ = most();
  if (config.mtu_probing == MtuProbing::Always) {
    search_from(now, static_cast<std::uint16_t>(config.mtu_probing_base));
  }
}

std::uint16_t PathMtu::mss() const noexcept { return is_searching_ ? low_ : most(); }

std::uint16_t PathMtu::most() const noexcept {
  return static_cast<std::uint16_t>(std::min(ceiling_, path_) - options_bytes_);
}

void PathMtu::search_from(Instant now, std::uint16_t low) noexcept {
  is_searching_ = true;
  high_ = most();
  low_ = std::min(low, high_);
  probe_ = 0;
  searched_at_s_ = base::seconds_of(now);
}

bool PathMtu::set_path(std::uint16_t path) noexcept {
  const bool is_less = path < path_;
  path_ = path;
  // What has become possible again is left to the next search.
  high_ = std::min(high_, most());
  low_ = std::min(low_, high_);
  if (probe_ > high_) {
    probe_ = 0;
  }
  return is_less;
}

bool PathMtu::on_timeout(Instant now, std::uint32_t count, std::uint32_t bytes,
                         const TcpConfig& config) noexcept {
  probe_ = 0;
  if (config.mtu_probing == MtuProbing::Off || count < config.black_hole_timeouts) {
    return false;
  }
  // RFC 4821 §7.7: as Linux, down to the base at first, then by halves.
  const std::uint16_t before = mss();
  const std::uint32_t least = config.path_mtu_min - kPathHeaderBytes - options_bytes_;
  const std::uint32_t wanted =
      std::max(before > config.mtu_probing_base ? config.mtu_probing_base : before / 2U, least);
  if (wanted >= before || bytes <= wanted) {
    // A segment that small gets through, or does not, whatever the path takes.
    return false;
  }
  search_from(now, static_cast<std::uint16_t>(wanted));
  return true;
}

std::optional<std::uint16_t> PathMtu::next_probe(Instant now, const Supply& supply,
                                                 const TcpConfig& config) noexcept {
  if (!is_searching_ || probe_ != 0) {
    return std::nullopt;
  }
  if (!has_more_to_find()) {
    if (!is_search_over(now, config)) {
      return std::nullopt;
    }
    search_from(now, low_);
    if (!has_more_to_find()) {
      return std::nullopt;
    }
  }
  const auto size = static_cast<std::uint16_t>((low_ + high_) / 2);
  const std::uint32_t needed = size + kFollowers * low_;
  const bool is_affordable = supply.unsent >= needed && supply.window >= needed &&
                             supply.cwnd >= kWindowSegments * low_ &&
                             std::uint64_t{supply.in_network} + size <= supply.cwnd;
  return is_affordable ? std::optional{size} : std::nullopt;
}

bool PathMtu::has_more_to_find() const noexcept { return high_ - low_ >= kWorthwhile; }

bool PathMtu::is_search_over(Instant now, const TcpConfig& config) const noexcept {
  // RFC 4821 §7.3: paths change, so the search is begun anew after a while.
  const std::uint32_t searched_for = base::seconds_of(now) - searched_at_s_;
  return Duration{std::chrono::seconds{searched_for}} >= config.mtu_probing_interval;
}

void PathMtu::on_probe_sent(SeqNum seq, std::uint16_t bytes) noexcept {
  probe_seq_ = seq;
  probe_ = bytes;
}

bool PathMtu::on_ack(SeqNum ack) noexcept {
  if (probe_ == 0 || ack.is_before(probe_seq_ + probe_)) {
    return false;
  }
  low_ = probe_;
  probe_ = 0;
  return true;
}

bool PathMtu::on_loss(SeqNum seq) noexcept {
  if (probe_ == 0 || seq != probe_seq_) {
    return false;
  }
  high_ = static_cast<std::uint16_t>(probe_ - 1);
  probe_ = 0;
  return true;
}

}  // namespace millrace::tcp
