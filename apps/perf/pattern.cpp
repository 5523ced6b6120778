// Words in host order: both ends are taken to be of one byte order, which the control connection
// makes sure of.
#include "perf/pattern.hpp"

#include <algorithm>
#include <cstring>

namespace perf {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kHeadBytes = 64;
constexpr std::size_t kSampleBytes = 256;
// What sets a connection's two directions apart.
constexpr std::uint64_t kAnswer = 0x5851f42d4c957f2dU;
// Makes a number look like chance; its inverse modulo 2^64 takes that back.
constexpr std::uint64_t kDisguise = 0xd1342543de82ef95U;

constexpr std::uint64_t inverse_of(std::uint64_t odd) noexcept {
  std::uint64_t inverse = odd;  // Right in its lowest three bits; each round doubles them.
  for (int round = 0; round < 5; ++round) {
    inverse *= 2 - odd * inverse;
  }
  return inverse;
}
static_assert(kDisguise * inverse_of(kDisguise) == 1);

// 32 bits that only this test gives this number.
std::uint32_t proof_of(std::uint64_t test_seed, std::uint32_t number) noexcept {
  std::uint64_t value = test_seed + number * 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return static_cast<std::uint32_t>(value >> 32U);
}

std::uint64_t load_word(const std::byte* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, kWord);
  return word;
}

}  // namespace

Pattern Pattern::of_connection(std::uint64_t test_seed, std::uint32_t number) noexcept {
  const std::uint64_t proof = proof_of(test_seed, number);
  return Pattern{(proof << 32U | number) * kDisguise};
}

std::optional<Pattern> Pattern::from_first_word(std::uint64_t test_seed,
                                                std::uint64_t word) noexcept {
  const auto number = static_cast<std::uint32_t>(word * inverse_of(kDisguise));
  const Pattern pattern = of_connection(test_seed, number);
  return pattern.seed_ == word ? std::optional{pattern} : std::nullopt;
}

Pattern Pattern::answer() const noexcept { return Pattern{seed_ ^ kAnswer}; }

void Pattern::fill(std::uint64_t position, std::span<std::byte> into) const noexcept {
  std::size_t at = 0;
  for (; at < into.size() && (position + at) % kWord != 0; ++at) {
    into[at] = byte_at(position + at);
  }
  std::uint64_t next = word((position + at) / kWord);
  for (; at + kWord <= into.size(); at += kWord, next += kStep) {
    std::memcpy(into.data() + at, &next, kWord);
  }
  for (; at < into.size(); ++at) {
    into[at] = byte_at(position + at);
  }
}

bool Pattern::matches_all(std::uint64_t position, std::span<const std::byte> bytes) const noexcept {
  std::size_t at = 0;
  std::uint64_t wrong = 0;
  for (; at < bytes.size() && (position + at) % kWord != 0; ++at) {
    wrong |= static_cast<std::uint64_t>(bytes[at] ^ byte_at(position + at));
  }
  std::uint64_t next = word((position + at) / kWord);
  for (; at + kWord <= bytes.size(); at += kWord, next += kStep) {
    wrong |= load_word(bytes.data() + at) ^ next;
  }
  for (; at < bytes.size(); ++at) {
    wrong |= static_cast<std::uint64_t>(bytes[at] ^ byte_at(position + at));
  }
  return wrong == 0;
}

bool Pattern::matches(std::uint64_t position, std::span<const std::byte> bytes,
                      Verify how) const noexcept {
  if (how == Verify::All || bytes.size() <= kHeadBytes + kWord) {
    return matches_all(position, bytes);
  }
  bool is_right = matches_all(position, bytes.first(kHeadBytes)) &&
                  matches_all(position + bytes.size() - kWord, bytes.last(kWord));
  for (std::size_t at = kSampleBytes; at + kWord <= bytes.size(); at += kSampleBytes) {
    is_right = is_right && matches_all(position + at, bytes.subspan(at, kWord));
  }
  return is_right;
}

std::optional<std::size_t> Pattern::first_difference(
    std::uint64_t position, std::span<const std::byte> bytes) const noexcept {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != byte_at(position + at)) {
      return at;
    }
  }
  return std::nullopt;
}

bool Checker::take(std::span<const std::byte> bytes, std::uint64_t test_seed, Verify how) noexcept {
  if (!is_known_ && !is_wrong_) {
    bytes = bytes.subspan(learn(bytes, test_seed));
  }
  if (is_wrong_) {
    position_ += bytes.size();
    return false;
  }
  if (!bytes.empty() && !pattern_.matches(position_, bytes, how)) {
    is_wrong_ = true;
    wrong_at_ = position_ + pattern_.first_difference(position_, bytes).value_or(0);
  }
  position_ += bytes.size();
  return !is_wrong_;
}

// Takes what is missing of the first word.
std::size_t Checker::learn(std::span<const std::byte> bytes, std::uint64_t test_seed) noexcept {
  std::size_t used = 0;
  for (; used < bytes.size() && position_ < kWord; ++used, ++position_) {
    first_word_ |= static_cast<std::uint64_t>(bytes[used]) << (8 * position_);
  }
  if (position_ == kWord) {
    const auto pattern = Pattern::from_first_word(test_seed, first_word_);
    is_known_ = pattern.has_value();
    is_wrong_ = !pattern;
    pattern_ = pattern.value_or(Pattern{});
  }
  return used;
}

}  // namespace perf
