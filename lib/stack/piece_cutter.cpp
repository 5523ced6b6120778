#include "stack/piece_cutter.hpp"

#include <algorithm>
#include <utility>

#include "base/contract.hpp"

namespace millrace::stack {

using packet::Packet;
using tcp::TcpFlags;

namespace {

constexpr unsigned kOfTheFirst = TcpFlags::kSyn | TcpFlags::kCwr;
constexpr unsigned kOfTheLast = TcpFlags::kFin | TcpFlags::kPsh;

std::uint32_t sent_bytes_of(const Packet& payload) {
  // A peer on the other side of a virtual device can say anything.
  constexpr std::uint32_t kLeast = 64;
  const std::uint32_t all = std::max(payload.size(), kLeast);
  return payload.joined_from() == 0 ? all
                                    : std::clamp<std::uint32_t>(payload.joined_from(), kLeast, all);
}

}  // namespace

PieceCutter::PieceCutter(const tcp::Segment& segment, Packet payload) noexcept
    : whole_{segment}, rest_{std::move(payload)}, sent_bytes_{sent_bytes_of(rest_)} {
  base::expects(rest_.size() == segment.payload_bytes);
}

std::uint32_t PieceCutter::sent_segments() const noexcept {
  return std::max((whole_.payload_bytes + sent_bytes_ - 1) / sent_bytes_, 1U);
}

Packet PieceCutter::next(tcp::Segment& piece) noexcept {
  base::expects(!is_done_);
  Packet payload = std::move(rest_);
  // Headers may fill a packet, and leave nothing for the payload.
  payload.drop_empty_front();
  rest_ = payload.take_rest();
  describe(piece, payload.size());
  piece.begun = count_begun(payload.size());
  offset_ += payload.size();
  // What follows a reset is nobody's.
  is_done_ = offset_ == whole_.payload_bytes || whole_.flags.rst();
  return payload;
}

std::uint16_t PieceCutter::count_begun(std::uint32_t bytes) noexcept {
  std::uint16_t count = whole_.payload_bytes == 0 ? 1 : 0;
  for (; begins_at_ < offset_ + bytes; begins_at_ += sent_bytes_) {
    ++count;
  }
  return count;
}

void PieceCutter::describe(tcp::Segment& piece, std::uint32_t bytes) const noexcept {
  const bool is_first = offset_ == 0;
  const bool is_last = offset_ + bytes == whole_.payload_bytes;
  piece = whole_;
  piece.payload_bytes = bytes;
  piece.uncut_bytes = std::min(sent_bytes_, whole_.payload_bytes);
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
