// A stack with several interfaces: two devices, and VLANs on one of them. Frames go to and come
// from the right one; an address belongs to its interface alone (decision 0012).
#include "stack/stack.hpp"

#include "net/link_header.hpp"
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

constexpr IpAddress kOursOnB = IpAddress::v4(198, 18, 1, 2);
constexpr IpAddress kOursOnVlan = IpAddress::v4(198, 18, 2, 2);
constexpr IpAddress kPeerOnVlan = IpAddress::v4(198, 18, 2, 1);
constexpr IpAddress kGatewayOnB = IpAddress::v4(198, 18, 1, 254);
constexpr IpAddress kFarAway = IpAddress::v4(203, 0, 113, 7);
constexpr IpAddress kFarNetwork = IpAddress::v4(203, 0, 112, 9);
constexpr MacAddress kOurMacOnB{{0x02, 0, 0, 0, 0, 0x0b}};
constexpr std::uint32_t kA = 0;
constexpr std::uint32_t kB = 1;

class InterfacesTest : public StackHost {
 protected:
  InterfacesTest() {
    setup.addresses = {prefix(kOurs)};
    setup.gateway = kPeer;
    InterfaceSetup on_b;
    on_b.device = kB;
    on_b.mac = kOurMacOnB;
    on_b.addresses = {prefix(kOursOnB)};
    on_b.gateway = kGatewayOnB;
    InterfaceSetup on_vlan;
    on_vlan.device = kB;
    on_vlan.vlan = 100;
    on_vlan.mac = kOurMacOnB;
    on_vlan.addresses = {prefix(kOursOnVlan)};
    config.routes.push_back(
        {.destination = IpPrefix::make(IpAddress::v4(203, 0, 112, 0), 24).value(),
         .gateway = kPeerOnVlan});
    stack.emplace(config, std::vector{setup, on_b, on_vlan}, shared_pools(),
                  base::Random::from_seed(7), now);
    stack->start(now);
    wait(5s);  // The announcements of its addresses are over.
    drain(kA);
    drain(kB);
  }

  static IpPrefix prefix(const IpAddress& address) { return IpPrefix::make(address, 24).value(); }

  /// Puts a tag behind the addresses of a frame.
  static packet::Packet tagged(packet::Packet frame, unsigned control, unsigned type = 0x8100) {
    const std::vector<std::byte> bytes{frame.data().begin(), frame.data().end()};
    std::vector<std::byte> with_tag{bytes.begin(), bytes.begin() + 12};
    for (const unsigned word : {type, control}) {
      with_tag.push_back(static_cast<std::byte>(word >> 8U));
      with_tag.push_back(static_cast<std::byte>(word & 0xffU));
    }
    with_tag.insert(with_tag.end(), bytes.begin() + 12, bytes.end());
    return packet_of(with_tag);
  }
  void receive_on(std::uint32_t device, packet::Packet frame) {
    packet::Burst burst;
    burst.push_back(std::move(frame));
    stack->receive(now, device, burst);
  }
  static packet::Packet ask(const IpAddress& whom, const IpAddress& asker) {
    return arp_frame({.operation = wire::ArpOperation::Request,
                      .sender_mac = kPeerMac,
                      .sender_ip = asker,
                      .target_mac = {},
                      .target_ip = whom});
  }
  static packet::Packet echo_request(const MacAddress& to, const IpAddress& source,
                                     const IpAddress& destination) {
    std::vector<std::byte> message(wire::kIcmpHeaderSize + 8);
    wire::emit_icmp(message, {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = 7});
    return ipv4_frame(wire::IpProtocol::Icmp, message, to, source, destination);
  }

