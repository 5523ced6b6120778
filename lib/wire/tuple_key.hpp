// TupleKey: what names a connection over IPv4, as its bytes lie in a frame, so that a frame's is
// read in three loads.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include <millrace/endpoint.hpp>

#include "base/big_endian.hpp"

namespace millrace::wire {

/// Words in wire order: their values differ between machines, and nothing but comparing and hashing
/// makes sense with them.
struct TupleKey {
  std::uint32_t remote = 0;  ///< The peer's address: the source of what arrives.
  std::uint32_t local = 0;
  std::uint32_t ports = 0;  ///< The peer's, then ours.

  /// Of a tuple whose addresses are both IPv4.
  [[nodiscard]] static TupleKey of(const FourTuple& tuple) noexcept {
    return {.remote = std::bit_cast<std::uint32_t>(tuple.remote.address.v4_bytes()),
            .local = std::bit_cast<std::uint32_t>(tuple.local.address.v4_bytes()),
            .ports = ports_of(tuple)};
  }
  [[nodiscard]] static std::uint32_t ports_of(const FourTuple& tuple) noexcept {
    using Field = base::BigEndian<std::uint16_t>;
    const std::array ports{Field{tuple.remote.port.number()}, Field{tuple.local.port.number()}};
    return std::bit_cast<std::uint32_t>(ports);
  }

  /// Without a branch for each word: nearly all that are compared differ in the last, or in none.
  friend constexpr bool operator==(const TupleKey& a, const TupleKey& b) noexcept {
    return ((a.remote ^ b.remote) | (a.local ^ b.local) | (a.ports ^ b.ports)) == 0;
  }
};

}  // namespace millrace::wire
