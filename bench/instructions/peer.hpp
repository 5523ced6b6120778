// Peer: the other end of one connection in a trace, without a stack of its own, so that what the
// stack under test receives depends on nothing but the trace. It answers in order, with timestamps
// of the trace's clock, and ends the program when it hears what it should not.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>

#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "wire/arp.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::bench {

/// What a frame from the stack under test holds, as far as peers care.
struct HeardSegment {
  wire::TcpHeader header;
  wire::TcpOptions options;
  std::uint32_t payload_bytes = 0;
};

/// Where the frames of all peers come from and go to.
struct Wire {
  packet::PacketPool& pool;  ///< As the receive ring of a NIC is filled from it.
  MacAddress stack_mac;
  MacAddress peer_mac;
};

class Peer {
 public:
  /// `tuple` as the stack under test sees it.
  Peer(const Wire& wire, const FourTuple& tuple, std::uint32_t iss) noexcept
      : wire_{wire}, tuple_{tuple}, snd_nxt_{iss} {}

  /// What `peer` says by ARP to `stack`.
  [[nodiscard]] static packet::Packet make_arp(const Wire& wire, wire::ArpOperation operation,
                                               const IpAddress& peer, const IpAddress& stack);

  [[nodiscard]] packet::Packet make_syn(Instant now);
  /// A segment that acknowledges everything that was heard; `flags` beside ACK.
  [[nodiscard]] packet::Packet make_segment(Instant now, std::uint32_t payload_bytes,
                                            std::uint8_t flags);
  /// An ACK for the first `bytes` of what was heard and not acknowledged before.
  [[nodiscard]] packet::Packet make_partial_ack(Instant now, std::uint32_t bytes);

  /// A segment of the stack's arrives. It must be the next one and acknowledge nothing that was not
  /// sent.
  void hear(const HeardSegment& segment);

  [[nodiscard]] const FourTuple& tuple() const noexcept { return tuple_; }
  /// Payload and segments with payload, heard since the start.
  [[nodiscard]] std::uint64_t bytes_heard() const noexcept { return bytes_heard_; }
  [[nodiscard]] std::uint64_t full_segments_heard() const noexcept { return full_segments_heard_; }
  [[nodiscard]] bool has_heard_fin() const noexcept { return has_heard_fin_; }
  /// Heard and not acknowledged by a segment of ours.
  [[nodiscard]] std::uint32_t unacknowledged() const noexcept {
    return static_cast<std::uint32_t>(rcv_nxt_ - last_ack_);
  }
  /// Everything that was sent has been acknowledged.
  [[nodiscard]] bool is_all_acknowledged() const noexcept { return snd_una_ == snd_nxt_; }

 private:
  [[nodiscard]] packet::Packet make(Instant now, wire::SeqNum ack, std::uint32_t payload_bytes,
                                    std::uint8_t flags);

  Wire wire_;
  FourTuple tuple_;
  wire::SeqNum snd_nxt_;
  wire::SeqNum snd_una_;
  wire::SeqNum rcv_nxt_;
  wire::SeqNum last_ack_;
  std::uint32_t ts_recent_ = 0;
  std::uint64_t bytes_heard_ = 0;
  std::uint64_t full_segments_heard_ = 0;
  bool has_heard_syn_ = false;
  bool has_heard_fin_ = false;
};

/// Reads a frame of the stack's: Ethernet, IPv4 and TCP; nothing if it is ARP. Ends the program if
/// it is anything else.
[[nodiscard]] std::optional<HeardSegment> read_frame(const packet::Packet& frame);

}  // namespace millrace::bench
