// ARP: answers, questions, announcements, conflicts, and what liars achieve.
#include "net/arp.hpp"

#include <array>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "net/link_header.hpp"
#include "net/net_host.hpp"
#include "net/transmit_queue.hpp"

namespace millrace::net {
namespace {

class ArpTest : public NetHost {};

TEST_F(ArpTest, AnswersARequestForEachOfOurAddressesInPlace) {
  for (const auto& [own, asker] :
       {std::pair{kOurs, kPeer}, std::pair{kOursToo, IpAddress::v4(10, 0, 0, 9)}}) {
    packet::Packet frame = received_arp(request(asker, kPeerMac, own));
    const auto* const mbuf = frame.get();
    arp->on_packet(now, link(), std::move(frame));
    ASSERT_EQ(link().tx.front(), mbuf) << "the request's own packet carries the reply";
    const auto sent = next_arp();
    ASSERT_TRUE(sent.has_value()) << "42 bytes, padding removed";
    EXPECT_EQ(sent->ethernet,
              (wire::EthernetHeader{
                  .destination = kPeerMac, .source = kOurMac, .type = wire::EtherType::Arp}));
    EXPECT_EQ(sent->arp, (wire::ArpPacket{.operation = wire::ArpOperation::Reply,
                                          .sender_mac = kOurMac,
                                          .sender_ip = own,
                                          .target_mac = kPeerMac,
                                          .target_ip = asker}));
  }
  EXPECT_EQ(stats.arp_replies_out, 2U);
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(ArpTest, AnswersFromThePoolWhenSomebodyElseHoldsTheRequest) {
  packet::Packet frame = received_arp(request(kPeer, kPeerMac, kOurs));
  const std::vector<std::byte> before{frame.data().begin(), frame.data().end()};
  held.push_back(pools.references.reference(frame.get(), 0, frame.size()));
  arp->on_packet(now, link(), std::move(frame));
  EXPECT_TRUE(next_arp().has_value());
  EXPECT_TRUE(std::ranges::equal(held[0].data(), before)) << "shared bytes were rewritten";
}

TEST_F(ArpTest, SharedRequestGoesUnansweredWithoutPackets) {
  packet::Packet frame = received_arp(request(kPeer, kPeerMac, kOurs));
  held.push_back(pools.references.reference(frame.get(), 0, frame.size()));
  while (packet::Packet taken = pools.headers.allocate()) {
    held.push_back(std::move(taken));
  }
  arp->on_packet(now, link(), std::move(frame));
  EXPECT_EQ(dropped(DropReason::OutOfPackets), 1U);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(ArpTest, ReplyIntoAFullTransmitQueueIsCounted) {
  for (std::uint32_t i = 0; i < kMaxQueuedFrames; ++i) {
    ASSERT_TRUE(enqueue_frame(link(), pools.headers.allocate()));
  }
  receive_arp(request(kPeer, kPeerMac, kOurs));
  EXPECT_EQ(dropped(DropReason::TransmitQueueFull), 1U);
}

TEST_F(ArpTest, RequestForUsMakesAnEntry) {
  receive_arp(request(kPeer, kPeerMac, kOurs));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kPeerMac);
}

TEST_F(ArpTest, RequestFromOutsideTheLinkIsAnsweredAndForgotten) {
  receive_arp(request(kFarAway, kPeerMac, kOurs));
  EXPECT_TRUE(next_arp().has_value());
  EXPECT_EQ(neighbors->size(), 0U);
}

TEST_F(ArpTest, ProbeForOurAddressIsAnsweredAndTeachesNothing) {  // RFC 5227 §2.1.1
  receive_arp(request(kZero, kPeerMac, kOurs));
  const auto sent = next_arp();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->arp.operation, wire::ArpOperation::Reply);
  EXPECT_EQ(sent->ethernet.destination, kPeerMac);
  EXPECT_EQ(neighbors->size(), 0U);
  EXPECT_EQ(stats.arp_conflicts, 0U);
}

TEST_F(ArpTest, DropsWhatIsMalformedOrCannotBeASender) {
  constexpr MacAddress kGroupMac{{0x01, 0, 0x5e, 0, 0, 1}};
  struct Case {
    std::string_view name;
    wire::ArpPacket packet;
    DropReason reason;
  };
  const Case cases[] = {
      {"broadcast sender MAC", request(kPeer, MacAddress::broadcast(), kOurs),
       DropReason::ArpBadSender},
      {"group sender MAC", request(kPeer, kGroupMac, kOurs), DropReason::ArpBadSender},
      {"zero sender MAC", request(kPeer, MacAddress{}, kOurs), DropReason::ArpBadSender},
      {"our own MAC", request(kPeer, kOurMac, kOurs), DropReason::ArpBadSender},
      {"our own announcement comes back", request(kOurs, kOurMac, kOurs), DropReason::ArpBadSender},
      {"multicast sender", request(IpAddress::v4(224, 0, 0, 1), kPeerMac, kOurs),
       DropReason::ArpBadSender},
      {"limited broadcast sender", request(IpAddress::v4(255, 255, 255, 255), kPeerMac, kOurs),
       DropReason::ArpBadSender},
      {"directed broadcast sender", request(IpAddress::v4(198, 18, 0, 255), kPeerMac, kOurs),
       DropReason::ArpBadSender},
      {"loopback sender", request(IpAddress::v4(127, 0, 0, 1), kPeerMac, kOurs),
       DropReason::ArpBadSender},
      {"reply from nobody", reply(kZero, kPeerMac), DropReason::ArpBadSender},
      {"reply that nobody asked for", reply(kPeer, kPeerMac), DropReason::ArpUnsolicited},
      {"gratuitous request of a stranger", request(kPeer, kPeerMac, kPeer),
       DropReason::ArpUnsolicited},
      {"request among others", request(kPeer, kPeerMac, kGateway), DropReason::ArpUnsolicited},
      {"probe for another address", request(kZero, kPeerMac, kGateway), DropReason::ArpUnsolicited},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::uint64_t before = dropped(c.reason);
    const std::uint64_t all_before = dropped_in_all();
    receive_arp(c.packet);
    EXPECT_EQ(dropped(c.reason), before + 1);
    EXPECT_EQ(dropped_in_all(), all_before + 1);
    EXPECT_EQ(neighbors->size(), 0U);
    EXPECT_TRUE(link().tx.empty());
    EXPECT_EQ(stats.arp_conflicts, 0U);
  }
}

TEST_F(ArpTest, DropsPacketsThatAreNoArp) {
  struct Case {
    DropReason reason;
    std::size_t size;
    std::size_t offset;  // Of a byte to break.
  };
  const Case cases[] = {
      {DropReason::ArpTooShort, 0, 0},      {DropReason::ArpTooShort, 27, 0},
      {DropReason::ArpBadFormat, 28, 1},    {DropReason::ArpBadFormat, 46, 4},
      {DropReason::ArpBadOperation, 28, 7},
  };
  for (const Case& c : cases) {
    packet::Packet frame = received_arp(request(kPeer, kPeerMac, kOurs));
    frame.truncate(static_cast<std::uint32_t>(c.size));
    if (c.offset != 0) {
      frame.data()[c.offset] = std::byte{0x77};
    }
    const std::uint64_t before = dropped(c.reason);
    arp->on_packet(now, link(), std::move(frame));
    EXPECT_EQ(dropped(c.reason), before + 1) << c.size << " bytes, broken at " << c.offset;
  }
  EXPECT_TRUE(link().tx.empty());
  EXPECT_EQ(neighbors->size(), 0U);
}

TEST_F(ArpTest, UnsolicitedNewsUpdateButNeverCreate) {
  know(kPeer, kPeerMac);
  receive_arp(reply(kPeer, kOtherMac));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kOtherMac);
  receive_arp(request(kPeer, kPeerMac, kPeer));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kPeerMac) << "gratuitous request";
  receive_arp(request(kPeer, kOtherMac, kGateway));
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kOtherMac) << "request for another (RFC 826)";
  EXPECT_EQ(dropped_in_all(), 0U);
  EXPECT_EQ(neighbors->size(), 1U);
}

