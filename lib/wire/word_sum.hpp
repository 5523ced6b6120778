// WordSum: adds up the words of a piece of memory, and copies it on the way where that is wanted,
// with the vector code that the processor has; folds such sums. What they are for is
// checksum.hpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

/// Which code does it. All of them come to the same sum.
enum class SumCode : std::uint8_t {
  Plain,  ///< What the compiler makes of it for the processor that it was told.
  Avx2,   ///< 32 bytes at a time.
};

/// Whether this processor can run it.
[[nodiscard]] bool has_sum_code(SumCode code) noexcept;
/// What is used for pieces that are long enough: the best that the processor has, unless told
/// otherwise.
[[nodiscard]] SumCode sum_code() noexcept;
/// For tests and measurements: from now on that one, which the processor must have. While no other
/// thread sums.
void use_sum_code(SumCode code) noexcept;

/// A sum of words in 32 bits, which stands for the same in any sum that it is added to (RFC 1071
/// §2).
[[nodiscard]] constexpr std::uint32_t fold_to_32(std::uint64_t sum) noexcept {
  sum = (sum & 0xffff'ffffU) + (sum >> 32U);
  return static_cast<std::uint32_t>((sum & 0xffff'ffffU) + (sum >> 32U));
}

/// The sum of the bytes' 32-bit words in memory order, where zeros follow the last byte. It is
/// exact up to 4 GiB.
[[nodiscard]] std::uint64_t sum_words(std::span<const std::byte> bytes) noexcept;
/// The same, and copies the bytes to `to`, which must not overlap them.
[[nodiscard]] std::uint64_t copy_and_sum_words(std::byte* to,
                                               std::span<const std::byte> bytes) noexcept;

/// The one's complement sum of 16-bit words that a sum of such words, or of wider ones, comes to.
/// Zero only for zero.
[[nodiscard]] constexpr std::uint16_t fold_words(std::uint64_t sum) noexcept {
  sum = (sum & 0xffff'ffffU) + (sum >> 32U);
  // That leaves 33 bits at most; then 18, 17 and 16.
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace millrace::wire
