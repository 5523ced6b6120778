// Random: a ChaCha20 key stream read as numbers. Seeded from the system it serves secrets; seeded
// with a number it repeats itself exactly, which is what the simulator and the tests live on. It is
// not shared: each core, each simulated host owns one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::base {

class Random {
 public:
  /// Keyed by the operating system.
  [[nodiscard]] static Random from_system() noexcept;
  /// The same numbers for the same seed, on every machine.
  [[nodiscard]] static Random from_seed(std::uint64_t seed) noexcept;

  // A copy would repeat what the original hands out.
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  Random(Random&&) noexcept = default;
  Random& operator=(Random&&) noexcept = default;
  ~Random() = default;

  [[nodiscard]] std::uint32_t next_u32() noexcept { return next<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t next_u64() noexcept { return next<std::uint64_t>(); }

  /// Evenly distributed over 0 to n - 1. `n` must not be 0.
  [[nodiscard]] std::uint32_t below(std::uint32_t n) noexcept;

  /// True once in `n` calls on average. `n` must not be 0.
  [[nodiscard]] bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }

  void fill(std::span<std::byte> out) noexcept;

 private:
  static constexpr std::size_t kKeyBytes = 32;
  static constexpr std::size_t kBufferBytes = 512;

  explicit Random(const std::array<std::byte, kKeyBytes>& key) noexcept : key_{key} {}

  template <class T>
  [[nodiscard]] T next() noexcept;
  void refill() noexcept;

  std::array<std::byte, kKeyBytes> key_;
  std::uint64_t next_block_ = 0;     // Nonce of the next buffer.
  std::size_t used_ = kBufferBytes;  // Octets of the buffer that were handed out.
  std::array<std::byte, kBufferBytes> buffer_;
};

template <class T>
T Random::next() noexcept {
  if (kBufferBytes - used_ < sizeof(T)) {
    refill();
  }
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), buffer_.data() + used_, sizeof(T));
  used_ += sizeof(T);
  // Little-endian on every machine.
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(bytes[i]) << (8 * i));
  }
  return value;
}

}  // namespace millrace::base
