// PlainFrames: whole frames for the segments of one `tcp::PlainRun` after the other, whose next hop
// is known: headers from one layout, payload copied or referred to. The bytes are those that
// FrameBuilder and `net::Ipv4Output` give. Where the device cuts segments (TSO), one frame is made
// for as many as it may hold.
#pragma once

#include <cstdint>

#include "net/interface.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_queue.hpp"
#include "tcp/plain_run.hpp"
#include "tcp/send_buffer.hpp"
#include "wire/tcp_frame.hpp"

namespace millrace::stack {

class PlainFrames {
  using SeqNum = tcp::SeqNum;

 public:
  explicit PlainFrames(packet::CorePools& pools) noexcept : pools_{pools} {}

  /// What begins from now on leaves by `interface` for the station `next_hop`. Neither is kept.
  void set_hop(const net::Interface& interface, const MacAddress& next_hop) noexcept;
  /// The next frames are those of `setting`, which is not kept. Never without `set_hop`.
  void begin(const wire::TcpFrameSetting& setting) noexcept;

  /// `payload` holds what the segment carries, and may be null where that is nothing. Empty when a
  /// pool is exhausted, or when this is not the place to build such a frame: FrameBuilder decides.
  [[nodiscard]] packet::Packet build(const tcp::PlainRun::Segment& segment,
                                     tcp::SendBuffer* payload) noexcept;

  /// How many full segments of `mss` bytes one frame may hold for the device to cut; less than two:
  /// none may.
  [[nodiscard]] std::uint32_t joined_max(std::uint16_t mss) const noexcept;
  /// `segments` of them from `seq` on, which `payload` holds, and room for their headers: `seal`
  /// comes next. Empty when a pool is exhausted, or where they lie in too many pieces: then `build`
  /// has to do.
  [[nodiscard]] packet::Packet join(SeqNum seq, std::uint16_t mss, std::uint32_t segments,
                                    tcp::SendBuffer& payload) noexcept;
  /// Writes the headers of all that was joined.
  void seal(packet::Packet& joined, const tcp::PlainRun::Segment& all, std::uint16_t mss) noexcept;

 private:
  [[nodiscard]] packet::Packet build_without_payload(
      const tcp::PlainRun::Segment& segment) noexcept;
  [[nodiscard]] packet::Packet build_with_copy(const tcp::PlainRun::Segment& segment,
                                               const tcp::SendBuffer::Piece& piece) noexcept;
  [[nodiscard]] packet::Packet build_with_reference(const tcp::PlainRun::Segment& segment,
                                                    const tcp::SendBuffer::Piece& piece) noexcept;
  /// A segment that does not lie in one packet.
  [[nodiscard]] packet::Packet build_with_references(const tcp::PlainRun::Segment& segment,
                                                     tcp::SendBuffer& payload) noexcept;
  /// The sum of the words of pieces, one after the other.
  struct PieceSum {
    bool is_wanted = false;
    bool adds_up = true;  ///< Not so if one but the last has an odd length.
    std::uint32_t bytes = 0;
    std::uint64_t words = 0;

    void add(packet::PacketQueue::Position piece, std::uint32_t offset,
             std::uint32_t length) noexcept;
  };
  /// How many pieces of payload a frame may have, and each segment that it is cut into: devices
  /// have limits for both (`rte_eth_desc_lim`, `nb_seg_max` and `nb_mtu_seg_max`).
  struct PieceLimit {
    std::uint32_t most = 0;
    std::uint32_t segment_bytes = 0;
    std::uint32_t pieces = 0;
    std::uint32_t pieces_of_segment = 0;
    std::uint32_t filled = 0;  ///< Bytes of the segment that the next piece begins in.

    /// Whether there may be one more, of that many bytes.
    [[nodiscard]] bool take(std::uint32_t length) noexcept;
  };
  /// Room for headers, and behind it references to `bytes` from `seq` on, within `limit`. They are
  /// walked over once: going back in the buffer means searching it.
  [[nodiscard]] packet::Packet refer(SeqNum seq, std::uint32_t bytes, PieceLimit limit,
                                     tcp::SendBuffer& payload, PieceSum& sum) noexcept;
  [[nodiscard]] packet::Packet allocate_for(std::uint32_t bytes) noexcept;
  /// Makes room for the headers, and for `copied` bytes of payload, in an empty packet. Returns
  /// where IPv4's begins.
  [[nodiscard]] std::byte* open(packet::Packet& packet, std::uint32_t copied) noexcept;
  void write_headers(std::byte* at, const tcp::PlainRun::Segment& segment,
                     std::uint64_t payload_sum) noexcept {
    layout_.write(at, segment.seq, segment.flags, segment.payload_bytes, payload_sum);
  }

  packet::CorePools& pools_;
  wire::TcpFrame layout_;
  packet::ChecksumRequest request_;
  std::uint16_t mtu_ = 0;          // Of the link, in bytes.
  std::uint16_t payload_max_ = 0;  // What that leaves.
  std::uint16_t tso_pieces_ = 0;
  bool takes_chains_ = false;
  bool fills_ipv4_checksum_ = false;  // The device.
  bool sums_payload_ = true;
};

}  // namespace millrace::stack
