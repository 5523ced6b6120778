// What the tests of the stack's UDP share: sockets on one host, a peer's datagrams made by hand,
// and what the host sends read back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/udp.hpp>

#include "stack/stack_host.hpp"

namespace millrace::stack {

inline constexpr Port kEchoPort{7};
inline constexpr std::uint16_t kPeerPort = 5'000;

/// A datagram of the peer's, with what most tests want as default.
struct PeerDatagram {
  std::vector<std::byte> payload{};
  std::uint16_t from = kPeerPort;
  std::uint16_t to = kEchoPort.number();
  IpAddress source = kPeer;
  IpAddress destination = kOurs;
  MacAddress mac = kOurMac;
};

/// Notes what it hears, a word each, and does on the way what the test wants done.
class UdpRecorder : public UdpHandler {
 public:
  void on_readable(UdpSocket socket) override { hear("readable", socket); }
  void on_writable(UdpSocket socket) override { hear("writable", socket); }
  void on_error(UdpSocket socket, const UdpError& error) override {
    errors.push_back(error);
    hear("error", socket);
  }
  std::size_t count(std::string_view event) const {
    return static_cast<std::size_t>(std::ranges::count(heard, event));
  }

  std::vector<std::string> heard;
  std::vector<UdpError> errors;
  std::function<void(std::string_view event, UdpSocket socket)> react;

 private:
  void hear(std::string_view event, UdpSocket socket) {
    heard.emplace_back(event);
    if (react) {
      react(event, socket);
    }
  }
};

class UdpHost : public StackHost {
 protected:
  struct SentUdp {
    wire::EthernetHeader ethernet;
    wire::Ipv4Header ip;
    wire::UdpHeader udp;
    std::vector<std::byte> payload;
  };

  Result<UdpSocket> try_open(const UdpOptions& options) {
    const auto handle = stack->udp().open(options, recorder);
    if (!handle) {
      return fail(handle.error());
    }
    return UdpSocket{&*stack, handle->index, handle->generation};
  }
  UdpSocket open_udp(const UdpOptions& options = {.port = kEchoPort}) {
    const auto socket = try_open(options);
    EXPECT_TRUE(socket.has_value());
    return socket.value_or(UdpSocket{});
  }
  static std::vector<std::byte> udp_bytes(const PeerDatagram& datagram) {
    std::vector<std::byte> bytes(wire::kUdpHeaderSize + datagram.payload.size());
    wire::emit_udp(bytes, {.source_port = datagram.from,
                           .destination_port = datagram.to,
                           .length = static_cast<std::uint16_t>(bytes.size())});
    std::ranges::copy(datagram.payload, bytes.begin() + wire::kUdpHeaderSize);
    wire::Checksum sum;
    sum.add_pseudo_header(datagram.source, datagram.destination, wire::IpProtocol::Udp,
                          static_cast<std::uint32_t>(bytes.size()));
    sum.add(bytes);
    wire::set_udp_checksum(bytes, sum.finish());
    return bytes;
  }
  void receive_udp(const PeerDatagram& datagram) {
    receive(ipv4_frame(wire::IpProtocol::Udp, udp_bytes(datagram), datagram.mac, datagram.source,
                       datagram.destination));
  }
  void receive_text(std::string_view text, std::uint16_t from = kPeerPort) {
    receive_udp({.payload = bytes_of_text(text), .from = from});
  }
  /// The same in fragments of `piece` bytes, the last one first if told so.
  void receive_fragments(const PeerDatagram& datagram, std::size_t piece, std::uint16_t id,
                         bool is_reversed = false) {
    const auto bytes = udp_bytes(datagram);
    std::vector<packet::Packet> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      frames.push_back(fragment_frame(datagram, bytes, at, piece, id));
    }
    if (is_reversed) {
      std::ranges::reverse(frames);
    }
    for (packet::Packet& frame : frames) {
      receive(std::move(frame));
    }
  }
  static packet::Packet fragment_frame(const PeerDatagram& datagram,
                                       std::span<const std::byte> bytes, std::size_t at,
                                       std::size_t piece, std::uint16_t id) {
    const auto part = bytes.subspan(at, std::min(piece, bytes.size() - at));
    packet::Packet frame = ipv4_frame(wire::IpProtocol::Udp, part, datagram.mac, datagram.source,
                                      datagram.destination);
    wire::emit_ipv4(frame.data().subspan(wire::kEthernetHeaderSize),
                    {.source = datagram.source,
                     .destination = datagram.destination,
                     .protocol = wire::IpProtocol::Udp,
                     .identification = id,
                     .more_fragments = at + part.size() < bytes.size(),
                     .fragment_offset = static_cast<std::uint16_t>(at),
                     .total_length = static_cast<std::uint16_t>(20 + part.size())},
                    true);
    return frame;
  }
  /// An ICMP error about a datagram of ours.
  void receive_icmp(const wire::IcmpHeader& header, const FourTuple& about,
                    std::uint16_t datagram_bytes = 28, bool dont_fragment = true) {
    std::vector<std::byte> message(wire::kIcmpHeaderSize + wire::kIpv4HeaderSize +
                                   wire::kUdpHeaderSize);
    const auto quote = std::span{message}.subspan(wire::kIcmpHeaderSize);
    wire::emit_ipv4(quote,
                    {.source = about.local.address,
                     .destination = about.remote.address,
                     .protocol = wire::IpProtocol::Udp,
                     .dont_fragment = dont_fragment,
                     .total_length = datagram_bytes},
                    true);
    wire::emit_udp(quote.subspan(wire::kIpv4HeaderSize),
                   {.source_port = about.local.port.number(),
                    .destination_port = about.remote.port.number(),
                    .length = static_cast<std::uint16_t>(datagram_bytes - 20)});
    wire::emit_icmp(message, header);
    receive(ipv4_frame(wire::IpProtocol::Icmp, message));
  }
  /// The oldest frame sent, if it is a whole datagram with a right checksum. It is gone either way.
  std::optional<SentUdp> next_udp() {
    const auto frame = next_frame();
    const auto datagram = frame ? read_ipv4(*frame) : std::nullopt;
    if (!datagram || datagram->ip.protocol != wire::IpProtocol::Udp || datagram->ip.is_fragment()) {
      return std::nullopt;
    }
    const auto udp = wire::parse_udp(datagram->payload);
    EXPECT_TRUE(wire::has_valid_transport_checksum(datagram->ip.source, datagram->ip.destination,
                                                   wire::IpProtocol::Udp, datagram->payload));
    if (!udp) {
      return std::nullopt;
    }
    const auto payload = std::span{datagram->payload}.subspan(wire::kUdpHeaderSize);
    return SentUdp{datagram->ethernet, datagram->ip, *udp, {payload.begin(), payload.end()}};
  }
  static std::string text_of(const Datagram& datagram) {
    std::string text(datagram.payload.total_size(), ' ');
    datagram.payload.copy_to(std::as_writable_bytes(std::span{text}));
    return text;
  }
  /// The next datagram's text; "nothing" if there is none.
  static std::string next_text(UdpSocket socket) {
    const auto datagram = socket.receive();
    return datagram ? text_of(*datagram) : "nothing";
  }
  static std::string long_text(std::size_t bytes) {
    std::string text(bytes, ' ');
    for (std::size_t i = 0; i < bytes; ++i) {
      text[i] = static_cast<char>('a' + i * 7 % 23);
    }
    return text;
  }
  static constexpr Endpoint kPeerEnd{.address = kPeer, .port = Port{kPeerPort}};

  UdpRecorder recorder;
};

}  // namespace millrace::stack
