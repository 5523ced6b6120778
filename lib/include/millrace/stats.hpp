// What a core counts: traffic, connections, and one counter for each reason to drop a packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <millrace/time.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// Why a packet, or what it carried, went no further. One counter each, one test each.
enum class DropReason : std::uint8_t {
  // Ethernet
  EthernetTooShort,     ///< Shorter than an Ethernet header.
  EthernetNotForUs,     ///< Neither our address nor a group address.
  EthernetUnknownType,  ///< An EtherType nothing here handles.
  VlanUnknown,          ///< Of a VLAN, or untagged, where the device has no interface for that.
  VlanNested,           ///< Carries more than one VLAN tag, or a provider's.
  // ARP
  ArpTooShort,      ///< Shorter than an ARP packet for IPv4 over Ethernet.
  ArpBadFormat,     ///< Hardware or protocol type or length is not IPv4 over Ethernet.
  ArpBadOperation,  ///< Neither request nor reply.
  ArpBadSender,  ///< Sender hardware address is a group address, zero or our own, or sender address
                 ///< is not unicast.
  ArpUnsolicited,  ///< Concerns an address we neither asked for nor know: creates no entry.
  // IPv4
  Ipv4TooShort,         ///< Shorter than the fixed header.
  Ipv4BadVersion,       ///< Version is not 4.
  Ipv4BadHeaderLength,  ///< IHL below 5 or past the end of the frame.
  Ipv4BadTotalLength,   ///< Total length below the header's or past the end of the frame.
  Ipv4Truncated,        ///< Longer than the MTU and cut off: an offload has joined segments.
  Ipv4BadChecksum,      ///< Header checksum is wrong.
  Ipv4BadOptions,       ///< An option's length is impossible.
  Ipv4SourceRoute,      ///< Carries a source route, which we decline.
  Ipv4MartianSource,    ///< Source is multicast, broadcast, loopback, unspecified or one of our own
                        ///< addresses.
  Ipv4NotForUs,         ///< Destination is none of our addresses; we do not forward.
  Ipv4BadFragment,      ///< A fragment of impossible length or place, or marked unlike the others.
  Ipv4DuplicateFragment,    ///< A fragment that had arrived before.
  Ipv4OverlappingFragment,  ///< Of a datagram whose fragments overlap, which is given up as a
                            ///< whole.
  Ipv4FragmentsIncomplete,  ///< Of a datagram whose other fragments did not arrive in time.
  Ipv4ReassemblyFull,       ///< A fragment beyond what may be kept, or given up in favor of others.
  Ipv4UnknownProtocol,      ///< A protocol nothing here handles.
  // ICMP
  IcmpTooShort,        ///< Shorter than its header, or than the quoted datagram it must carry.
  IcmpBadChecksum,     ///< Checksum is wrong.
  IcmpUnknownType,     ///< A type nothing here handles.
  IcmpNotUnicast,      ///< An echo request to a broadcast or multicast address.
  IcmpSourceQuench,    ///< A source quench, which nobody heeds any more.
  IcmpUnmatched,       ///< An error about a datagram that no socket of ours sent.
  IcmpNotInFlight,     ///< An error about a segment that its connection has not in flight.
  IcmpBadMtu,          ///< Fragmentation needed, with an MTU that is not news or cannot be.
  IcmpOutRateLimited,  ///< An error or echo reply was due, but the limit on those is reached.
  // UDP
  UdpTooShort,         ///< Shorter than its header.
  UdpBadLength,        ///< Length field below the header's or past the datagram.
  UdpBadChecksum,      ///< Checksum is wrong.
  UdpPartialChecksum,  ///< Checksum covers the pseudo header alone: a NIC was to finish it.
  UdpNotUnicast,       ///< For one host by its address, for all by its frame.
  UdpNoSocket,         ///< No socket holds that port.
  UdpQueueFull,        ///< The socket's receive queue is full: the application does not read.
  UdpReceiveFull,      ///< Beyond the packets that UDP's queues, or all queues, may hold.
  // TCP: format
  TcpTooShort,         ///< Shorter than its header.
  TcpBadDataOffset,    ///< Data offset below 5 or past the segment.
  TcpBadChecksum,      ///< Checksum is wrong.
  TcpPartialChecksum,  ///< Checksum covers the pseudo header alone: a NIC was to finish it.
  TcpBadOptions,       ///< An option's length is impossible.
  TcpNotUnicast,       ///< Addressed to a broadcast or multicast address.
  TcpBadPort,          ///< Source or destination port is zero.
  // TCP: demultiplexing and handshake
  TcpNoConnection,      ///< Belongs to nothing here; answered by a reset unless it was one.
  TcpBadFlags,          ///< A combination of flags that no state accepts.
  TcpAcceptDeferred,    ///< An ACK alone, where a listener waits for data (`defer_accept`).
  TcpAcceptQueueFull,   ///< The listener's accept queue is full.
  TcpSynQueueFull,      ///< The listener's SYN queue is full.
  TcpOutOfConnections,  ///< Every connection slot is in use.
  TcpBadHandshakeAck,   ///< An ACK in SYN-SENT or SYN-RECEIVED acknowledges what we did not send.
  TcpTimeWait,  ///< Arrived for a connection in TIME-WAIT and was not a new, acceptable SYN.
  // TCP: synchronized states
  TcpOutOfWindow,     ///< No part of it lies in the receive window.
  TcpBadReset,        ///< A reset whose sequence number is not exactly the next expected.
  TcpUnexpectedSyn,   ///< A SYN in a synchronized state.
  TcpNoAck,           ///< Lacks the ACK flag where one is required.
  TcpBadAck,          ///< Acknowledges what we have not sent, or is older than any window.
  TcpDuplicateData,   ///< All of its payload had been received before.
  TcpReassemblyFull,  ///< Out of order, and no room to keep it.
  TcpReceiveFull,     ///< In order, but beyond the budget of packets that queues may hold.
  TcpOldTimestamp,    ///< Its timestamp is older than the newest (RFC 7323 §5): an old duplicate.
  TcpNoTimestamp,     ///< Lacks the timestamps that both sides agreed on (RFC 7323 §3.2).
  TcpAfterClose,      ///< Carried data for an application that has closed; answered by a reset.
  // Resources
  OutOfPackets,        ///< The packet pool is exhausted.
  NeighborQueueFull,   ///< Too many packets wait for that neighbor; the oldest was dropped.
  NeighborUnresolved,  ///< The neighbor never answered.
  NeighborTableFull,   ///< Every neighbor entry is in use.
  NoRoute,             ///< No route leads to the destination.
  TransmitQueueFull,   ///< The device did not take frames for so long that the transmit queue is
                       ///< full.
  Count_,              ///< Number of reasons; not a reason.
};