TEST_F(ArpTest, AsksForAParkedFrameAndDeliversIt) {
  const auto path = output->route(kPeer);
  ASSERT_TRUE(path.has_value());
  ASSERT_TRUE(
      output->send(now, packet_of(pattern(40)), {.source = kOurs, .destination = kPeer}, *path));
  const auto asked = next_arp();
  ASSERT_TRUE(asked.has_value());
  EXPECT_TRUE(asked->ethernet.destination.is_broadcast());
  EXPECT_EQ(asked->arp, request(kOurs, kOurMac, kPeer));
  wait(1s);
  EXPECT_TRUE(next_arp().has_value()) << "asked again";
  receive_arp(reply(kPeer, kPeerMac));
  const auto delivered = next_ipv4();
  ASSERT_TRUE(delivered.has_value());
  EXPECT_EQ(delivered->ethernet.destination, kPeerMac);
  wait(5s);
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(ArpTest, AsksFromTheAddressOnTheNeighborsNetwork) {
  const IpAddress there = IpAddress::v4(10, 0, 0, 9);
  ASSERT_TRUE(output->send(now, packet_of(pattern(40)), {.source = kOurs, .destination = there}));
  const auto asked = next_arp();
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->arp.sender_ip, kOursToo);
}

TEST_F(ArpTest, RefreshIsAskedByUnicast) {
  know(kPeer, kPeerMac);
  wait(1s);
  static_cast<void>(neighbors->resolve(now, key(kPeer)));
  wait(45s);
  const auto asked = next_arp();
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->ethernet.destination, kPeerMac);
  EXPECT_EQ(asked->arp, request(kOurs, kOurMac, kPeer));
}

