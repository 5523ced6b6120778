// WordSum: adds up the words of a piece of memory, and copies it on the way where that is wanted,
// with the vector code that the processor has. What the sums are for is checksum.hpp's.
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

/// The sum of the bytes' 32-bit words in memory order, where zeros follow the last byte. It is
/// exact up to 4 GiB.
[[nodiscard]] std::uint64_t sum_words(std::span<const std::byte> bytes) noexcept;
/// The same, and copies the bytes to `to`, which must not overlap them.
[[nodiscard]] std::uint64_t copy_and_sum_words(std::byte* to,
                                               std::span<const std::byte> bytes) noexcept;

}  // namespace millrace::wire
