// UniversalHash and TabulationHash: a few multiplications, and four loads, under secret keys, for a
// table that every packet is looked up in. Unlike KeyedHash their values must not leave the
// process: whoever saw enough of them could work out the keys (decision 0021). KeyStream is where
// keys come from.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/keyed_hash.hpp"

namespace millrace::base {

/// As many secret words as are asked for, from one secret: KeyedHash of 0, 1, 2 and so on. Nobody
/// who lacks the secret can tell them from drawn ones.
class KeyStream {
 public:
  explicit KeyStream(const KeyedHash& secret) noexcept : secret_{secret} {}

  [[nodiscard]] std::uint64_t next() noexcept {
    const std::array<std::uint32_t, 1> number{count_++};
    return secret_(std::as_bytes(std::span{number}));
  }

 private:
  KeyedHash secret_;
  std::uint32_t count_ = 0;
};

/// Multilinear hashing with half the multiplications (Lemire and Kaser, "Strongly universal string
/// hashing is fast", 2014, §3): over the choice of the key any two different inputs have any two
/// values with the probability of chance, 2^-64. Nothing is promised of three.
template <std::size_t kWords>
requires(kWords % 2 == 0) class UniversalHash {
 public:
  /// Draws its key.
  explicit UniversalHash(KeyStream& keys) noexcept {
    for (std::uint64_t& word : key_) {
      word = keys.next();
    }
  }

  /// What the words from place `first` on, which is even, add to the sum of the words before them;
  /// `start` is the sum of none. So what is the same in many inputs need be added up but once.
  template <std::size_t kCount>
  requires(kCount % 2 == 0) [[nodiscard]] std::uint64_t
      add(std::uint64_t sum, std::size_t first,
          const std::array<std::uint32_t, kCount>& words) const noexcept {
    for (std::size_t i = 0; i < kCount; i += 2) {
      sum += (key_[first + i] + words[i]) * (key_[first + i + 1] + words[i + 1]);
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t start() const noexcept { return key_[kWords]; }
  /// The value of a sum of all words.
  [[nodiscard]] static std::uint32_t finish(std::uint64_t sum) noexcept {
    return static_cast<std::uint32_t>(sum >> 32U);
  }

  [[nodiscard]] std::uint32_t operator()(
      const std::array<std::uint32_t, kWords>& words) const noexcept {
    return finish(add(start(), 0, words));
  }

 private:
  std::array<std::uint64_t, kWords + 1> key_;
};

/// Simple tabulation: a drawn word for each value of each octet, and their sum without carry. The
/// values of any three inputs are independent, and linear probing takes constant time whatever the
/// inputs are (Pătraşcu and Thorup, "The power of simple tabulation hashing", 2012).
class TabulationHash {
 public:
  /// Draws its tables, 4 KiB.
  explicit TabulationHash(KeyStream& keys) noexcept {
    for (auto& table : tables_) {
      for (std::size_t i = 0; i < table.size(); i += 2) {
        const std::uint64_t drawn = keys.next();
        table[i] = static_cast<std::uint32_t>(drawn);
        table[i + 1] = static_cast<std::uint32_t>(drawn >> 32U);
      }
    }
  }

  [[nodiscard]] std::uint32_t operator()(std::uint32_t input) const noexcept {
    return tables_[0][input & 0xffU] ^ tables_[1][input >> 8U & 0xffU] ^
           tables_[2][input >> 16U & 0xffU] ^ tables_[3][input >> 24U];
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 4> tables_;
};

}  // namespace millrace::base
