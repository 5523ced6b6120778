// What the tests of `stack` share: one host with one address, a peer whose frames are made by hand,
// and what the host sends read back, its checksums verified. At the end of each test every packet
// is back in its pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <millrace/config.hpp>
#include <millrace/tcp.hpp>

#include "stack/stack.hpp"
#include "support/eal_environment.hpp"
#include "support/flat.hpp"
#include "wire/arp.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"
#include "wire/udp.hpp"

namespace millrace::stack {

using namespace std::chrono_literals;
using wire::SeqNum;

inline constexpr std::uint8_t kFin = wire::TcpFlags::kFin;
inline constexpr std::uint8_t kSyn = wire::TcpFlags::kSyn;
inline constexpr std::uint8_t kRst = wire::TcpFlags::kRst;
inline constexpr std::uint8_t kAck = wire::TcpFlags::kAck;

inline constexpr IpAddress kOurs = IpAddress::v4(198, 18, 0, 2);
inline constexpr IpAddress kOursToo = IpAddress::v4(198, 18, 0, 3);
inline constexpr IpAddress kPeer = IpAddress::v4(198, 18, 0, 1);
inline constexpr IpAddress kLinkBroadcast = IpAddress::v4(198, 18, 0, 255);
inline constexpr IpAddress kAbsent = IpAddress::v4(198, 18, 0, 77);
inline constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 2}};
inline constexpr Port kServerPort{80};

/// Where headers begin in a frame without tag and IPv4 options.
inline constexpr std::size_t kIpAt = wire::kEthernetHeaderSize;
inline constexpr std::size_t kTcpAt = kIpAt + wire::kIpv4HeaderSize;

/// A segment of the peer's, with what most tests want as default.
struct PeerSegment {
  std::uint8_t flags = kAck;
  SeqNum seq{0};
  SeqNum ack{0};
  std::vector<std::byte> payload{};
  std::uint16_t from = 40'000;
  std::uint16_t to = kServerPort.number();
  std::uint16_t window = 65'535;
  wire::TcpOptions options{};
  IpAddress source = kPeer;
  IpAddress destination = kOurs;
};

/// A segment of the host's, as it went out.
struct SentTcp {
  wire::EthernetHeader ethernet;
  wire::Ipv4Header ip;
  wire::TcpHeader tcp;
  wire::TcpOptions options;
  std::vector<std::byte> payload;
};

