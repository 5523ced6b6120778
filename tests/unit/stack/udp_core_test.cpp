// UDP sockets on one core: opening, who gets a datagram, what waits, and how it leaves.
#include <array>
#include <set>

#include "stack/udp_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class UdpCoreTest : public UdpHost {};

TEST_F(UdpCoreTest, ADatagramIsReadAndAnsweredInItsOwnPacket) {
  covers({"RFC 1122 §4.1.2", "RFC 1122 §4.1.3.5"});
  start();
  const UdpSocket socket = open_udp();
  receive_text("ping");
  turn();
  EXPECT_EQ(recorder.heard, std::vector<std::string>{"readable"});
  EXPECT_EQ(socket.readable(), 1U);
  EXPECT_EQ(socket.next_size(), 4U);
  auto datagram = socket.receive();
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(text_of(*datagram), "ping");
  EXPECT_EQ(datagram->source, kPeerEnd);
  EXPECT_EQ(datagram->destination, (Endpoint{kOurs, kEchoPort}));
  const std::uint32_t held_before = shared_pools().in_use();
  ASSERT_TRUE(socket.send_to(datagram->source, std::move(datagram->payload)).has_value());
  EXPECT_EQ(shared_pools().in_use(), held_before) << "the header stands in the same packet";
  turn();
  const auto sent_back = next_udp();
  ASSERT_TRUE(sent_back.has_value());
  EXPECT_EQ(sent_back->payload, bytes_of_text("ping"));
  EXPECT_EQ(sent_back->udp.source_port, 7);
  EXPECT_EQ(sent_back->udp.destination_port, kPeerPort);
  EXPECT_EQ(sent_back->ip.source, kOurs);
  EXPECT_EQ(sent_back->ethernet.destination, kPeerMac);
  EXPECT_EQ(stats().udp_datagrams_in, 1U);
  EXPECT_EQ(stats().udp_datagrams_out, 1U);
  EXPECT_EQ(stats().udp_bytes_in, 4U);
  EXPECT_EQ(stats().udp_bytes_out, 4U);
  EXPECT_EQ(socket.receive().error(), Error::WouldBlock);
}

TEST_F(UdpCoreTest, AnEmptyDatagramIsOne) {
  start();
  const UdpSocket socket = open_udp();
  receive_text("");
  EXPECT_EQ(socket.next_size(), 0U);
  EXPECT_EQ(next_text(socket), "");
  ASSERT_TRUE(socket.send_to(kPeerEnd, std::string_view{}).has_value());
  ASSERT_TRUE(socket.send_to(kPeerEnd, Buffer{}).has_value());
  turn();
  for (int i = 0; i < 2; ++i) {
    const auto datagram = next_udp();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_TRUE(datagram->payload.empty());
  }
}

TEST_F(UdpCoreTest, OpeningIsRefusedForTheRightReason) {
  config.max_udp_sockets = 3;
  start();
  EXPECT_EQ(try_open({.port = kEchoPort, .address = kPeer}).error(), Error::AddressNotAvailable);
  EXPECT_EQ(try_open({.dscp = 64}).error(), Error::InvalidArgument);
  EXPECT_EQ(try_open({.hop_limit = std::uint8_t{0}}).error(), Error::InvalidArgument);
  EXPECT_EQ(try_open({.receive_queue_bytes = 0U}).error(), Error::InvalidArgument);
  EXPECT_EQ(try_open({.peer = Endpoint{kPeer, Port{0}}}).error(), Error::InvalidArgument);
  EXPECT_EQ(try_open({.peer = Endpoint{IpAddress::v4(203, 0, 113, 1), Port{1}}}).error(),
            Error::NetworkUnreachable);
  open_udp();
  EXPECT_EQ(try_open({.port = kEchoPort}).error(), Error::AddressInUse);
  EXPECT_EQ(try_open({.port = kEchoPort, .address = kOurs}).error(), Error::AddressInUse);
  open_udp({.port = Port{8}, .address = kOurs});
  open_udp({.port = Port{8}, .address = kOursToo});
  EXPECT_EQ(try_open({.port = Port{9}}).error(), Error::OutOfSockets);
  EXPECT_EQ(stack->usage().udp_sockets, 3U);
}

TEST_F(UdpCoreTest, APortIsFreeAgainAfterClose) {
  start();
  const UdpSocket first = open_udp();
  receive_text("lost");
  ASSERT_TRUE(first.close().has_value());
  EXPECT_EQ(first.close().error(), Error::StaleHandle);
  EXPECT_EQ(stack->udp().queued_bytes(), 0U);
  EXPECT_EQ(tcp().resources().budget.used(), 0U);
  const UdpSocket second = open_udp();
  EXPECT_NE(first, second);
  turn();
  EXPECT_TRUE(recorder.heard.empty()) << "nothing is heard of a closed socket";
}

