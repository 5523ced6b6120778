#include "stack/piece_cutter.hpp"

#include <utility>

#include "base/contract.hpp"

namespace millrace::stack {

using packet::Packet;
using tcp::TcpFlags;

namespace {

constexpr unsigned kOfTheFirst = TcpFlags::kSyn | TcpFlags::kCwr;
constexpr unsigned kOfTheLast = TcpFlags::kFin | TcpFlags::kPsh;

}  // namespace

PieceCutter::PieceCutter(const tcp::Segment& segment, Packet payload) noexcept
    : whole_{segment}, rest_{std::move(payload)} {
  base::expects(rest_.size() == segment.payload_bytes);
}

Packet PieceCutter::next(tcp::Segment& piece) noexcept {
  base::expects(!is_done_);
  Packet payload = std::move(rest_);
  rest_ = payload.take_rest();
  // Headers may fill a packet, and leave nothing for the payload.
  while (payload.size() == 0 && rest_) {
    payload = std::move(rest_);
    rest_ = payload.take_rest();
  }
  describe(piece, payload.size());
  offset_ += payload.size();
  // What follows a reset is nobody's.
  is_done_ = offset_ == whole_.payload_bytes || whole_.flags.rst();
  return payload;
}

void PieceCutter::describe(tcp::Segment& piece, std::uint32_t bytes) const noexcept {
  const bool is_first = offset_ == 0;
  const bool is_last = offset_ + bytes == whole_.payload_bytes;
  piece = whole_;
  piece.payload_bytes = bytes;
  piece.seq += offset_ + (whole_.flags.syn() && !is_first ? 1 : 0);
  unsigned flags = whole_.flags.bits();
  flags &= is_first ? ~0U : ~kOfTheFirst;
  flags &= is_last ? ~0U : ~kOfTheLast;
  if (whole_.flags.urg()) {
    // RFC 9293 §3.1: counted from the sequence number.
    const bool is_ahead = whole_.urgent_pointer >= offset_;
    piece.urgent_pointer =
        is_ahead ? static_cast<std::uint16_t>(whole_.urgent_pointer - offset_) : std::uint16_t{0};
    flags &= is_ahead ? ~0U : ~unsigned{TcpFlags::kUrg};
  }
  piece.flags = TcpFlags{static_cast<std::uint8_t>(flags)};
}

}  // namespace millrace::stack
