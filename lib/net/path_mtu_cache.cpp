#include "net/path_mtu_cache.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "base/contract.hpp"

namespace millrace::net {

PathMtuCache::PathMtuCache(std::uint32_t capacity, Duration lifetime, base::KeyedHash hash)
    : sets_(std::bit_ceil((capacity + kWays - 1) / kWays)), lifetime_{lifetime}, hash_{hash} {}

PathMtuCache::Set& PathMtuCache::set_of(const IpAddress& destination) noexcept {
  return sets_[hash_(std::as_bytes(std::span{destination.bytes()})) & (sets_.size() - 1)];
}

std::optional<std::uint16_t> PathMtuCache::find(Instant now,
                                                const IpAddress& destination) noexcept {
  if (size_ == 0) {
    return std::nullopt;
  }
  for (const Entry& entry : set_of(destination)) {
    if (entry.mtu != 0 && entry.destination == destination && entry.expires > now) {
      return entry.mtu;
    }
  }
  return std::nullopt;
}

void PathMtuCache::learn(Instant now, const IpAddress& destination, std::uint16_t mtu) noexcept {
  base::expects(mtu != 0);
  Set& set = set_of(destination);
  auto* place = std::ranges::find_if(
      set, [&](const Entry& entry) { return entry.mtu != 0 && entry.destination == destination; });
  if (place == set.end()) {
    // Empty places have the smallest time of all.
    place = std::ranges::min_element(set, {}, &Entry::expires);
    size_ += place->mtu == 0 ? 1 : 0;
  }
  *place = {.destination = destination, .expires = now + lifetime_, .mtu = mtu};
  next_expiry_ = std::min(next_expiry_, place->expires);
  ++generation_;
}

void PathMtuCache::forget_expired(Instant now) noexcept {
  // In steps of a second, so that the walk, over all of a bounded table, is seldom.
  constexpr Duration kStep = std::chrono::seconds{1};
  Instant earliest = Instant::max();
  for (Set& set : sets_) {
    for (Entry& entry : set) {
      if (entry.mtu == 0) {
        continue;
      }
      if (entry.expires <= now) {
        entry = Entry{};
        --size_;
        ++generation_;
      } else {
        earliest = std::min(earliest, entry.expires);
      }
    }
  }
  next_expiry_ = earliest == Instant::max() ? earliest : std::max(earliest, now + kStep);
}

}  // namespace millrace::net