  struct Sent {
    net::LinkHeader link;
    std::vector<std::byte> payload;
  };
  /// What the host has to send by a device, headers read.
  std::vector<Sent> drain(std::uint32_t device) {
    std::vector<Sent> frames;
    packet::Burst burst;
    do {
      burst.clear();
      stack->transmit(now, device, burst);
      for (std::uint16_t i = 0; i < burst.size(); ++i) {
        const packet::Packet frame = burst.take(i);
        const auto link = net::parse_link_header(frame.data()).value();
        const auto payload = frame.data().subspan(link.size);
        frames.push_back({link, {payload.begin(), payload.end()}});
      }
    } while (!burst.empty());
    return frames;
  }
  /// The only frame that is sent, and by `device`.
  std::optional<Sent> only_frame(std::uint32_t device) {
    const auto other = drain(1 - device);
    EXPECT_TRUE(other.empty()) << "a frame left by the wrong device";
    auto frames = drain(device);
    EXPECT_EQ(frames.size(), 1U);
    return frames.size() == 1 ? std::optional{std::move(frames.front())} : std::nullopt;
  }
};

TEST_F(InterfacesTest, AnnouncesEachAddressOnItsOwnInterface) {
  stack->start(now);
  const auto by_a = drain(kA);
  const auto by_b = drain(kB);
  ASSERT_EQ(by_a.size(), 1U);
  ASSERT_EQ(by_b.size(), 2U);
  for (const Sent& probe : by_b) {
    const auto arp = wire::parse_arp(probe.payload);
    ASSERT_TRUE(arp.has_value());
    EXPECT_EQ(arp->target_ip, probe.link.vlan == 100 ? kOursOnVlan : kOursOnB);
  }
  EXPECT_NE(by_b[0].link.vlan, by_b[1].link.vlan);
}

TEST_F(InterfacesTest, AnswersArpInTheVlanItWasAskedIn) {
  receive_on(kB, tagged(ask(kOursOnVlan, kPeerOnVlan), 0x2064));
  const auto reply = only_frame(kB);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->link.vlan, 100U);
  EXPECT_EQ(wire::parse_arp(reply->payload)->sender_ip, kOursOnVlan);
}

TEST_F(InterfacesTest, IsNotAskedForAnAddressOfAnotherInterface) {
  receive_on(kB, ask(kOursOnVlan, kPeerOnVlan));               // Untagged.
  receive_on(kB, tagged(ask(kOursOnB, kPeerOnVlan), 0x0064));  // In the VLAN.
  receive_on(kA, ask(kOursOnB, kPeer));                        // On the other device.
  EXPECT_EQ(dropped(DropReason::ArpUnsolicited), 3U);
  EXPECT_TRUE(drain(kA).empty());
  EXPECT_TRUE(drain(kB).empty());
}

TEST_F(InterfacesTest, APriorityTagMeansTheUntaggedInterface) {
  receive_on(kB, tagged(ask(kOursOnB, kGatewayOnB), 0xe000));
  const auto reply = only_frame(kB);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->link.vlan, 0U);
  EXPECT_EQ(reply->link.size, wire::kEthernetHeaderSize);
}

TEST_F(InterfacesTest, AnswersAPingOverAVlan) {
  receive_on(kB, tagged(ask(kOursOnVlan, kPeerOnVlan), 100));
  ASSERT_TRUE(only_frame(kB).has_value());
  receive_on(kB, tagged(echo_request(kOurMacOnB, kPeerOnVlan, kOursOnVlan), 100));
  const auto reply = only_frame(kB);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->link.vlan, 100U);
  EXPECT_EQ(reply->link.destination, kPeerMac);
  EXPECT_EQ(wire::parse_ipv4(reply->payload)->source, kOursOnVlan);
  EXPECT_EQ(stats().icmp_echo_replies_out, 1U);
}

struct VlanDrop {
  const char* name;
  DropReason reason;
  std::uint32_t device;
  unsigned control;
  unsigned type = 0x8100;
  unsigned inner = 0;  // Another tag inside.
};

class VlanDrops : public InterfacesTest, public ::testing::WithParamInterface<VlanDrop> {};

