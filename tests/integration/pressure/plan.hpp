// What the two ends of a conversation do, drawn from a seed: both ends draw the same, so that each
// knows what the other sends and how it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <millrace/time.hpp>

namespace pressure {

enum class Ending : std::uint8_t {
  HalfClose,   ///< Finishes sending, reads to the end, closes.
  LateClose,   ///< Reads to the end before it finishes sending.
  EarlyClose,  ///< Closes as soon as all is handed over, whatever was not read.
  Abort,       ///< Resets the connection at that point instead.
};

/// Happens once, when that many bytes have gone by.
struct Pause {
  std::uint64_t at = 0;
  millrace::Duration length{};
};

/// What one end does.
struct SidePlan {
  std::uint64_t bytes = 0;        ///< To send in all, the opener's number included.
  std::uint32_t piece_bytes = 1;  ///< At most so many are handed over, or asked for, at once.
  Pause sending;
  Pause reading;
  Ending ending = Ending::HalfClose;
};

struct Plan {
  SidePlan opener;
  SidePlan acceptor;

  /// Neither end cuts the other short: both streams must arrive whole.
  [[nodiscard]] bool ends_in_order() const noexcept;
};

[[nodiscard]] Plan plan_for(std::uint64_t seed, std::uint64_t conversation) noexcept;

/// The opener's stream begins with the conversation's number, most significant byte first.
inline constexpr std::size_t kNumberBytes = 8;

/// The bytes that one end sends, by position.
class Stream {
 public:
  Stream(std::uint64_t seed, std::uint64_t conversation, bool is_openers) noexcept;

  [[nodiscard]] std::byte at(std::uint64_t position) const noexcept;
  void copy(std::uint64_t position, std::span<std::byte> into) const noexcept;
  /// How many of `bytes` are as they should be, from the front.
  [[nodiscard]] std::size_t matching(std::uint64_t position,
                                     std::span<const std::byte> bytes) const noexcept;

 private:
  std::uint64_t key_;
  std::uint64_t conversation_;
  bool has_number_;
};

}  // namespace pressure
