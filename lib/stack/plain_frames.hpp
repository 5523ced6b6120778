// PlainFrames: whole frames for the segments of one `tcp::PlainRun` after the other, whose next hop
// is known: headers from one layout, payload copied or referred to. The bytes are those that
// FrameBuilder and `net::Ipv4Output` give; whatever takes more than two pieces is left to them.
#pragma once

#include <cstdint>

#include "net/interface.hpp"
#include "packet/packet_pool.hpp"
#include "tcp/plain_run.hpp"
#include "tcp/send_buffer.hpp"
#include "wire/tcp_frame.hpp"

namespace millrace::stack {

class PlainFrames {
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

 private:
  [[nodiscard]] packet::Packet build_without_payload(
      const tcp::PlainRun::Segment& segment) noexcept;
  [[nodiscard]] packet::Packet build_with_copy(const tcp::PlainRun::Segment& segment,
                                               const tcp::SendBuffer::Piece& piece) noexcept;
  [[nodiscard]] packet::Packet build_with_reference(const tcp::PlainRun::Segment& segment,
                                                    const tcp::SendBuffer::Piece& piece) noexcept;
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
  bool takes_chains_ = false;
  bool sums_payload_ = true;
};

}  // namespace millrace::stack