TEST_P(VlanDrops, IsCountedAndNotAnswered) {
  const VlanDrop& drop = GetParam();
  packet::Packet frame = echo_request(kOurMacOnB, kPeerOnVlan, kOursOnVlan);
  if (drop.inner != 0) {
    frame = tagged(std::move(frame), 100, drop.inner);
  }
  receive_on(drop.device, tagged(std::move(frame), drop.control, drop.type));
  turn();
  EXPECT_EQ(dropped(drop.reason), 1U);
  EXPECT_TRUE(drain(kA).empty());
  EXPECT_TRUE(drain(kB).empty());
}

INSTANTIATE_TEST_SUITE_P(
    , VlanDrops,
    ::testing::Values(VlanDrop{"unknown_vlan", DropReason::VlanUnknown, kB, 101},
                      VlanDrop{"vlan_of_another_device", DropReason::VlanUnknown, kA, 100},
                      VlanDrop{"reserved_vlan", DropReason::VlanUnknown, kB, 4095},
                      VlanDrop{"two_tags", DropReason::VlanNested, kB, 100, 0x8100, 0x8100},
                      VlanDrop{"service_tag", DropReason::VlanNested, kB, 100, 0x88a8},
                      VlanDrop{"service_tag_around", DropReason::VlanNested, kB, 100, 0x88a8,
                               0x8100}),
    [](const ::testing::TestParamInfo<VlanDrop>& chosen) { return chosen.param.name; });

TEST_F(InterfacesTest, AnUntaggedFrameNeedsAnUntaggedInterface) {
  InterfaceSetup only;
  only.vlan = 100;
  only.mac = kOurMac;
  only.addresses = {prefix(kOurs)};
  config.routes.clear();
  stack.emplace(config, std::span{&only, 1}, shared_pools(), base::Random::from_seed(7), now);
  receive_on(kA, ask(kOurs, kPeer));
  EXPECT_EQ(dropped(DropReason::VlanUnknown), 1U);
  receive_on(kA, tagged(ask(kOurs, kPeer), 0x6000));
  EXPECT_EQ(dropped(DropReason::VlanUnknown), 2U) << "a priority alone names no VLAN";
}

TEST_F(InterfacesTest, ATagThatIsCutOffIsTooShort) {
  packet::Packet frame = tagged(ask(kOursOnVlan, kPeerOnVlan), 100);
  frame.truncate(17);
  receive_on(kB, std::move(frame));
  EXPECT_EQ(dropped(DropReason::EthernetTooShort), 1U);
}

TEST_F(InterfacesTest, AConnectionIsAnsweredThroughTheDeviceOfItsAddress) {
  test::covers({"MUST-45"});
  // The peer is far away, and device a has the first default gateway.
  Recorder recorder;
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  receive_on(kB, ask(kOursOnB, kGatewayOnB));
  ASSERT_TRUE(only_frame(kB).has_value());
  const PeerSegment syn{.flags = kSyn, .source = kFarAway, .destination = kOursOnB};
  receive_on(kB, frame_of(syn, kOurMacOnB));
  stack->advance(now);
  const auto answer = only_frame(kB);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->link.destination, kPeerMac) << "the gateway on b";
  const auto ip = wire::parse_ipv4(answer->payload);
  EXPECT_EQ(ip->source, kOursOnB);
  const auto tcp_header = wire::parse_tcp(std::span{answer->payload}.subspan(ip->header_length));
  EXPECT_EQ(tcp_header->flags.bits(), kSyn | kAck);
}

TEST_F(InterfacesTest, AResetLeavesThroughTheDeviceOfItsAddress) {
  receive_on(kB, ask(kOursOnB, kGatewayOnB));
  ASSERT_TRUE(only_frame(kB).has_value());
  receive_on(kB,
             frame_of({.flags = kSyn, .source = kFarAway, .destination = kOursOnB}, kOurMacOnB));
  stack->advance(now);
  const auto answer = only_frame(kB);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(wire::parse_ipv4(answer->payload)->source, kOursOnB);
}