TEST_F(ArpTest, RequestsWithoutPacketsAreCountedAndTriedAgain) {
  while (packet::Packet taken = pools.headers.allocate()) {
    held.push_back(std::move(taken));
  }
  ASSERT_TRUE(output->send(now, packet_of(pattern(40)), {.source = kOurs, .destination = kPeer}));
  EXPECT_EQ(dropped(DropReason::OutOfPackets), 1U);
  held.clear();
  wait(1s);
  EXPECT_TRUE(next_arp().has_value());
}

TEST_F(ArpTest, StartProbesThenAnnouncesEachAddressTwice) {  // RFC 5227 §2.1.1, §2.3
  arp->start(now);
  for (const IpAddress& own : {kOurs, kOursToo}) {
    const auto probe = next_arp();
    ASSERT_TRUE(probe.has_value());
    EXPECT_TRUE(probe->ethernet.destination.is_broadcast());
    EXPECT_EQ(probe->arp, request(kZero, kOurMac, own));
  }
  EXPECT_TRUE(link().tx.empty());
  wait(Arp::kAnnounceWait - 1ms);
  EXPECT_TRUE(link().tx.empty()) << "an answer needs time";
  for (int round = 0; round < 2; ++round) {
    wait(round == 0 ? Arp::kAnnounceWait + 2ms : Arp::kAnnounceInterval);
    for (const IpAddress& own : {kOurs, kOursToo}) {
      const auto announcement = next_arp();
      ASSERT_TRUE(announcement.has_value());
      EXPECT_TRUE(announcement->ethernet.destination.is_broadcast());
      EXPECT_EQ(announcement->arp, request(own, kOurMac, own));
    }
    EXPECT_TRUE(link().tx.empty());
  }
  EXPECT_FALSE(arp->next_deadline().has_value());
  EXPECT_EQ(stats.arp_requests_out, 6U);
}

TEST_F(ArpTest, AddressThatAnotherHoldsIsReportedAndNotAnnounced) {
  arp->start(now);
  link().tx.clear();
  receive_arp(reply(kOurs, kPeerMac));
  EXPECT_EQ(stats.arp_conflicts, 1U);
  EXPECT_EQ(arp->take_conflict(), (Conflict{.address = kOurs, .claimed_by = kPeerMac}));
  EXPECT_FALSE(arp->take_conflict().has_value());
  EXPECT_TRUE(link().tx.empty()) << "the other was first";
  wait(5s);
  for (int i = 0; i < 2; ++i) {
    const auto announcement = next_arp();
    ASSERT_TRUE(announcement.has_value());
    EXPECT_EQ(announcement->arp.sender_ip, kOursToo) << "the other address is not concerned";
  }
  EXPECT_TRUE(link().tx.empty());
}

