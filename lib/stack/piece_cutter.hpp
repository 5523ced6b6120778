// PieceCutter: a segment whose payload lies in several packets, as several segments that lie in one
// each. It leaves the wire's view of it behind: TCP's queues are made of packets in one piece.
#pragma once

#include <cstdint>

#include "packet/packet.hpp"
#include "tcp/segment.hpp"

namespace millrace::stack {

/// Owns the packets that it has not handed out.
class PieceCutter {
 public:
  /// `segment` is all of it; `payload` has as many bytes as that says.
  PieceCutter(const tcp::Segment& segment, packet::Packet payload) noexcept;

  /// How many segments the peer sent that are joined here.
  [[nodiscard]] std::uint32_t sent_segments() const noexcept;
  /// Whether nothing is left.
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  /// The payload of the next one, and what that one says; not after the last.
  [[nodiscard]] packet::Packet next(tcp::Segment& piece) noexcept;

 private:
  void describe(tcp::Segment& piece, std::uint32_t bytes) const noexcept;
  [[nodiscard]] std::uint16_t count_begun(std::uint32_t bytes) noexcept;

  tcp::Segment whole_;
  packet::Packet rest_;
  std::uint32_t sent_bytes_;     // Payload of each segment that the peer sent, but the last.
  std::uint32_t offset_ = 0;     // Octets of payload before the next one.
  std::uint32_t begins_at_ = 0;  // Offset of the first segment that begins behind them.
  bool is_done_ = false;
};

}  // namespace millrace::stack