/// Number of reasons.
inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::Count_);

/// The snake_case name under which a reason is reported, such as "tcp_bad_checksum". Static
/// storage.
[[nodiscard]] std::string_view to_string(DropReason reason) noexcept;

/// What one core has counted since start: numbers of what is named, unless they say otherwise.
/// `Worker::stats` lends them; a copy is a snapshot, to be used anywhere.
///
///     bool loses_much(const millrace::CoreStats& stats) {
///       return stats.tcp_retransmitted_segments * 100 > stats.tcp_segments_out;
///     }
struct CoreStats {
  // Frames and bytes at the devices, Ethernet header included, frame check sequence not.
  std::uint64_t rx_frames = 0;  ///< Frames received.
  std::uint64_t rx_bytes = 0;   ///< Bytes received.
  std::uint64_t tx_frames = 0;  ///< Frames the device took.
  std::uint64_t tx_bytes = 0;   ///< Bytes the device took.

  // TCP, counted in segments, bytes of payload and connections.
  /// Segments that arrived whole, as the peer sent them: where a device has joined some, each.
  std::uint64_t tcp_segments_in = 0;
  /// Segments sent, repeated ones included: where a device cuts them, as it does.
  std::uint64_t tcp_segments_out = 0;
  std::uint64_t tcp_bytes_in = 0;       ///< Bytes of payload received in order.
  std::uint64_t tcp_bytes_out = 0;      ///< Bytes of payload sent, repeated ones included.
  std::uint64_t tcp_resets_in = 0;      ///< Segments with RST that were accepted.
  std::uint64_t tcp_resets_out = 0;     ///< Segments with RST sent.
  std::uint64_t tcp_active_opens = 0;   ///< Connections established that this side began.
  std::uint64_t tcp_passive_opens = 0;  ///< Connections established that a peer began.
  std::uint64_t tcp_accepted = 0;       ///< Connections handed to `on_accepted`.
  std::uint64_t tcp_closed = 0;  ///< Connections that ended in any way after being established.
  std::uint64_t tcp_failed_opens = 0;  ///< Connections that ended before being established.
  std::uint64_t tcp_retransmitted_segments = 0;  ///< Segments sent once more.
  std::uint64_t tcp_retransmission_timeouts =
      0;  ///< Expiries of the retransmission timer (RFC 6298).
  std::uint64_t tcp_fast_retransmits =
      0;  ///< Segments sent again in fast recoveries (RFC 5681 §3.2).
  std::uint64_t tcp_fast_recoveries = 0;   ///< Fast recoveries begun; each slows down once.
  std::uint64_t tcp_rack_losses = 0;       ///< Segments that RACK took for lost (RFC 8985 §6).
  std::uint64_t tcp_tail_loss_probes = 0;  ///< Tail-loss probes sent (RFC 8985 §7).
  std::uint64_t tcp_tail_losses_repaired =
      0;  ///< Of these, such that mended a loss all by themselves.
  std::uint64_t tcp_recoveries_undone = 0;  ///< Fast recoveries that were for nothing (RFC 4015).
  std::uint64_t tcp_timeouts_undone = 0;    ///< Timeouts that were too early (RFC 5682, RFC 4015).
  std::uint64_t tcp_sack_reneging =
      0;  ///< Times a peer let go of what it had reported (RFC 2018 §8).
  std::uint64_t tcp_zero_window_probes = 0;     ///< Probes of a closed window (RFC 9293 §3.8.6.1).
  std::uint64_t tcp_keepalive_probes = 0;       ///< Questions to silent peers (RFC 9293 §3.8.4).
  std::uint64_t tcp_soft_errors = 0;            ///< Told to `TcpHandler::on_soft_error`.
  std::uint64_t tcp_out_of_order_segments = 0;  ///< Segments that arrived ahead of a hole.
  std::uint64_t tcp_duplicates_reported_in =
      0;  ///< Times a peer said that something of ours arrived twice (RFC 2883).
  std::uint64_t tcp_duplicates_reported_out =
      0;  ///< Times we told a peer that something arrived twice (RFC 2883).
  std::uint64_t tcp_bad_sack_blocks =
      0;  ///< Selective acknowledgments of what was not in flight (RFC 2018); ignored.
  std::uint64_t tcp_time_wait_recycled =
      0;  ///< TIME-WAIT entries given up early because the table was full.
  std::uint64_t tcp_time_wait_reused =
      0;  ///< TIME-WAIT entries given up early for a new connection (RFC 6191).
  std::uint64_t tcp_challenge_acks_out = 0;      ///< Challenge ACKs sent (RFC 5961).
  std::uint64_t tcp_challenge_acks_limited = 0;  ///< Challenge ACKs that a limit kept back.
  std::uint64_t tcp_syn_cookies_out = 0;         ///< SYNs answered with a cookie.
  std::uint64_t tcp_syn_cookies_accepted = 0;    ///< Connections made from a cookie.
  std::uint64_t tcp_syn_cookies_failed =
      0;  ///< ACKs without connection that brought no valid cookie while one could have come.
  std::uint64_t tcp_fast_opens_in = 0;       ///< SYNs whose data was taken (RFC 7413).
  std::uint64_t tcp_fast_opens_refused = 0;  ///< SYNs with a cookie whose data was not taken.
  std::uint64_t tcp_fast_opens_out = 0;      ///< Opens whose SYN's data was taken.
  std::uint64_t tcp_fast_opens_lost = 0;     ///< Opens where only a SYN without it came through.
  std::uint64_t tcp_orphans_reset = 0;       ///< Closed connections reset beyond `max_orphans`.
  std::uint64_t tcp_broken_invariants = 0;   ///< Connections reset because of a bug of ours.
  std::uint64_t tcp_path_errors = 0;  ///< ICMP errors taken note of by a connection (RFC 5927).
  std::uint64_t tcp_path_mtu_lowered = 0;    ///< Times that a router lowered a path's MTU.
  std::uint64_t tcp_mtu_black_holes = 0;     ///< Times that large segments seemed to vanish.
  std::uint64_t tcp_mtu_probes = 0;          ///< Segments sent larger than known to arrive.
  std::uint64_t tcp_mtu_probes_arrived = 0;  ///< Of these, acknowledged.
  std::uint64_t tcp_ecn_connections = 0;     ///< Connections that agreed on ECN (RFC 3168).
  std::uint64_t tcp_ecn_marks_in = 0;        ///< Segments that routers marked as congested.
  std::uint64_t tcp_bbr_fallbacks = 0;  ///< Times that CUBIC took BBR's place, for want of a model.
  std::uint64_t tcp_ecn_reductions = 0;  ///< Times that a peer's echo of marks slowed us down.

