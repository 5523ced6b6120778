// PathMtuCache: the path MTUs that routers have told this core of, by destination, for as long as
// they are believed (RFC 1191 §6.3). Whether a router's word is to be believed, and what it means
// for what is in flight, is decided elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"

namespace millrace::net {

/// Bounded: small sets of entries, by a keyed hash of the destination. In a full set a new entry
/// takes the place of the one that would be forgotten first.
class PathMtuCache {
 public:
  /// `capacity` is the number of entries, rounded up to whole sets; `lifetime` how long one lasts.
  PathMtuCache(std::uint32_t capacity, Duration lifetime, base::KeyedHash hash);

  /// In bytes of an IP datagram.
  [[nodiscard]] std::optional<std::uint16_t> find(Instant now,
                                                  const IpAddress& destination) noexcept;
  /// Notes it, or replaces what is known, from now on.
  void learn(Instant now, const IpAddress& destination, std::uint16_t mtu) noexcept;

  /// Another number whenever anything was learned or forgotten: who has asked before need not ask
  /// again until it changes.
  [[nodiscard]] std::uint32_t generation(Instant now) noexcept {
    if (now >= next_expiry_) {
      forget_expired(now);
    }
    return generation_;
  }
  /// Entries, expired ones perhaps included.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kWays = 4;

  struct Entry {
    IpAddress destination;
    Instant expires = Instant::min();
    std::uint16_t mtu = 0;  // Zero: no entry.
  };
  using Set = std::array<Entry, kWays>;

  [[nodiscard]] Set& set_of(const IpAddress& destination) noexcept;
  void forget_expired(Instant now) noexcept;

  std::vector<Set> sets_;
  Duration lifetime_;
  base::KeyedHash hash_;
  Instant next_expiry_ = Instant::max();  // No entry is older.
  std::uint32_t generation_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace millrace::net