TEST_F(ArpTest, DefendsItsAddressOnceInTenSeconds) {  // RFC 5227 §2.4 (c)
  arp->start(now);
  wait(5s);
  link().tx.clear();
  const wire::ArpPacket claims[] = {request(kOurs, kPeerMac, kOurs), reply(kOurs, kPeerMac),
                                    request(kOurs, kPeerMac, kGateway)};
  for (const wire::ArpPacket& claim : claims) {
    receive_arp(claim);
  }
  EXPECT_EQ(stats.arp_conflicts, 3U);
  const auto defense = next_arp();
  ASSERT_TRUE(defense.has_value());
  EXPECT_TRUE(defense->ethernet.destination.is_broadcast());
  EXPECT_EQ(defense->arp, request(kOurs, kOurMac, kOurs));
  EXPECT_TRUE(link().tx.empty()) << "once";
  wait(9'900ms);
  receive_arp(claims[0]);
  EXPECT_TRUE(link().tx.empty());
  wait(100ms);
  receive_arp(claims[0]);
  EXPECT_EQ(link().tx.size(), 1U);
  EXPECT_EQ(neighbors->size(), 0U) << "our own address is nobody's";
  EXPECT_EQ(dropped_in_all(), 0U);
}

TEST_F(ArpTest, FloodFromRandomSendersCostsNoEntryInUse) {
  know(kPeer, kPeerMac);
  know(kGateway, kOtherMac);
  ASSERT_TRUE(neighbors->resolve(now, key(kPeer)).has_value());
  ASSERT_TRUE(neighbors->resolve(now, key(kGateway)).has_value());
  for (int i = 0; i < 20'000; ++i) {
    // The low bits leave our addresses, the peer, the gateway and broadcast alone.
    const auto host = static_cast<std::uint8_t>(4 + random.below(200));
    std::array<std::uint8_t, MacAddress::kSize> mac{0x02, 0, 1};
    mac[4] = static_cast<std::uint8_t>(random.below(256));
    mac[5] = static_cast<std::uint8_t>(random.below(256));
    const IpAddress sender = IpAddress::v4(198, 18, 0, host);
    arp->on_packet(now, link(), received_arp(request(sender, MacAddress{mac}, kOurs)));
    now += 10us;
    if (i % 1'000 == 0) {
      arp->advance(now);
      neighbors->check_invariants();
      link().tx.clear();
    }
  }
  EXPECT_EQ(neighbors->resolve(now, key(kPeer)), kPeerMac);
  EXPECT_EQ(neighbors->resolve(now, key(kGateway)), kOtherMac);
  EXPECT_EQ(neighbors->size(), neighbors->capacity());
}

TEST_F(ArpTest, GarbageNeitherLeaksNorStops) {
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> bytes(random.below(60));
    random.fill(bytes);
    if (bytes.size() >= 28 && random.one_in(2)) {
      wire::emit_arp(bytes, request(neighbor_address(random.below(250)), kPeerMac, kOurs));
      bytes[random.below(28)] = static_cast<std::byte>(random.below(256));
    }
    arp->on_packet(now, link(), packet_of(bytes));
    now += 1ms;
    arp->advance(now);
    link().tx.clear();
  }
  receive_arp(request(kPeer, kPeerMac, kOurs));
  EXPECT_TRUE(next_arp().has_value());
}

/// A second interface, VLAN 100 of some device, with an address of its own.
class ArpOnTwoInterfaces : public ArpTest {
 protected:
  static constexpr IpAddress kOursBeyond = IpAddress::v4(198, 18, 1, 2);
  static constexpr MacAddress kOurOtherMac{{0x02, 0, 0, 0, 0, 7}};

  ArpOnTwoInterfaces() {
    Interface& second = interfaces.emplace_back();
    second.index = 1;
    second.vlan = 100;
    second.mac = kOurOtherMac;
    EXPECT_TRUE(second.addresses.push_back(IpPrefix::make(kOursBeyond, 24).value()));
    arp.emplace(interfaces, *neighbors, pools.headers, stats, random);
  }
};

// Decision 0012: an interface answers for its own addresses alone.
TEST_F(ArpOnTwoInterfaces, AnswersOnlyForTheAddressesOfTheInterfaceThatWasAsked) {
  receive_arp(request(kPeer, kPeerMac, kOursBeyond));
  EXPECT_EQ(dropped(DropReason::ArpUnsolicited), 1U);
  arp->on_packet(now, interfaces[1], received_arp(request(kPeer, kPeerMac, kOurs)));
  EXPECT_EQ(dropped(DropReason::ArpUnsolicited), 2U);
  EXPECT_TRUE(interfaces[0].tx.empty());
  EXPECT_TRUE(interfaces[1].tx.empty());
}

TEST_F(ArpOnTwoInterfaces, AnswersInTheVlanOfTheInterface) {
  const IpAddress asker = IpAddress::v4(198, 18, 1, 9);
  arp->on_packet(now, interfaces[1], received_arp(request(asker, kPeerMac, kOursBeyond)));
  const packet::Packet frame = interfaces[1].tx.pop_front();
  ASSERT_TRUE(frame);
  const auto header = parse_link_header(frame.data());
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->destination, kPeerMac);
  EXPECT_EQ(header->vlan, 100U);
  EXPECT_EQ(header->type, wire::EtherType::Arp);
  const auto reply = wire::parse_arp(frame.data().subspan(header->size));
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->sender_mac, kOurOtherMac);
  EXPECT_EQ(reply->sender_ip, kOursBeyond);
  EXPECT_TRUE(interfaces[0].tx.empty());
}

}  // namespace
}  // namespace millrace::net
