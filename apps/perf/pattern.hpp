// What payloads are made of: a stream of eight-byte words, each the number of its place in
// disguise, so that whatever is lost, repeated, moved or changed on the way is found where it
// happened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace perf {

/// How much of what arrives is compared. Positions are counted either way, so that what is lost or
/// repeated shows with both.
enum class Verify : std::uint8_t {
  Sample,  ///< Each piece's first 64 bytes, its last word, and one word of 256 bytes between them.
  All,
};

/// The bytes of one direction of one connection. A plain value.
class Pattern {
 public:
  Pattern() noexcept = default;
  explicit Pattern(std::uint64_t seed) noexcept : seed_{seed} {}

  /// Of the client's stream on its connection `number` (up to 2^32) in the test with that seed. Its
  /// first word is the seed itself, from which the server learns whose stream it reads.
  [[nodiscard]] static Pattern of_connection(std::uint64_t test_seed,
                                             std::uint32_t number) noexcept;
  /// Of the client's stream that begins with this word; empty if no connection of that test does.
  [[nodiscard]] static std::optional<Pattern> from_first_word(std::uint64_t test_seed,
                                                              std::uint64_t word) noexcept;
  /// Of the other direction of the same connection.
  [[nodiscard]] Pattern answer() const noexcept;

  /// Writes what stands at `position` of the stream, in bytes from its start, and behind it.
  void fill(std::uint64_t position, std::span<std::byte> into) const noexcept;
  /// Whether `bytes` stand at `position`.
  [[nodiscard]] bool matches(std::uint64_t position, std::span<const std::byte> bytes,
                             Verify how) const noexcept;
  /// Where the first wrong byte is, counted from the front of `bytes`; empty if none is wrong.
  [[nodiscard]] std::optional<std::size_t> first_difference(
      std::uint64_t position, std::span<const std::byte> bytes) const noexcept;

  friend bool operator==(const Pattern&, const Pattern&) noexcept = default;

 private:
  // Odd, so that words that follow each other differ in all their bytes, and so that it can be
  // undone.
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;

  [[nodiscard]] std::uint64_t word(std::uint64_t index) const noexcept {
    return seed_ + index * kStep;
  }
  [[nodiscard]] std::byte byte_at(std::uint64_t position) const noexcept {
    return static_cast<std::byte>(word(position / 8) >> (8 * (position % 8)));
  }
  [[nodiscard]] bool matches_all(std::uint64_t position,
                                 std::span<const std::byte> bytes) const noexcept;

  std::uint64_t seed_ = 0;
};

/// One stream as it arrives: its position, and whether all was right so far.
class Checker {
 public:
  Checker() noexcept = default;
  /// Knows the stream.
  explicit Checker(Pattern pattern) noexcept : pattern_{pattern}, is_known_{true} {}
  /// Learns from the stream's first word whose it is.
  [[nodiscard]] static Checker learning() noexcept { return Checker{}; }

  /// Compares the next bytes. False when they are wrong; after that it stays false.
  [[nodiscard]] bool take(std::span<const std::byte> bytes, std::uint64_t test_seed,
                          Verify how) noexcept;

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// What the stream was found to be; before that nobody's.
  [[nodiscard]] const Pattern& pattern() const noexcept { return pattern_; }
  /// Where in the stream the first wrong byte stood, once `take` was false.
  [[nodiscard]] std::uint64_t wrong_at() const noexcept { return wrong_at_; }

 private:
  [[nodiscard]] std::size_t learn(std::span<const std::byte> bytes,
                                  std::uint64_t test_seed) noexcept;

  Pattern pattern_;
  std::uint64_t position_ = 0;
  std::uint64_t wrong_at_ = 0;
  std::uint64_t first_word_ = 0;  // As far as it has arrived.
  bool is_known_ = false;
  bool is_wrong_ = false;
};

}  // namespace perf
