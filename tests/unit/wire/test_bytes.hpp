// Byte strings for the tests of wire/: written as hex, cut short at every length, and random.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::wire::test {

using Bytes = std::vector<std::byte>;

/// Bytes from hexadecimal digits; everything else in the text is ignored.
inline Bytes from_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Bytes bytes;
  std::size_t digits = 0;
  for (const char character : text) {
    const std::size_t value = kDigits.find(character);
    if (value == std::string_view::npos) {
      continue;
    }
    if (digits++ % 2 == 0) {
      bytes.push_back(static_cast<std::byte>(value << 4U));
    } else {
      bytes.back() |= static_cast<std::byte>(value);
    }
  }
  return bytes;
}

/// `count` bytes that every seed determines.
inline Bytes random_bytes(std::mt19937& random, std::size_t count) {
  Bytes bytes(count);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random() & 0xffU); });
  return bytes;
}

/// Bytes with one of them replaced.
inline Bytes with_byte(Bytes bytes, std::size_t index, unsigned value) {
  bytes.at(index) = static_cast<std::byte>(value);
  return bytes;
}

/// Calls `check` with the first 0, 1, ... bytes of `valid`, short of all, each in memory of exactly
/// that size, so that a sanitizer sees a read past the end.
template <class Check>
void for_each_truncation(const Bytes& valid, Check&& check) {
  for (std::size_t size = 0; size < valid.size(); ++size) {
    const Bytes cut{valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(size)};
    check(std::span<const std::byte>{cut});
  }
}

/// Calls `check` with 100,000 byte strings, half of them noise and half of them `valid` with a few
/// bytes overwritten and the end cut off or extended, to get past the first checks.
template <class Check>
void for_each_random_input(const Bytes& valid, Check&& check) {
  constexpr int kInputs = 100'000;
  std::mt19937 random{20'240'601};
  for (int i = 0; i < kInputs; ++i) {
    Bytes input = random_bytes(random, random() % 80);
    if (i % 2 == 1 && !valid.empty()) {
      const Bytes tail = random_bytes(random, random() % 8);
      input = valid;
      input.insert(input.end(), tail.begin(), tail.end());
      for (std::size_t changes = random() % 4; changes > 0; --changes) {
        input[random() % input.size()] = static_cast<std::byte>(random() & 0xffU);
      }
      input.resize(input.size() - random() % 4);
      input.shrink_to_fit();
    }
    check(std::span<const std::byte>{input});
  }
}

}  // namespace millrace::wire::test