inline std::vector<std::byte> bytes_of_text(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

/// Of a frame whose IPv4 header has no options.
inline void fill_ip_checksum(std::span<std::byte> frame) {
  const auto header = frame.subspan(kIpAt, wire::kIpv4HeaderSize);
  header[10] = header[11] = std::byte{0};
  const std::uint16_t sum = wire::internet_checksum(header);
  header[10] = static_cast<std::byte>(sum >> 8U);
  header[11] = static_cast<std::byte>(sum);
}
inline void fill_tcp_checksum(std::span<std::byte> segment, const IpAddress& source,
                              const IpAddress& destination) {
  wire::set_tcp_checksum(segment, 0);
  wire::Checksum sum;
  sum.add_pseudo_header(source, destination, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  wire::set_tcp_checksum(segment, sum.finish());
}

/// Notes what it hears, a word each, and does on the way what the test wants done.
class Recorder : public TcpHandler {
 public:
  void on_accepted(TcpSocket socket) override { hear("accepted", socket); }
  void on_connected(TcpSocket socket) override { hear("connected", socket); }
  void on_readable(TcpSocket socket) override { hear("readable", socket); }
  void on_writable(TcpSocket socket) override { hear("writable", socket); }
  void on_peer_finished(TcpSocket socket) override { hear("finished", socket); }
  void on_urgent(TcpSocket socket) override { hear("urgent", socket); }
  void on_soft_error(TcpSocket socket, Error error) override {
    soft_errors.push_back(error);
    hear("soft error", socket);
  }
  void on_closed(TcpSocket socket, Result<void> outcome) override {
    outcomes.push_back(outcome);
    hear("closed", socket);
  }

  /// How often `event` was heard.
  std::size_t count(std::string_view event) const {
    return static_cast<std::size_t>(std::ranges::count(heard, event));
  }

  std::vector<std::string> heard;
  std::vector<Result<void>> outcomes;
  std::vector<Error> soft_errors;
  std::vector<TcpSocket> sockets;  ///< Of the events, in order.
  std::function<void(std::string_view event, TcpSocket socket)> react;

 private:
  void hear(std::string_view event, TcpSocket socket) {
    heard.emplace_back(event);
    sockets.push_back(socket);
    if (react) {
      react(event, socket);
    }
  }
};

/// The pools of the process; frames of the peer come from them, too.
inline packet::CorePools& shared_pools() {
  static packet::CorePools pools =
      test::make_core_pools({.data = 2'047, .headers = 4'095, .references = 1'023});
  return pools;
}

class StackHost : public ::testing::Test {
 protected:
  /// Where a test stands in one connection: what it sends next and what it has to acknowledge.
  struct Peer {
    std::uint16_t port = 0;
    std::uint16_t our_port = kServerPort.number();
    SeqNum seq{0};
    SeqNum ack{0};
  };

  StackHost() {
    config.max_connections = 64;
    config.max_time_wait = 16;
    config.max_listeners = 4;
    config.max_timers = 16;
    config.max_neighbors = 16;
    config.tcp.quick_acks_max = 0;  // Tests count frames.
    setup.mac = kOurMac;
    setup.addresses = {IpPrefix::make(kOurs, 24).value(), IpPrefix::make(kOursToo, 24).value()};
  }

  void TearDown() override {
    stack.reset();
    held.clear();
    EXPECT_EQ(shared_pools().in_use(), 0U) << "packets leaked";
  }

  /// Starts the host with `config` and `setup` as they are now; the peer is a known neighbor.
  void start(packet::CorePools& pools = shared_pools()) {
    stack.emplace(config, std::span{&setup, 1}, pools, base::Random::from_seed(7), now);
    stack->start(now);
    receive(arp_frame({.operation = wire::ArpOperation::Request,
                       .sender_mac = kPeerMac,
                       .sender_ip = kPeer,
                       .target_mac = {},
                       .target_ip = kOurs}));
    wait(5s);  // The announcements of its addresses are over.
    sent.clear();
  }

  std::uint64_t dropped(DropReason reason) { return stack->stats().dropped(reason); }
  CoreStats& stats() { return stack->stats(); }
  TcpCore& tcp() { return stack->tcp(); }

  // Time.
  void turn() {
    stack->advance(now);
    stack->dispatch_events(now);
    flush();
    stack->end_turn();
  }
  /// What the host has to send goes to `sent`.
  void flush() {
    packet::Burst burst;
    do {
      burst.clear();
      stack->transmit(now, 0, burst);
      for (std::uint16_t i = 0; i < burst.size(); ++i) {
        sent.push_back(test::flat(burst.take(i)));
      }
    } while (!burst.empty());
  }
  /// Lets time pass, turn by turn at each deadline.
  void wait(Duration duration) {
    const Instant end = now + duration;
    for (int rounds = 0; rounds < 100'000; ++rounds) {
      const auto next = stack->next_deadline();
      if (!next || *next > end) {
        break;
      }
      now = std::max(now, *next);
      turn();
    }
    now = end;
    turn();
  }

  // Frames in.
  void receive(packet::Packet frame) {
    packet::Burst burst;
    burst.push_back(std::move(frame));
    stack->receive(now, 0, burst);
  }
  void receive(const PeerSegment& segment) { receive(frame_of(segment)); }

  static packet::Packet packet_of(std::span<const std::byte> bytes) {
    packet::Packet made = shared_pools().data.allocate();
    EXPECT_TRUE(made);
    std::memcpy(made.append(static_cast<std::uint16_t>(bytes.size())).data(), bytes.data(),
                bytes.size());
    return made;
  }
  static packet::Packet arp_frame(const wire::ArpPacket& arp) {
    std::vector<std::byte> bytes(60);
    wire::emit_ethernet(bytes, {.destination = MacAddress::broadcast(),
                                .source = arp.sender_mac,
                                .type = wire::EtherType::Arp});
    wire::emit_arp(std::span{bytes}.subspan(wire::kEthernetHeaderSize), arp);
    return packet_of(bytes);
  }
  /// A frame around an IPv4 payload.
  static packet::Packet ipv4_frame(wire::IpProtocol protocol, std::span<const std::byte> payload,
                                   const MacAddress& to = kOurMac, const IpAddress& source = kPeer,
                                   const IpAddress& destination = kOurs) {
    std::vector<std::byte> bytes(kTcpAt + payload.size());
    wire::emit_ethernet(bytes,
                        {.destination = to, .source = kPeerMac, .type = wire::EtherType::Ipv4});
    wire::emit_ipv4(
        std::span{bytes}.subspan(kIpAt),
        {.source = source,
         .destination = destination,
         .protocol = protocol,
         .total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + payload.size())},
        true);
    std::ranges::copy(payload, bytes.begin() + kTcpAt);
    return packet_of(bytes);
  }
  static std::vector<std::byte> tcp_bytes(const PeerSegment& segment) {
    const wire::TcpFlags flags{segment.flags};
    const std::size_t header =
        wire::kTcpHeaderSize + wire::tcp_options_size(segment.options, flags.syn());
    std::vector<std::byte> bytes(header + segment.payload.size());
    wire::emit_tcp(bytes, {.source_port = segment.from,
                           .destination_port = segment.to,
                           .seq = segment.seq,
                           .ack = segment.ack,
                           .flags = flags,
                           .window = segment.window,
                           .header_length = static_cast<std::uint16_t>(header)});
    wire::emit_tcp_options(std::span{bytes}.subspan(wire::kTcpHeaderSize), segment.options,
                           flags.syn());
    std::ranges::copy(segment.payload, bytes.begin() + static_cast<std::ptrdiff_t>(header));
    fill_tcp_checksum(bytes, segment.source, segment.destination);
    return bytes;
  }
  static packet::Packet frame_of(const PeerSegment& segment, const MacAddress& to = kOurMac) {
    return ipv4_frame(wire::IpProtocol::Tcp, tcp_bytes(segment), to, segment.source,
                      segment.destination);
  }
  /// An ICMP "destination unreachable" about a segment that the host has sent.
  static packet::Packet unreachable_frame(std::uint8_t code, const FourTuple& about, SeqNum seq) {
    return icmp_frame({.type = wire::IcmpType::DestinationUnreachable, .code = code}, about, seq);
  }
  /// Any ICMP error about a segment that the host has sent in a datagram of that length.
  static packet::Packet icmp_frame(const wire::IcmpHeader& header, const FourTuple& about,
                                   SeqNum seq,
                                   std::uint16_t datagram_bytes = wire::kIpv4HeaderSize +
                                                                  wire::kTcpHeaderSize) {
    std::vector<std::byte> message(wire::kIcmpHeaderSize + wire::kIpv4HeaderSize +
                                   wire::kTcpHeaderSize);
    const auto quote = std::span{message}.subspan(wire::kIcmpHeaderSize);
    wire::emit_ipv4(quote,
                    {.source = about.local.address,
                     .destination = about.remote.address,
                     .protocol = wire::IpProtocol::Tcp,
                     .total_length = datagram_bytes},
                    true);
    wire::emit_tcp(quote.subspan(wire::kIpv4HeaderSize),
                   {.source_port = about.local.port.number(),
                    .destination_port = about.remote.port.number(),
                    .seq = seq,
                    .ack = {},
                    .flags = {}});
    wire::emit_icmp(message, header);
    return ipv4_frame(wire::IpProtocol::Icmp, message);
  }

  // Frames out.
  /// The oldest segment sent; empty if the oldest frame is none. The frame is gone either way.
  std::optional<SentTcp> next_tcp() {
    const std::optional<std::vector<std::byte>> frame = next_frame();
    const auto datagram = frame ? read_ipv4(*frame) : std::nullopt;
    if (!datagram || datagram->ip.protocol != wire::IpProtocol::Tcp) {
      return std::nullopt;
    }
    const auto tcp = wire::parse_tcp(datagram->payload);
    EXPECT_TRUE(wire::has_valid_transport_checksum(datagram->ip.source, datagram->ip.destination,
                                                   wire::IpProtocol::Tcp, datagram->payload));
    if (!tcp) {
      return std::nullopt;
    }
    const auto rest = std::span{datagram->payload};
    const auto options = wire::TcpOptions::parse(
        rest.subspan(wire::kTcpHeaderSize, tcp->header_length - wire::kTcpHeaderSize));
    const auto payload = rest.subspan(tcp->header_length);
    return SentTcp{
        datagram->ethernet, datagram->ip, *tcp, options.value(), {payload.begin(), payload.end()}};
  }
  /// The flags of the oldest segment sent; 0 for none.
  std::uint8_t next_flags() {
    const auto segment = next_tcp();
    return segment ? segment->tcp.flags.bits() : std::uint8_t{0};
  }

  struct SentIpv4 {
    wire::EthernetHeader ethernet;
    wire::Ipv4Header ip;
    std::vector<std::byte> payload;
  };
  static std::optional<SentIpv4> read_ipv4(std::span<const std::byte> frame) {
    const auto ethernet = wire::parse_ethernet(frame);
    if (!ethernet || ethernet->type != wire::EtherType::Ipv4) {
      return std::nullopt;
    }
    const auto rest = frame.subspan(wire::kEthernetHeaderSize);
    const auto ip = wire::parse_ipv4(rest);
    if (!ip || !wire::has_valid_ipv4_checksum(rest.first(ip->header_length))) {
      return std::nullopt;
    }
    const auto payload = rest.subspan(ip->header_length, ip->payload_length());
    return SentIpv4{*ethernet, *ip, {payload.begin(), payload.end()}};
  }
  std::optional<std::vector<std::byte>> next_frame() {
    if (sent.empty()) {
      return std::nullopt;
    }
    std::vector<std::byte> frame = std::move(sent.front());
    sent.pop_front();
    return frame;
  }

  // Connections.
  TcpSocket socket_of(base::SlotHandle handle) {
    return {&*stack, handle.index, handle.generation};
  }
  /// The peer's segment at its place in `peer`'s connection.
  static PeerSegment segment_of(const Peer& peer, std::uint8_t flags = kAck,
                                std::string_view text = {}) {
    return {.flags = flags,
            .seq = peer.seq,
            .ack = peer.ack,
            .payload = bytes_of_text(text),
            .from = peer.port,
            .to = peer.our_port};
  }
  /// Sends a SYN from `port` and takes the SYN,ACK.
  Peer half_open(std::uint16_t port, SeqNum iss = SeqNum{1'000}) {
    receive({.flags = kSyn, .seq = iss, .from = port});
    turn();
    const auto answer = next_tcp();
    EXPECT_TRUE(answer && answer->tcp.flags.bits() == (kSyn | kAck));
    return {.port = port, .seq = iss + 1, .ack = answer ? answer->tcp.seq + 1 : SeqNum{0}};
  }
  /// A whole handshake by the peer.
  Peer open(std::uint16_t port, SeqNum iss = SeqNum{1'000}) {
    const Peer peer = half_open(port, iss);
    receive(segment_of(peer));
    turn();
    EXPECT_TRUE(sent.empty());
    return peer;
  }
  /// The host closes first and the peer goes along: what is left is in TIME-WAIT.
  Peer open_and_time_wait(std::uint16_t port, Recorder& recorder, SeqNum iss = SeqNum{1'000}) {
    Peer peer = open(port, iss);
    EXPECT_TRUE(recorder.sockets.back().close().has_value());
    turn();
    EXPECT_EQ(next_flags(), kFin | kAck);
    peer.ack += 1;
    receive(segment_of(peer, kFin | kAck));
    peer.seq += 1;
    turn();
    EXPECT_EQ(next_flags(), kAck);
    return peer;
  }
  FourTuple tuple_of(const Peer& peer) const {
    return {.local = {.address = kOurs, .port = Port{peer.our_port}},
            .remote = {.address = kPeer, .port = Port{peer.port}}};
  }

  Instant now{1'000s};
  Config config;
  InterfaceSetup setup;
  std::optional<Stack> stack;
  std::deque<std::vector<std::byte>> sent;
  std::vector<packet::Packet> held;  ///< Packets taken to exhaust a pool.
};

}  // namespace millrace::stack