  // UDP, counted in datagrams, and bytes of payload.
  std::uint64_t udp_datagrams_in = 0;   ///< Datagrams handed to a socket.
  std::uint64_t udp_datagrams_out = 0;  ///< Datagrams sent.
  std::uint64_t udp_bytes_in = 0;       ///< Bytes of payload handed to a socket.
  std::uint64_t udp_bytes_out = 0;      ///< Bytes of payload sent.
  std::uint64_t udp_errors = 0;         ///< ICMP errors told to `UdpHandler::on_error`.

  // IPv4.
  std::uint64_t ipv4_fragments_in = 0;           ///< Fragments received, whatever became of them.
  std::uint64_t ipv4_fragments_out = 0;          ///< Fragments sent.
  std::uint64_t ipv4_datagrams_reassembled = 0;  ///< Datagrams put together from fragments.

  // ARP and ICMP.
  std::uint64_t arp_requests_out = 0;       ///< Requests sent.
  std::uint64_t arp_replies_out = 0;        ///< Replies sent.
  std::uint64_t arp_conflicts = 0;          ///< Another host claimed one of our addresses.
  std::uint64_t icmp_echo_replies_out = 0;  ///< Answers to ping.
  std::uint64_t icmp_errors_in = 0;         ///< Errors received.
  std::uint64_t icmp_errors_out = 0;        ///< Errors sent.

