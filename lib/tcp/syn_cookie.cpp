// A cookie is a sum: a keyed hash of the four-tuple, the peer's initial sequence number, the period
// in the eight high bits, and in the low ones a hash of four-tuple, period and that number plus the
// place of the MSS in a table of four. Without the number in the hash, a segment that begins some
// octets further would differ by the place alone: what was lost before it would never be missed.
#include "tcp/syn_cookie.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "tcp/isn_generator.hpp"

namespace millrace::tcp {

namespace {

// RFC 9293 §3.7.1's defaults for IPv4 and IPv6, then what Ethernet leaves for each.
constexpr std::array<std::uint16_t, 4> kMss{536, 1'220, 1'440, 1'460};
constexpr std::uint32_t kPeriodShift = 24;
constexpr std::uint32_t kLowMask = (1U << kPeriodShift) - 1;

// The low bits of a timestamp: four for the window scale, one each for SACK and ECN.
constexpr std::uint32_t kNoScale = 15;
constexpr std::uint32_t kSackBit = 16;
constexpr std::uint32_t kEcnBit = 32;
constexpr std::uint32_t kHiddenMask = 63;

constexpr std::uint8_t kEcnSetup = TcpFlags::kEce | TcpFlags::kCwr;

std::uint32_t period_of(Instant now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / SynCookies::kPeriod);
}

}  // namespace

std::uint32_t SynCookies::hash_of_tuple(const FourTuple& tuple) const noexcept {
  return static_cast<std::uint32_t>(hash_(bytes_of(tuple)));
}

std::uint32_t SynCookies::hash_of_syn(const FourTuple& tuple, SeqNum syn,
                                      std::uint32_t period) const noexcept {
  // Of another length than above, so that the two never are the same.
  const auto tuple_bytes = bytes_of(tuple);
  const std::array<std::uint32_t, 2> rest{syn.value(), period};
  std::array<std::byte, tuple_bytes.size() + sizeof rest> bytes;
  std::memcpy(bytes.data(), tuple_bytes.data(), tuple_bytes.size());
  std::memcpy(bytes.data() + tuple_bytes.size(), rest.data(), sizeof rest);
  return static_cast<std::uint32_t>(hash_(bytes));
}

SeqNum SynCookies::make(const FourTuple& tuple, const Segment& syn, Instant now) const noexcept {
  const std::uint16_t mss = syn.options.mss.value_or(kMss.front());
  std::uint32_t place = kMss.size() - 1;
  while (place > 0 && kMss[place] > mss) {
    --place;
  }
  const std::uint32_t period = period_of(now);
  return SeqNum{hash_of_tuple(tuple) + syn.seq.value() + (period << kPeriodShift) +
                ((hash_of_syn(tuple, syn.seq, period) + place) & kLowMask)};
}

std::optional<std::uint16_t> SynCookies::check(const FourTuple& tuple, const Segment& ack,
                                               Instant now) const noexcept {
  const SeqNum syn = ack.seq - 1;
  const std::uint32_t rest = (ack.ack - 1).value() - hash_of_tuple(tuple) - syn.value();
  const std::uint32_t period = period_of(now);
  const std::uint32_t age = (period - (rest >> kPeriodShift)) & 0xffU;
  if (age >= kPeriodsValid) {
    return std::nullopt;
  }
  const std::uint32_t place = (rest - hash_of_syn(tuple, syn, period - age)) & kLowMask;
  return place < kMss.size() ? std::optional{kMss[place]} : std::nullopt;
}

Segment what_survives(const Segment& syn, bool in_timestamp) noexcept {
  Segment kept = syn;
  kept.payload_bytes = 0;
  if (!in_timestamp || !syn.options.timestamps) {
    kept.flags = TcpFlags{TcpFlags::kSyn};
    kept.options = {};
    kept.options.mss = syn.options.mss;
  }
  return kept;
}

std::uint32_t hide_in_timestamp(std::uint32_t clock, const Segment& syn) noexcept {
  std::uint32_t hidden = syn.options.window_scale ? *syn.options.window_scale : kNoScale;
  hidden |= syn.options.sack_permitted ? kSackBit : 0;
  // Only a SYN that is not marked itself is answered with ECE.
  hidden |= syn.flags.has(kEcnSetup) && syn.ecn == wire::Ecn::NotCapable ? kEcnBit : 0;
  const std::uint32_t value = (clock & ~kHiddenMask) | hidden;
  return value > clock ? value - (kHiddenMask + 1) : value;
}

Segment recall_syn(const Segment& ack, std::uint16_t mss, bool has_timestamps) noexcept {
  Segment syn;
  syn.seq = ack.seq - 1;
  syn.window = ack.window;
  syn.flags = TcpFlags{TcpFlags::kSyn};
  syn.options.mss = mss;
  if (!has_timestamps || !ack.options.timestamps) {
    return syn;
  }
  const std::uint32_t hidden = ack.options.timestamps->echo;
  syn.options.timestamps = ack.options.timestamps;
  syn.options.sack_permitted = (hidden & kSackBit) != 0;
  if ((hidden & kNoScale) != kNoScale) {
    syn.options.window_scale =
        std::min(static_cast<std::uint8_t>(hidden & kNoScale), wire::kWindowScaleMax);
  }
  if ((hidden & kEcnBit) != 0) {
    syn.flags = TcpFlags{TcpFlags::kSyn | kEcnSetup};
  }
  return syn;
}

}  // namespace millrace::tcp
