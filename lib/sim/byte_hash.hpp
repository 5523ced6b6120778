// ByteHash: a quick 64-bit hash of what the simulator wants to recognize again. It guards against
// mistakes, not against malice: that is base::KeyedHash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace::sim {

class ByteHash {
 public:
  constexpr explicit ByteHash(std::uint64_t start = 0) noexcept : value_{start} {}

  constexpr void add(std::uint64_t word) noexcept {
    value_ = (value_ ^ word) * 0x9e37'79b9'7f4a'7c15U;
    value_ ^= value_ >> 32U;
  }
  /// The same bytes in other pieces give another hash.
  void add(std::span<const std::byte> bytes) noexcept {
    add(std::uint64_t{bytes.size()});
    while (bytes.size() >= sizeof(std::uint64_t)) {
      add(word_of(bytes.first(sizeof(std::uint64_t))));
      bytes = bytes.subspan(sizeof(std::uint64_t));
    }
    if (!bytes.empty()) {
      add(word_of(bytes));
    }
  }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }

 private:
  [[nodiscard]] static std::uint64_t word_of(std::span<const std::byte> bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    return word;
  }

  std::uint64_t value_;
};

}  // namespace millrace::sim
