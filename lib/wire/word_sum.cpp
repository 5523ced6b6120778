// Vector code is compiled for its own instruction set, function by function, whatever the rest is
// compiled for, and chosen once by what the processor says of itself. Code for AVX-512 was tried
// and left out: on memory in the caches it was no faster than that for AVX2.
#include "wire/word_sum.hpp"

#include <bit>
#include <cstring>

#include "base/contract.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace::wire {

namespace {

using Sum = std::uint64_t (*)(const std::byte*, std::size_t) noexcept;
using CopyAndSum = std::uint64_t (*)(std::byte*, const std::byte*, std::size_t) noexcept;

// Up to here plain code is done before vector code has gathered its lanes.
constexpr std::size_t kVectorBytesMin = 64;

template <class Word>
[[gnu::always_inline]] inline Word load(const std::byte* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof(Word));
  return word;
}

[[gnu::always_inline]] inline std::uint64_t halves(std::uint64_t word) noexcept {
  return (word & 0xffff'ffffU) + (word >> 32U);
}

/// Fewer than eight bytes as a word with zeros behind them.
[[gnu::always_inline]] inline std::uint64_t load_few(const std::byte* at,
                                                     std::size_t size) noexcept {
  std::uint64_t word = 0;
  if constexpr (std::endian::native != std::endian::little) {
    std::memcpy(&word, at, size);
    return word;
  }
  // Three branches cost less than a copy whose length only the processor knows.
  std::size_t done = 0;
  if ((size & 4U) != 0) {
    word = load<std::uint32_t>(at);
    done = 4;
  }
  if ((size & 2U) != 0) {
    word |= std::uint64_t{load<std::uint16_t>(at + done)} << 8U * done;
    done += 2;
  }
  if ((size & 1U) != 0) {
    word |= std::uint64_t{std::to_integer<std::uint8_t>(at[done])} << 8U * done;
  }
  return word;
}

[[gnu::always_inline]] inline std::uint64_t sum_rest(const std::byte* at,
                                                     std::size_t size) noexcept {
  std::uint64_t sum = 0;
  for (; size >= 8; at += 8, size -= 8) {
    sum += halves(load<std::uint64_t>(at));
  }
  return size > 0 ? sum + halves(load_few(at, size)) : sum;
}

std::uint64_t sum_plain(const std::byte* at, std::size_t size) noexcept {
  return sum_rest(at, size);
}

std::uint64_t copy_and_sum_plain(std::byte* to, const std::byte* at, std::size_t size) noexcept {
  // The copy is the C library's, which knows the processor; what it has touched is at hand.
  if (size > 0) {
    std::memcpy(to, at, size);
  }
  return sum_rest(at, size);
}

#if defined(__x86_64__)

/// Sums in four 64-bit lanes each, of what 32 bytes at a time bring.
struct Lanes256 {
  __m256i low;
  __m256i high;
};

[[gnu::target("avx2"), gnu::always_inline]] inline void add_to(Lanes256& lanes,
                                                               __m256i bytes) noexcept {
  const __m256i zero = _mm256_setzero_si256();
  lanes.low = _mm256_add_epi64(lanes.low, _mm256_unpacklo_epi32(bytes, zero));
  lanes.high = _mm256_add_epi64(lanes.high, _mm256_unpackhi_epi32(bytes, zero));
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load_256(const std::byte* at) noexcept {
  __m256i bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

[[gnu::target("avx2"), gnu::always_inline]] inline void store_256(std::byte* to,
                                                                  __m256i bytes) noexcept {
  std::memcpy(to, &bytes, sizeof bytes);
}

[[gnu::target("avx2"), gnu::always_inline]] inline std::uint64_t total_of(
    const Lanes256& one, const Lanes256& other) noexcept {
  const __m256i four = _mm256_add_epi64(_mm256_add_epi64(one.low, one.high),
                                        _mm256_add_epi64(other.low, other.high));
  const __m128i two =
      _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(two)) +
         static_cast<std::uint64_t>(_mm_extract_epi64(two, 1));
}

/// With `Copies`, to `to`; else `to` is not looked at.
template <bool Copies>
[[gnu::target("avx2"), gnu::always_inline]] inline std::uint64_t run_avx2(
    std::byte* to, const std::byte* at, std::size_t size) noexcept {
  Lanes256 one{_mm256_setzero_si256(), _mm256_setzero_si256()};
  Lanes256 other = one;
  for (; size >= 64; at += 64, size -= 64) {
    const __m256i front = load_256(at);
    const __m256i back = load_256(at + 32);
    if constexpr (Copies) {
      store_256(to, front);
      store_256(to + 32, back);
      to += 64;
    }
    add_to(one, front);
    add_to(other, back);
  }
  if (size >= 32) {
    const __m256i bytes = load_256(at);
    if constexpr (Copies) {
      store_256(to, bytes);
      to += 32;
    }
    add_to(one, bytes);
    at += 32;
    size -= 32;
  }
  if constexpr (Copies) {
    std::memcpy(to, at, size);
  }
  return total_of(one, other) + sum_rest(at, size);
}

[[gnu::target("avx2")]] std::uint64_t sum_avx2(const std::byte* at, std::size_t size) noexcept {
  return run_avx2<false>(nullptr, at, size);
}

[[gnu::target("avx2")]] std::uint64_t copy_and_sum_avx2(std::byte* to, const std::byte* at,
                                                        std::size_t size) noexcept {
  return run_avx2<true>(to, at, size);
}

#endif

struct Chosen {
  SumCode code;
  Sum sum;
  CopyAndSum copy_and_sum;
};

Chosen code_for(SumCode code) noexcept {
#if defined(__x86_64__)
  if (code == SumCode::Avx2) {
    return {code, sum_avx2, copy_and_sum_avx2};
  }
#endif
  return {SumCode::Plain, sum_plain, copy_and_sum_plain};
}

/// Chosen on first use.
Chosen& chosen() noexcept {
  static Chosen best = code_for(has_sum_code(SumCode::Avx2) ? SumCode::Avx2 : SumCode::Plain);
  return best;
}

}  // namespace

bool has_sum_code(SumCode code) noexcept {
#if defined(__x86_64__)
  if (code == SumCode::Avx2) {
    return __builtin_cpu_supports("avx2") != 0;
  }
#endif
  return code == SumCode::Plain;
}

SumCode sum_code() noexcept { return chosen().code; }

void use_sum_code(SumCode code) noexcept {
  base::expects(has_sum_code(code));
  chosen() = code_for(code);
}

std::uint64_t sum_words(std::span<const std::byte> bytes) noexcept {
  return bytes.size() < kVectorBytesMin ? sum_plain(bytes.data(), bytes.size())
                                        : chosen().sum(bytes.data(), bytes.size());
}

std::uint64_t copy_and_sum_words(std::byte* to, std::span<const std::byte> bytes) noexcept {
  return bytes.size() < kVectorBytesMin ? copy_and_sum_plain(to, bytes.data(), bytes.size())
                                        : chosen().copy_and_sum(to, bytes.data(), bytes.size());
}

}  // namespace millrace::wire
