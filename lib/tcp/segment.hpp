// Segment: what arrived, parsed. SegmentPlan: what to send, as values and a byte range; frames are
// built elsewhere.
#pragma once

#include <cstdint>

#include "wire/ipv4.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::SeqNum;
using wire::TcpFlags;

/// An arriving segment in host order. The payload travels beside it, in its packet.
struct Segment {
  SeqNum seq{0};
  SeqNum ack{0};
  std::uint32_t payload_bytes = 0;
  std::uint16_t window = 0;  ///< As on the wire, not yet scaled.
  TcpFlags flags{};
  wire::Ecn ecn = wire::Ecn::NotCapable;  ///< As its datagram arrived (RFC 3168 §5).
  std::uint16_t urgent_pointer = 0;       ///< From `seq` to behind the urgent data, with URG.
  /// How many segments that the peer sent begin in this. Not one where this is a piece: of a long
  /// one, or of several that a device has joined.
  std::uint16_t begun = 1;
  /// Payload of the longest of those in bytes, where this is a piece; 0: this is no piece.
  std::uint32_t uncut_bytes = 0;
  wire::TcpOptions options;

  /// Payload as the peer sent it in one segment, in bytes.
  [[nodiscard]] std::uint32_t sent_bytes() const noexcept {
    return uncut_bytes == 0 ? payload_bytes : uncut_bytes;
  }
  /// SEG.LEN of RFC 9293 §3.4: SYN and FIN count one each.
  [[nodiscard]] std::uint32_t length() const noexcept {
    return payload_bytes + (flags.syn() ? 1U : 0U) + (flags.fin() ? 1U : 0U);
  }
  /// The sequence number behind the last octet.
  [[nodiscard]] SeqNum end() const noexcept { return seq + length(); }
};

/// A segment to send. The payload is that many bytes from `payload_seq()` on of the connection's
/// send buffer.
struct SegmentPlan {
  SeqNum seq{0};
  SeqNum ack{0};
  std::uint32_t payload_bytes = 0;
  std::uint16_t window = 0;  ///< As on the wire.
  TcpFlags flags{};
  wire::Ecn ecn = wire::Ecn::NotCapable;  ///< What its datagram is to say (RFC 3168 §5).
  std::uint16_t urgent_pointer = 0;       ///< With URG.
  wire::TcpOptions options;

  /// Where the payload begins: a SYN has an octet before it.
  [[nodiscard]] SeqNum payload_seq() const noexcept { return seq + (flags.syn() ? 1U : 0U); }
};

}  // namespace millrace::tcp
