// Copies header layouts in and out of byte spans. A layout is a struct of BigEndian fields and byte
// arrays with alignment 1; copying it costs nothing after optimization and needs no aligned or
// typed memory behind the span.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "base/contract.hpp"

namespace millrace::wire {

template <class T>
concept RawLayout = std::is_trivially_copyable_v<T> && alignof(T) == 1;

/// The layout at the start of `bytes`, which the caller has checked to be long enough.
template <RawLayout Raw>
[[nodiscard]] inline Raw read_raw(std::span<const std::byte> bytes) noexcept {
  base::expects(bytes.size() >= sizeof(Raw));
  std::array<std::byte, sizeof(Raw)> copy;
  std::memcpy(copy.data(), bytes.data(), sizeof(Raw));
  return std::bit_cast<Raw>(copy);
}

/// Writes the layout to the start of `out`, which must have room for it.
template <RawLayout Raw>
inline void write_raw(std::span<std::byte> out, const Raw& raw) noexcept {
  base::expects(out.size() >= sizeof(Raw));
  std::memcpy(out.data(), &raw, sizeof(Raw));
}

}  // namespace millrace::wire
