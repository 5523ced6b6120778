// BigEndian<T>: an integer in network byte order with alignment 1, the building block of header
// layouts. It belongs to wire/; every value above that layer is in host order.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>

namespace millrace::base {

template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(T value) noexcept : bytes_{to_bytes(value)} {}

  constexpr BigEndian& operator=(T value) noexcept {
    bytes_ = to_bytes(value);
    return *this;
  }

  /// The value in host order.
  [[nodiscard]] constexpr T value() const noexcept { return swapped(std::bit_cast<T>(bytes_)); }

  friend constexpr bool operator==(const BigEndian&, const BigEndian&) noexcept = default;

 private:
  using Bytes = std::array<std::byte, sizeof(T)>;

  [[nodiscard]] static constexpr Bytes to_bytes(T value) noexcept {
    return std::bit_cast<Bytes>(swapped(value));
  }
  [[nodiscard]] static constexpr T swapped(T value) noexcept {
    if constexpr (std::endian::native == std::endian::big) {
      return value;
    } else {
      return std::byteswap(value);
    }
  }

  Bytes bytes_{};
};

}  // namespace millrace::base