TEST_F(InterfacesTest, AnAddressIsNotReachedThroughAnotherDevice) {
  receive_on(kA, frame_of({.flags = kSyn, .destination = kOursOnB}));
  EXPECT_EQ(dropped(DropReason::Ipv4NotForUs), 1U);
  EXPECT_TRUE(drain(kA).empty());
  EXPECT_TRUE(drain(kB).empty());
}

TEST_F(InterfacesTest, AnOpenTakesTheWayAndTheAddressThatTheRoutesSay) {
  test::covers({"MUST-44", "MUST-45"});
  struct Case {
    const char* name;
    IpAddress destination;
    std::optional<IpAddress> local;
    std::uint32_t device;
    std::uint16_t vlan;
    IpAddress asked;
    IpAddress source;
  };
  const IpAddress near = IpAddress::v4(198, 18, 1, 9);
  for (const Case& c : {
           Case{"on b's network", near, {}, kB, 0, near, kOursOnB},
           Case{"anywhere", kFarAway, {}, kA, 0, kPeer, kOurs},
           Case{"anywhere, from b", kFarAway, kOursOnB, kB, 0, kGatewayOnB, kOursOnB},
           Case{"by a route", kFarNetwork, {}, kB, 100, kPeerOnVlan, kOursOnVlan},
           Case{"by a route, from b", kFarNetwork, kOursOnB, kB, 0, kGatewayOnB, kOursOnB},
       }) {
    SCOPED_TRACE(c.name);
    Recorder recorder;
    const auto handle = tcp().connect(now, {.address = c.destination, .port = Port{9}}, recorder,
                                      {.local_address = c.local});
    ASSERT_TRUE(handle.has_value());
    EXPECT_EQ(tcp().find(*handle)->connection.tuple().local.address, c.source);
    stack->advance(now);
    const auto question = only_frame(c.device);
    ASSERT_TRUE(question.has_value());
    EXPECT_EQ(question->link.vlan, c.vlan);
    const auto arp = wire::parse_arp(question->payload);
    ASSERT_TRUE(arp.has_value());
    EXPECT_EQ(arp->target_ip, c.asked);
    EXPECT_EQ(arp->sender_ip, c.source);
    // The next case asks anew.
    wait(10s);
    drain(kA);
    drain(kB);
  }
}

TEST_F(InterfacesTest, AnAbsentNeighborInAVlanFailsTheOpen) {
  Recorder recorder;
  ASSERT_TRUE(
      tcp()
          .connect(now, {.address = IpAddress::v4(198, 18, 2, 77), .port = Port{9}}, recorder, {})
          .has_value());
  for (int i = 0; i < 50; ++i) {
    now += 100ms;
    stack->advance(now);
    stack->dispatch_events(now);
    drain(kA);
    drain(kB);
    stack->end_turn();
  }
  ASSERT_EQ(recorder.count("closed"), 1U);
  EXPECT_EQ(recorder.outcomes[0].error(), Error::HostUnreachable);
}

TEST_F(InterfacesTest, InterfacesOfADeviceSendInTurns) {
  receive_on(kB, ask(kOursOnB, kGatewayOnB));
  receive_on(kB, tagged(ask(kOursOnVlan, kPeerOnVlan), 100));
  drain(kB);
  for (int i = 0; i < 80; ++i) {
    receive_on(kB, i < 40 ? echo_request(kOurMacOnB, kGatewayOnB, kOursOnB)
                          : tagged(echo_request(kOurMacOnB, kPeerOnVlan, kOursOnVlan), 100));
  }
  packet::Burst burst;
  stack->transmit(now, kB, burst);
  ASSERT_TRUE(burst.full());
  unsigned tagged_frames = 0;
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    const packet::Packet frame = burst.take(i);
    tagged_frames += net::parse_link_header(frame.data())->vlan == 100 ? 1 : 0;
  }
  EXPECT_EQ(tagged_frames, packet::Burst::kCapacity / 2U);
  burst.clear();
  EXPECT_EQ(drain(kB).size(), 80U - packet::Burst::kCapacity) << "none is lost";
}

}  // namespace
}  // namespace millrace::stack
