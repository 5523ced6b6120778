// Fragments both ways, ICMP errors, silent neighbors and path MTUs, as UDP sockets see them.
#include "stack/udp_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class UdpPathsTest : public UdpHost {
 protected:
  static constexpr FourTuple kConnection{.local = {.address = kOurs, .port = kEchoPort},
                                         .remote = kPeerEnd};
  /// What was sent as fragments, put together; empty if it is not whole. All frames are taken.
  std::string put_together() {
    std::vector<std::byte> bytes;
    bool is_last = false;
    while (const auto frame = next_frame()) {
      const auto part = read_ipv4(*frame);
      EXPECT_TRUE(part && !is_last);
      EXPECT_EQ(part->ip.fragment_offset, bytes.size());
      EXPECT_FALSE(part->ip.dont_fragment);
      is_last = !part->ip.more_fragments;
      bytes.insert(bytes.end(), part->payload.begin(), part->payload.end());
    }
    EXPECT_TRUE(is_last);
    EXPECT_TRUE(wire::has_valid_transport_checksum(kOurs, kPeer, wire::IpProtocol::Udp, bytes));
    std::string text;
    for (const std::byte byte : std::span{bytes}.subspan(wire::kUdpHeaderSize)) {
      text += static_cast<char>(byte);
    }
    return text;
  }
};

