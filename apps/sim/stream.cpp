#include "apps/sim/stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace swarm {

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t word_at(std::uint64_t seed, std::uint64_t number) noexcept {
  std::uint64_t word = seed * 0x9e37'79b9'7f4a'7c15U + number;
  word = (word ^ (word >> 30U)) * 0xbf58'476d'1ce4'e5b9U;
  return word ^ (word >> 27U);
}

}  // namespace

void write_stream(std::uint64_t seed, std::uint64_t offset, std::span<std::byte> into) noexcept {
  while (!into.empty()) {
    const std::uint64_t word = word_at(seed, offset / kWord);
    std::array<std::byte, kWord> bytes;
    std::memcpy(bytes.data(), &word, kWord);
    const std::size_t skipped = offset % kWord;
    const std::size_t count = std::min(kWord - skipped, into.size());
    std::memcpy(into.data(), bytes.data() + skipped, count);
    into = into.subspan(count);
    offset += count;
  }
}

std::size_t first_wrong(std::uint64_t seed, std::uint64_t offset,
                        std::span<const std::byte> bytes) noexcept {
  std::array<std::byte, 512> expected;
  std::size_t checked = 0;
  while (checked < bytes.size()) {
    const auto piece = bytes.subspan(checked, std::min(expected.size(), bytes.size() - checked));
    write_stream(seed, offset + checked, std::span{expected}.first(piece.size()));
    if (std::memcmp(expected.data(), piece.data(), piece.size()) != 0) {
      return checked +
             static_cast<std::size_t>(std::ranges::mismatch(piece, expected).in1 - piece.begin());
    }
    checked += piece.size();
  }
  return checked;
}

}  // namespace swarm
