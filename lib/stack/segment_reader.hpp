// SegmentReader: from a usual frame to a segment in host order, its sums and lengths verified.
// Whose the segment is, and what becomes of frames that are not usual, is left to others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "packet/packet.hpp"
#include "tcp/segment.hpp"
#include "wire/usual_frame.hpp"

namespace millrace::stack {

/// Reads segments one after the other into one place, also those of different bursts: nearly all
/// have timestamps and nothing else, and what says that there is nothing else need be written but
/// once.
class SegmentReader {
 public:
  [[nodiscard]] const tcp::Segment& segment() const noexcept { return segment_; }

  /// Reads `frame`, which is usual, and cuts it down to its payload. False, with the frame as it
  /// was, if there is anything about it that has to be looked at closely.
  [[nodiscard]] bool read(packet::Packet& frame) noexcept {
    const wire::UsualFrame view{frame.data().data()};
    const std::uint32_t header = view.tcp_header_length();
    const std::uint32_t headers = wire::UsualFrame::kSegmentAt + header;
    const std::uint32_t end = wire::kEthernetHeaderSize + view.total_length();
    // Short frames are padded by Ethernet.
    if (header < wire::kTcpHeaderSize || headers > end || end > frame.size() ||
        !are_sums_right(frame, view) || !read_options(view, frame, header)) [[unlikely]] {
      return false;
    }
    segment_.seq = view.seq();
    segment_.ack = view.ack();
    segment_.payload_bytes = end - headers;
    segment_.window = view.window();
    segment_.flags = view.flags();
    segment_.ecn = wire::ecn_of(view.traffic_class());
    segment_.urgent_pointer = view.urgent_pointer();
    frame.keep(headers, segment_.payload_bytes);
    return true;
  }

  /// Whether a frame that is like the one read last may be known by what it says.
  [[nodiscard]] bool is_plain() const noexcept { return is_plain_; }
  /// Whether `frame`, which repeats another of `bytes` up to the end of its datagram, is whole,
  /// begins at `seq`, and has right sums.
  [[nodiscard]] static bool is_next(const packet::Packet& frame, std::uint32_t bytes,
                                    wire::SeqNum seq) noexcept {
    const wire::UsualFrame view{frame.data().data()};
    return frame.size() >= bytes && view.seq() == seq && are_sums_right(frame, view);
  }

 private:
  /// RFC 1122 §3.2.1.2, RFC 9293 §3.1, MUST-3: both are right, by the device's word or by our sums.
  [[nodiscard]] static bool are_sums_right(const packet::Packet& frame,
                                           const wire::UsualFrame& view) noexcept {
    using packet::ChecksumVerdict;
    if (frame.has_good_verdicts()) [[likely]] {
      return true;
    }
    const ChecksumVerdict ip = frame.ip_checksum_verdict();
    const ChecksumVerdict tcp = frame.l4_checksum_verdict();
    const bool may_be_right = ip != ChecksumVerdict::Bad && tcp != ChecksumVerdict::Bad;
    return may_be_right && (ip == ChecksumVerdict::Good || view.has_valid_ip_checksum()) &&
           (tcp == ChecksumVerdict::Good || view.has_valid_tcp_checksum());
  }

  [[nodiscard]] bool read_options(const wire::UsualFrame& view, const packet::Packet& frame,
                                  std::uint32_t header) noexcept {
    if (header == wire::UsualFrame::kHeaderWithTimestamps && view.has_timestamps_alone() &&
        is_plain_) [[likely]] {
      segment_.options.timestamps = view.timestamps();
      return true;
    }
    if (header == wire::kTcpHeaderSize && is_plain_) {
      segment_.options.timestamps.reset();
      return true;
    }
    segment_.options = {};
    is_plain_ = header == wire::kTcpHeaderSize ||
                (header == wire::UsualFrame::kHeaderWithTimestamps && view.has_timestamps_alone());
    return segment_.options.read(frame.data().subspan(
        wire::UsualFrame::kSegmentAt + wire::kTcpHeaderSize, header - wire::kTcpHeaderSize));
  }

  tcp::Segment segment_;
  bool is_plain_ = true;  // No options but timestamps are set.
};

}  // namespace millrace::stack
