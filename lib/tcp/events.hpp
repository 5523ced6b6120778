// What a connection answers besides segments: news for the application, and what became of a
// segment.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/stats.hpp>

namespace millrace::tcp {

/// What the application is to hear of, gathered until somebody takes it.
class Events {
 public:
  static constexpr std::uint8_t kConnected = 1;
  static constexpr std::uint8_t kReadable = 2;
  static constexpr std::uint8_t kWritable = 4;
  static constexpr std::uint8_t kPeerFinished = 8;
  static constexpr std::uint8_t kClosed = 16;
  static constexpr std::uint8_t kSoftError = 32;
  static constexpr std::uint8_t kUrgent = 64;
  static constexpr std::uint8_t kProgress = 128;  // A place that SendWatch knows was passed.

  constexpr Events() noexcept = default;
  constexpr explicit Events(std::uint8_t bits) noexcept : bits_{bits} {}

  void add(std::uint8_t bits) noexcept { bits_ |= bits; }
  [[nodiscard]] bool has(std::uint8_t bits) const noexcept { return (bits_ & bits) != 0; }
  [[nodiscard]] bool any() const noexcept { return bits_ != 0; }
  [[nodiscard]] std::uint8_t bits() const noexcept { return bits_; }

 private:
  std::uint8_t bits_ = 0;
};

/// What became of an arriving segment. Counting a drop, and building the reset, is the caller's.
struct Disposition {
  std::optional<DropReason> dropped{};  ///< It, or all of its payload, was of no use.
  bool answer_with_reset = false;  ///< RFC 9293 §3.10.7: a reset made from this segment is due.
  bool is_out_of_order = false;    ///< It lay ahead of a hole.
  bool reports_duplicate = false;  ///< The peer says that something of ours came twice.
  std::uint32_t delivered = 0;     ///< Segments of ours that the peer now is known to have.
};

}  // namespace millrace::tcp
