// What a seed may have drawn: faults of its links, the shape of its network, settings of its hosts,
// and the ways of its applications. Every one of them has a name and is counted, so that none of
// them dies out unnoticed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace swarm {

enum class Trait : std::uint8_t {
  // Faults of links.
  Loss,
  BurstLoss,
  Jitter,
  Reordering,
  Duplication,
  Corruption,
  Truncation,
  Forgery,
  RateLimit,
  ShortQueue,
  ByteQueue,
  Red,
  Policer,
  AckThinning,
  Flaps,
  SmallMtu,   // A router says so.
  BlackHole,  // Nobody says so.
  MtuChange,
  Asymmetry,
  // The shape of the network.
  Switched,
  Routed,
  // Hosts.
  SmallWindows,
  LargeWindows,
  FewReassembled,
  FewPackets,
  SingleSegment,
  SmallInterface,
  NoTimestamps,
  NoSelectiveAcks,
  Ecn,
  SynCookies,
  // Applications.
  SlowReader,
  StalledReader,
  TinyWrites,
  HalfClose,
  Abort,
  ManyConnections,
  Urgent,
  Keepalive,
  FastOpen,
  Cork,
  Tuned,
  Udp,
};
inline constexpr std::size_t kTraitCount = 43;

/// "loss", "burst-loss" and so on. Static storage.
[[nodiscard]] std::string_view to_string(Trait trait) noexcept;

class Traits {
 public:
  constexpr Traits() noexcept = default;
  constexpr explicit Traits(std::uint64_t bits) noexcept : bits_{bits} {}

  [[nodiscard]] constexpr bool has(Trait trait) const noexcept {
    return (bits_ >> static_cast<unsigned>(trait) & 1U) != 0;
  }
  constexpr void add(Trait trait) noexcept { bits_ |= 1ULL << static_cast<unsigned>(trait); }
  constexpr void remove(Trait trait) noexcept { bits_ &= ~(1ULL << static_cast<unsigned>(trait)); }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  /// "loss, red, urgent".
  [[nodiscard]] std::string names() const;

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace swarm