TEST_F(UdpPathsTest, TheLargestDatagramComesAndGoesInFragments) {
  covers({"RFC 791 §3.2", "RFC 1122 §3.3.2", "RFC 1122 §3.3.3"});
  start();
  const UdpSocket socket = open_udp();
  const std::string text = long_text(65'507);
  receive_fragments({.payload = bytes_of_text(text)}, 1'480, 9, true);
  EXPECT_EQ(socket.next_size(), 65'507U);
  auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(text_of(*datagram), text);
  EXPECT_TRUE(datagram->payload.has_more_pieces());
  EXPECT_EQ(datagram->payload.size(), 1'472U);
  ASSERT_TRUE(socket.send_to(kPeerEnd, std::move(datagram->payload)).has_value());
  turn();
  EXPECT_EQ(sent.size(), 45U);
  EXPECT_EQ(put_together(), text);
  EXPECT_EQ(stats().ipv4_fragments_in, 45U);
  EXPECT_EQ(stats().ipv4_fragments_out, 45U);
  EXPECT_EQ(stats().ipv4_datagrams_reassembled, 1U);
  EXPECT_EQ(tcp().resources().budget.used(), 0U);
}

TEST_F(UdpPathsTest, PiecesAreWalkedWithoutACopy) {
  start();
  const UdpSocket socket = open_udp();
  const std::string text = long_text(4'000);
  receive_fragments({.payload = bytes_of_text(text)}, 8, 1);
  std::string walked;
  auto datagram = socket.receive();
  EXPECT_FALSE(datagram.has_value()) << "more fragments than are kept";
  receive_fragments({.payload = bytes_of_text(text)}, 800, 2);
  datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  for (Buffer piece = std::move(datagram->payload); !piece.empty();) {
    walked += as_text(piece.data());
    Buffer rest = piece.take_rest();
    piece = std::move(rest);
  }
  EXPECT_EQ(walked, text);
}

TEST_F(UdpPathsTest, DatagramsInPiecesAreRefusedByTcp) {
  start();
  Recorder tcp_recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, tcp_recorder).has_value());
  open(40'000);
  const UdpSocket socket = open_udp();
  receive_fragments({.payload = bytes_of_text(long_text(2'000))}, 800, 2);
  auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  const TcpSocket connection = tcp_recorder.sockets.back();
  EXPECT_EQ(connection.send(std::move(datagram->payload)).error(), Error::InvalidArgument);
  EXPECT_EQ(datagram->payload.total_size(), 2'000U) << "left as it was";
}

TEST_F(UdpPathsTest, ASegmentOfTcpMayComeInFragments) {
  start();
  Recorder tcp_recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, tcp_recorder).has_value());
  const Peer peer = open(40'000);
  const auto bytes = tcp_bytes(segment_of(peer, kAck, long_text(1'000)));
  for (std::size_t at = 0; at < bytes.size(); at += 400) {
    packet::Packet frame = fragment_frame({}, bytes, at, 400, 3);
    const auto header = frame.data().subspan(wire::kEthernetHeaderSize);
    const auto parsed = wire::parse_ipv4(header);
    wire::Ipv4Header as_tcp = *parsed;
    as_tcp.protocol = wire::IpProtocol::Tcp;
    wire::emit_ipv4(header, as_tcp, true);
    receive(std::move(frame));
  }
  EXPECT_EQ(tcp_recorder.sockets.back().readable(), 1'000U);
  turn();
}

TEST_F(UdpPathsTest, ASenderHearsThatItsFragmentsWereIncomplete) {
  covers({"RFC 1122 §3.3.2"});
  config.reassembly.timeout = 5s;
  start();
  open_udp();
  const PeerDatagram datagram{.payload = bytes_of_text(long_text(2'000))};
  receive(fragment_frame(datagram, udp_bytes(datagram), 0, 1'480, 5));
  EXPECT_EQ(stack->usage().reassemblies, 1U);
  wait(6s);
  EXPECT_EQ(stack->usage().reassemblies, 0U);
  bool is_told = false;
  while (const auto frame = next_frame()) {
    const auto message = read_ipv4(*frame);
    if (message && message->ip.protocol == wire::IpProtocol::Icmp) {
      const auto icmp = wire::parse_icmp(message->payload);
      is_told = icmp && icmp->type == wire::IcmpType::TimeExceeded && icmp->code == 1;
    }
  }
  EXPECT_TRUE(is_told);
  EXPECT_EQ(dropped(DropReason::Ipv4FragmentsIncomplete), 1U);
}

TEST_F(UdpPathsTest, AnErrorReachesTheConnectedSocketThatCausedIt) {
  covers({"RFC 1122 §4.1.3.3"});
  struct Case {
    wire::IcmpType type;
    std::uint8_t code;
    Error error;
    bool is_lasting;
  };
  const Case cases[] = {
      {wire::IcmpType::DestinationUnreachable, 0, Error::NetworkUnreachable, false},
      {wire::IcmpType::DestinationUnreachable, 1, Error::HostUnreachable, false},
      {wire::IcmpType::DestinationUnreachable, 3, Error::ConnectionRefused, true},
      {wire::IcmpType::TimeExceeded, 0, Error::HostUnreachable, false},
  };
  start();
  open_udp({.port = kEchoPort, .peer = kPeerEnd});
  for (const Case& c : cases) {
    recorder.errors.clear();
    receive_icmp({.type = c.type, .code = c.code}, kConnection);
    turn();
    ASSERT_EQ(recorder.errors.size(), 1U);
    EXPECT_EQ(recorder.errors[0].error, c.error);
    EXPECT_EQ(recorder.errors[0].is_lasting, c.is_lasting);
    EXPECT_EQ(recorder.errors[0].icmp_code, c.code);
    EXPECT_EQ(recorder.errors[0].reporter, kPeer);
  }
  EXPECT_EQ(stats().udp_errors, 4U);
}

TEST_F(UdpPathsTest, AnErrorAboutSomebodyElsesDatagramConcernsNobody) {
  start();
  open_udp({.port = kEchoPort, .peer = kPeerEnd});
  open_udp({.port = Port{8}});
  FourTuple other = kConnection;
  other.remote.port = Port{5'001};
  receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 3}, other);
  other = kConnection;
  other.local.port = Port{8};
  receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 3}, other);
  turn();
  EXPECT_TRUE(recorder.errors.empty());
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 2U);
}

TEST_F(UdpPathsTest, ASilentNeighborIsAnErrorOfTheSocket) {
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .peer = Endpoint{kAbsent, Port{9}}});
  ASSERT_TRUE(socket.send("x").has_value());
  wait(4s);
  ASSERT_EQ(recorder.errors.size(), 1U);
  EXPECT_EQ(recorder.errors[0].error, Error::HostUnreachable);
  EXPECT_EQ(recorder.errors[0].reporter, kOurs);
  EXPECT_EQ(dropped(DropReason::NeighborUnresolved), 1U);
}

TEST_F(UdpPathsTest, ASilentNeighborIsNoticedThroughFragmentsToo) {
  for (const bool may_chain : {false, true}) {
    recorder.errors.clear();
    setup.offloads.multi_segment = may_chain;
    start();
    const UdpSocket socket = open_udp({.port = kEchoPort, .peer = Endpoint{kAbsent, Port{9}}});
    ASSERT_TRUE(socket.send(long_text(20'000)).has_value());
    wait(4s);
    ASSERT_EQ(recorder.errors.size(), 1U) << may_chain;
    EXPECT_EQ(recorder.errors[0].error, Error::HostUnreachable);
    EXPECT_EQ(dropped(DropReason::NeighborUnresolved), 14U);
  }
}

TEST_F(UdpPathsTest, ARoutersWordOnThePathIsHeeded) {
  covers({"RFC 1191 §3"});
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .peer = kPeerEnd});
  EXPECT_EQ(socket.payload_max(), 1'472U);
  const std::string text = long_text(1'472);
  ASSERT_TRUE(socket.send(text).has_value());
  turn();
  EXPECT_TRUE(next_udp()->ip.dont_fragment);
  receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 4, .rest = 1'000},
               kConnection, 1'500);
  turn();
  ASSERT_EQ(recorder.errors.size(), 1U);
  EXPECT_EQ(recorder.errors[0].error, Error::MessageTooLong);
  EXPECT_EQ(socket.payload_max(), 972U);
  ASSERT_TRUE(socket.send(text).has_value());
  turn();
  EXPECT_EQ(sent.size(), 2U);
  EXPECT_EQ(put_together(), text);
  ASSERT_TRUE(socket.set_fragmentation(Fragmentation::Forbidden).has_value());
  EXPECT_EQ(socket.send(text).error(), Error::MessageTooLong);
  ASSERT_TRUE(socket.send(long_text(972)).has_value());
  ASSERT_TRUE(socket.set_fragmentation(Fragmentation::Allowed).has_value());
  ASSERT_TRUE(socket.send(text).has_value());
  turn();
  EXPECT_EQ(next_udp()->payload.size(), 972U);
  EXPECT_EQ(next_udp()->payload.size(), 1'472U) << "routers may cut it";
}

TEST_F(UdpPathsTest, WhoProbesThePathIsNotToldItsSize) {
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .peer = kPeerEnd});
  receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 4, .rest = 1'000},
               kConnection, 1'500);
  ASSERT_TRUE(socket.set_fragmentation(Fragmentation::Probe).has_value());
  EXPECT_EQ(socket.payload_max(), 1'472U);
  EXPECT_EQ(socket.send(long_text(1'473)).error(), Error::MessageTooLong);
  ASSERT_TRUE(socket.send(long_text(1'472)).has_value());
  turn();
  const auto probe = next_udp();
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->payload.size(), 1'472U);
  EXPECT_TRUE(probe->ip.dont_fragment);
}

TEST_F(UdpPathsTest, WordsOnThePathThatCannotBeAreNotBelieved) {
  covers({"RFC 1191 §3", "RFC 5927 §7"});
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .peer = kPeerEnd});
  const auto say = [&](std::uint32_t mtu, std::uint16_t datagram, bool dont_fragment = true) {
    receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 4, .rest = mtu},
                 kConnection, datagram, dont_fragment);
  };
  say(1'500, 1'500);
  say(2'000, 1'500);
  say(1'000, 9'000);
  say(1'000, 1'500, false);
  turn();
  EXPECT_EQ(dropped(DropReason::IcmpBadMtu), 4U);
  EXPECT_TRUE(recorder.errors.empty());
  EXPECT_EQ(socket.payload_max(), 1'472U);
  say(68, 1'500);
  EXPECT_EQ(socket.payload_max(), 552U - 28U) << "no lower than the configured minimum";
}

TEST_F(UdpPathsTest, AReassembledDatagramForAClosedPortIsRefused) {
  start();
  receive_fragments({.payload = bytes_of_text(long_text(3'000))}, 1'480, 6);
  turn();
  const auto frame = next_frame();
  ASSERT_TRUE(frame.has_value());
  const auto message = read_ipv4(*frame);
  ASSERT_TRUE(message.has_value());
  const auto icmp = wire::parse_icmp(message->payload);
  ASSERT_TRUE(icmp.has_value());
  EXPECT_EQ(icmp->type, wire::IcmpType::DestinationUnreachable);
  EXPECT_EQ(icmp->code, 3);
}

}  // namespace
}  // namespace millrace::stack