  // The loop.
  std::uint64_t turns = 0;           ///< Turns of the loop.
  std::uint64_t turns_over_1ms = 0;  ///< Turns that took longer than a millisecond.
  std::uint64_t clock_steps_back =
      0;                    ///< Times that the clock went back and was held; known after the end.
  Duration longest_turn{};  ///< The longest turn of all.
  Duration handler_time{};  ///< Time spent inside the application's handlers.

  std::array<std::uint64_t, kDropReasonCount>
      drops{};  ///< Packets let go, by reason: `dropped` reads it.

  /// How many packets were let go for that reason.
  [[nodiscard]] constexpr std::uint64_t dropped(DropReason reason) const noexcept {
    return drops[static_cast<std::size_t>(reason)];
  }
  /// For the library: one more.
  constexpr void count(DropReason reason) noexcept { ++drops[static_cast<std::size_t>(reason)]; }
};

/// What one core holds right now.
struct CoreUsage {
  std::uint32_t connections = 0;   ///< Control blocks in use, half-open ones included.
  std::uint32_t time_wait = 0;     ///< Entries in TIME-WAIT.
  std::uint32_t listeners = 0;     ///< Listeners open.
  std::uint32_t neighbors = 0;     ///< Entries of the neighbor table.
  std::uint32_t timers_armed = 0;  ///< Timers of the application that are set.
  std::uint32_t packets_in_use =
      0;  ///< Of all of the core's pools, the device's receive ring included.
  std::uint32_t packets_capacity = 0;      ///< Packets in all of the core's pools.
  std::uint32_t active_blocks_in_use = 0;  ///< Connections with data queued or in flight.
  std::uint32_t orphans = 0;               ///< Connections closed by the application and not over.
  std::uint32_t udp_sockets = 0;           ///< UDP sockets open.
  std::uint32_t reassemblies = 0;          ///< Datagrams of which fragments are missing.
};

}  // namespace millrace

#pragma GCC visibility pop