TEST_F(UdpCoreTest, PortsThatNobodyNamedAreDrawnFromTheRange) {
  covers({"RFC 6056 §3.3.1"});
  config.udp.local_port_first = 40'000;
  config.udp.local_port_last = 40'007;
  start();
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 8; ++i) {
    ports.insert(open_udp({}).local()->port.number());
  }
  EXPECT_EQ(ports.size(), 8U);
  EXPECT_EQ(*ports.begin(), 40'000);
  EXPECT_EQ(*ports.rbegin(), 40'007);
  EXPECT_EQ(try_open({}).error(), Error::AddressInUse);
}

TEST_F(UdpCoreTest, TheClosestFitGetsTheDatagram) {
  covers({"RFC 1122 §4.1.3.5"});
  start();
  const UdpSocket all = open_udp({.port = kEchoPort, .share_port = true});
  const UdpSocket bound = open_udp({.port = kEchoPort, .address = kOurs, .share_port = true});
  const UdpSocket connected =
      open_udp({.port = kEchoPort, .address = kOurs, .peer = kPeerEnd, .share_port = true});
  EXPECT_EQ(try_open({.port = kEchoPort}).error(), Error::AddressInUse);
  receive_text("from the peer");
  receive_text("from its other port", 5'001);
  receive_udp({.payload = bytes_of_text("to the other address"), .destination = kOursToo});
  EXPECT_EQ(next_text(connected), "from the peer");
  EXPECT_EQ(next_text(bound), "from its other port");
  EXPECT_EQ(next_text(all), "to the other address");
  EXPECT_EQ(connected.readable() + bound.readable() + all.readable(), 0U);
}

TEST_F(UdpCoreTest, OfThoseThatFitAlikeTheOneOpenedLastGetsIt) {
  start();
  const UdpSocket first = open_udp({.port = kEchoPort, .share_port = true});
  const UdpSocket second = open_udp({.port = kEchoPort, .share_port = true});
  receive_text("to the second");
  EXPECT_EQ(next_text(second), "to the second");
  ASSERT_TRUE(second.close().has_value());
  receive_text("to the first");
  EXPECT_EQ(next_text(first), "to the first");
  const UdpSocket third = open_udp({.port = kEchoPort, .share_port = true});
  ASSERT_TRUE(first.connect(kPeerEnd).has_value());
  ASSERT_TRUE(third.connect(kPeerEnd).has_value());
  receive_text("to the third");
  EXPECT_EQ(next_text(third), "to the third");
  ASSERT_TRUE(third.disconnect().has_value());
  receive_text("to the first again");
  EXPECT_EQ(next_text(first), "to the first again");
}

TEST_F(UdpCoreTest, AConnectedSocketHearsItsPeerAlone) {
  start();
  const UdpSocket socket = open_udp();
  receive_text("early", 5'001);
  ASSERT_TRUE(socket.connect(kPeerEnd).has_value());
  EXPECT_EQ(socket.local(), (Endpoint{kOurs, kEchoPort}));
  EXPECT_EQ(socket.peer(), kPeerEnd);
  receive_text("stranger", 5'001);
  receive_text("peer");
  EXPECT_EQ(dropped(DropReason::UdpNoSocket), 1U);
  EXPECT_EQ(next_text(socket), "early") << "what had come stays";
  EXPECT_EQ(next_text(socket), "peer");
  ASSERT_TRUE(socket.disconnect().has_value());
  EXPECT_EQ(socket.peer().error(), Error::InvalidState);
  EXPECT_EQ(socket.send("x").error(), Error::InvalidState);
  EXPECT_EQ(socket.local(), (Endpoint{IpAddress{}, kEchoPort}));
  receive_text("stranger", 5'001);
  EXPECT_EQ(next_text(socket), "stranger");
}

TEST_F(UdpCoreTest, WhatIsNotReadIsBoundedForEachSocket) {
  config.udp.receive_queue_datagrams = 5;
  start();
  const UdpSocket socket = open_udp();
  for (int i = 0; i < 8; ++i) {
    receive_text(std::to_string(i));
  }
  EXPECT_EQ(socket.readable(), 5U);
  EXPECT_EQ(dropped(DropReason::UdpQueueFull), 3U);
  ASSERT_TRUE(socket.set_receive_queue_bytes(2 * packet::PacketBudget::kPacketCharge).has_value());
  EXPECT_EQ(next_text(socket), "0");
  receive_text("no room");
  EXPECT_EQ(dropped(DropReason::UdpQueueFull), 4U);
  EXPECT_EQ(socket.readable_charge(), 4U * packet::PacketBudget::kPacketCharge);
}

TEST_F(UdpCoreTest, AllSocketsTogetherLeaveTcpItsPackets) {
  start();
  const std::uint64_t limit = tcp().resources().budget.limit();
  std::vector<UdpSocket> sockets;
  for (std::uint16_t i = 0; i < 8; ++i) {
    sockets.push_back(open_udp({.port = Port{static_cast<std::uint16_t>(100 + i)}}));
  }
  for (int i = 0; i < 600; ++i) {
    receive_udp({.payload = bytes_of_text("flood"), .to = static_cast<std::uint16_t>(100 + i % 8)});
  }
  EXPECT_LE(stack->udp().queued_bytes(), limit / 4);
  EXPECT_EQ(stack->udp().queued_bytes(), tcp().resources().budget.used());
  EXPECT_GT(dropped(DropReason::UdpReceiveFull), 0U);
  std::array<Datagram, 32> burst;
  std::size_t read = 0;
  for (const UdpSocket socket : sockets) {
    for (auto count = socket.receive(burst); count.value_or(0) > 0; count = socket.receive(burst)) {
      read += *count;
    }
  }
  EXPECT_EQ(read + dropped(DropReason::UdpReceiveFull), 600U);
  EXPECT_EQ(tcp().resources().budget.used(), 0U);
}

TEST_F(UdpCoreTest, ADatagramForOneHostInABroadcastFrameIsDropped) {
  covers({"RFC 1122 §3.3.6"});
  start();
  const UdpSocket socket = open_udp();
  receive_udp({.payload = bytes_of_text("x"), .mac = MacAddress::broadcast()});
  EXPECT_EQ(socket.readable(), 0U);
  EXPECT_EQ(dropped(DropReason::UdpNotUnicast), 1U);
}

TEST_F(UdpCoreTest, BroadcastsReachSocketsOfAllAddressesAndNobodyComplains) {
  start();
  const UdpSocket all = open_udp();
  const UdpSocket bound = open_udp({.port = Port{8}, .address = kOurs});
  for (const IpAddress& address : {kLinkBroadcast, IpAddress::v4(255, 255, 255, 255)}) {
    receive_udp(
        {.payload = bytes_of_text("all"), .destination = address, .mac = MacAddress::broadcast()});
    const auto datagram = all.receive();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->destination.address, address);
    for (const std::uint16_t port : std::array<std::uint16_t, 2>{8, 9}) {
      receive_udp({.payload = bytes_of_text("all"),
                   .to = port,
                   .destination = address,
                   .mac = MacAddress::broadcast()});
    }
  }
  turn();
  EXPECT_EQ(bound.readable(), 0U);
  EXPECT_TRUE(sent.empty()) << "no ICMP error about a broadcast";
  EXPECT_EQ(dropped(DropReason::UdpNoSocket), 4U);
}

TEST_F(UdpCoreTest, SendingToBroadcastAddressesMustBeAllowed) {
  covers({"RFC 1122 §3.3.6"});
  start();
  const UdpSocket socket = open_udp();
  for (const IpAddress& address : {kLinkBroadcast, IpAddress::v4(255, 255, 255, 255)}) {
    const Endpoint everyone{address, Port{9}};
    EXPECT_EQ(socket.send_to(everyone, "x").error(), Error::NotPermitted);
    EXPECT_EQ(socket.connect(everyone).error(), Error::NotPermitted);
    ASSERT_TRUE(socket.set_broadcast(true).has_value());
    ASSERT_TRUE(socket.send_to(everyone, "x").has_value());
    turn();
    const auto datagram = next_udp();
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->ethernet.destination, MacAddress::broadcast());
    EXPECT_EQ(datagram->ip.destination, address);
    EXPECT_EQ(datagram->ip.source, kOurs);
    ASSERT_TRUE(socket.set_broadcast(false).has_value());
  }
}

TEST_F(UdpCoreTest, DestinationsThatCannotBe) {
  start();
  const UdpSocket socket = open_udp();
  EXPECT_EQ(socket.send_to({kPeer, Port{0}}, "x").error(), Error::InvalidArgument);
  EXPECT_EQ(socket.send_to({IpAddress::v4(0, 0, 0, 0), Port{1}}, "x").error(),
            Error::InvalidArgument);
  EXPECT_EQ(socket.send_to({IpAddress::v4(203, 0, 113, 1), Port{1}}, "x").error(),
            Error::NetworkUnreachable);
  EXPECT_EQ(socket.send_to(kPeerEnd, std::string(65'508, 'x')).error(), Error::MessageTooLong);
  EXPECT_EQ(stats().udp_datagrams_out, 0U);
}

TEST_F(UdpCoreTest, WhatASocketSaysOfItsDatagramsStandsInTheirHeaders) {
  covers({"RFC 1122 §4.1.3.5", "RFC 1122 §4.1.4"});
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .hop_limit = std::uint8_t{9}, .dscp = 46});
  ASSERT_TRUE(socket.send_to(kPeerEnd, "a").has_value());
  ASSERT_TRUE(socket.set_hop_limit(200).has_value());
  ASSERT_TRUE(socket.set_dscp(10).has_value());
  ASSERT_TRUE(socket.set_fragmentation(Fragmentation::Allowed).has_value());
  ASSERT_TRUE(socket.send_to(kPeerEnd, "b").has_value());
  ASSERT_TRUE(socket.send_to({IpAddress::v4(224, 0, 0, 1), Port{1}}, "c").has_value());
  turn();
  const auto first = next_udp();
  const auto second = next_udp();
  const auto third = next_udp();
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(first->ip.ttl, 9);
  EXPECT_EQ(first->ip.traffic_class, 46 << 2);
  EXPECT_TRUE(first->ip.dont_fragment);
  EXPECT_EQ(second->ip.ttl, 200);
  EXPECT_EQ(second->ip.traffic_class, 10 << 2);
  EXPECT_FALSE(second->ip.dont_fragment);
  EXPECT_EQ(third->ip.ttl, 1) << "a group is reached on the link";
  EXPECT_EQ(socket.set_hop_limit(0).error(), Error::InvalidArgument);
  EXPECT_EQ(socket.set_dscp(64).error(), Error::InvalidArgument);
}

TEST_F(UdpCoreTest, ASenderThatIsTooFastWaitsAndGoesOn) {
  start();
  const UdpSocket socket = open_udp();
  std::size_t taken = 0;
  while (socket.send_to(kPeerEnd, "x").has_value()) {
    ++taken;
  }
  EXPECT_EQ(taken, 256U);
  EXPECT_EQ(socket.send_to(kPeerEnd, "x").error(), Error::WouldBlock);
  EXPECT_TRUE(stack->has_work());
  turn();
  EXPECT_EQ(recorder.count("writable"), 0U);
  turn();
  turn();
  EXPECT_EQ(recorder.count("writable"), 1U);
  EXPECT_EQ(sent.size(), 256U);
  EXPECT_FALSE(stack->has_work());
}

TEST_F(UdpCoreTest, WhileTcpWaitsForTheQueueUdpDoesNotFillIt) {
  start();
  Recorder tcp_recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, tcp_recorder).has_value());
  for (std::uint16_t port = 40'000; port < 40'010; ++port) {
    open(port);
  }
  for (const TcpSocket connection : std::vector{tcp_recorder.sockets}) {
    ASSERT_TRUE(connection.send(std::string(20'000, 't')).has_value());
  }
  const UdpSocket socket = open_udp();
  packet::Burst burst;
  stack->transmit(now, 0, burst);  // More waits in TCP than its share of the queue.
  EXPECT_TRUE(tcp().has_work());
  EXPECT_EQ(stack->interfaces()[0].tx.size(), 32U);
  EXPECT_EQ(socket.send_to(kPeerEnd, "x").error(), Error::WouldBlock);
  burst.clear();
  flush();
  turn();
  EXPECT_FALSE(tcp().has_work());
  turn();
  EXPECT_EQ(recorder.count("writable"), 1U);
  EXPECT_TRUE(socket.send_to(kPeerEnd, "x").has_value());
  turn();
}

TEST_F(UdpCoreTest, WithoutPacketsASenderWaits) {
  start();
  const UdpSocket socket = open_udp();
  while (packet::Packet taken = shared_pools().headers.allocate()) {
    held.push_back(std::move(taken));
  }
  while (packet::Packet taken = shared_pools().data.allocate()) {
    held.push_back(std::move(taken));
  }
  EXPECT_EQ(socket.send_to(kPeerEnd, "x").error(), Error::OutOfPackets);
  held.clear();
  turn();
  turn();
  EXPECT_EQ(recorder.count("writable"), 1U);
  EXPECT_TRUE(socket.send_to(kPeerEnd, "x").has_value());
  turn();
}

TEST_F(UdpCoreTest, AHandlerMayCloseItsSocket) {
  start();
  const UdpSocket socket = open_udp({.port = kEchoPort, .peer = kPeerEnd});
  recorder.react = [](std::string_view, UdpSocket of) { EXPECT_TRUE(of.close().has_value()); };
  receive_text("x");
  receive_icmp({.type = wire::IcmpType::DestinationUnreachable, .code = 3},
               {.local = {kOurs, kEchoPort}, .remote = kPeerEnd});
  turn();
  EXPECT_EQ(recorder.heard, std::vector<std::string>{"error"}) << "nothing follows";
  EXPECT_FALSE(socket.is_open());
}

TEST_F(UdpCoreTest, TheChecksumIsLeftToTheDeviceThatOffersIt) {
  setup.offloads.tx_udp_checksum = true;
  start();
  const UdpSocket socket = open_udp();
  ASSERT_TRUE(socket.send_to(kPeerEnd, "abc").has_value());
  packet::Burst burst;
  stack->transmit(now, 0, burst);
  ASSERT_EQ(burst.size(), 1U);
  const packet::Packet frame = burst.take(0);
  EXPECT_EQ(frame.get()->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM);
  const auto datagram = frame.data().subspan(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize);
  EXPECT_TRUE(wire::is_partial_checksum(wire::udp_checksum_field(datagram), kOurs, kPeer,
                                        wire::IpProtocol::Udp, 11));
}

TEST_F(UdpCoreTest, AfterShutDownNoneOpensAndAllAreClosed) {
  start();
  const UdpSocket socket = open_udp();
  receive_text("x");
  stack->shut_down();
  EXPECT_FALSE(socket.is_open());
  EXPECT_EQ(try_open({}).error(), Error::InvalidState);
  EXPECT_EQ(tcp().resources().budget.used(), 0U);
}

TEST_F(UdpCoreTest, SocketsAreListed) {
  start();
  open_udp({.port = Port{8}, .address = kOurs});
  const UdpSocket connected = open_udp();
  ASSERT_TRUE(connected.connect(kPeerEnd).has_value());
  receive_text("four");
  for (const std::uint32_t most : {1U, 32U}) {
    std::vector<SocketRecord> all;
    for (SocketCursor next; next.table() != SocketCursor::Table::Done;) {
      const SocketPage page = stack->list(now, next, {.records = most});
      EXPECT_LE(page.records.size(), most);
      all.insert(all.end(), page.records.begin(), page.records.end());
      next = page.next;
    }
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].protocol, SocketRecord::Protocol::Udp);
    EXPECT_EQ(all[0].state, TcpState::Closed);
    EXPECT_EQ(all[0].tuple.local, (Endpoint{kOurs, Port{8}}));
    EXPECT_TRUE(all[0].tuple.remote.port.is_unspecified());
    EXPECT_EQ(all[1].state, TcpState::Established);
    EXPECT_EQ(all[1].tuple.remote, kPeerEnd);
    EXPECT_EQ(all[0].receive_queue, 0U);
    EXPECT_GE(all[1].receive_queue, 4U);  // Memory, as in Linux's ss.
  }
}

TEST_F(UdpCoreTest, GarbageNeitherLeaksNorStops) {
  start();
  const UdpSocket socket = open_udp();
  ASSERT_TRUE(socket.connect(kPeerEnd).has_value());
  open_udp({.port = Port{8}});
  base::Random random = base::Random::from_seed(11);
  std::array<Datagram, 8> burst;
  for (int i = 0; i < 30'000; ++i) {
    PeerDatagram datagram{.to = static_cast<std::uint16_t>(7 + random.below(3))};
    datagram.payload.resize(random.below(200));
    packet::Packet frame = fragment_frame(datagram, udp_bytes(datagram),
                                          random.one_in(3) ? datagram.payload.size() / 16 * 8 : 0,
                                          4'096, static_cast<std::uint16_t>(random.below(4)));
    const auto bytes = frame.data().subspan(wire::kEthernetHeaderSize);
    for (std::uint32_t flips = random.below(4); flips > 0; --flips) {
      bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] ^=
          static_cast<std::byte>(1U << random.below(8));
    }
    if (random.one_in(2)) {  // The IPv4 checksum made right again, so that more comes through.
      bytes[10] = bytes[11] = std::byte{0};
      const std::uint16_t sum = wire::internet_checksum(bytes.first(wire::kIpv4HeaderSize));
      bytes[10] = static_cast<std::byte>(sum >> 8U);
      bytes[11] = static_cast<std::byte>(sum & 0xffU);
    }
    receive(std::move(frame));
    if (random.one_in(50)) {
      now += 1s;
      turn();
      sent.clear();
      socket.receive(burst).value();
    }
  }
}

}  // namespace
}  // namespace millrace::stack
