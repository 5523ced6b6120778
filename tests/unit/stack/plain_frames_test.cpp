// PlainFrames: byte for byte the frames that FrameBuilder and `net::Ipv4Output` make, asking the
// device for the same, whatever lies where; nothing leaked when a pool is exhausted.
#include "stack/plain_frames.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "net/link_header.hpp"
#include "stack/frame_builder.hpp"
#include "support/eal_environment.hpp"
#include "support/flat.hpp"
#include "wire/word_sum.hpp"

namespace millrace::stack {
namespace {

using packet::Packet;
using test::flat;
using wire::SeqNum;

constexpr FourTuple kTuple{
    .local = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}},
    .remote = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{40'000}}};
constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 2}};

packet::CorePools& pools() {
  static packet::CorePools made =
      test::make_core_pools({.data = 127, .headers = 63, .references = 63});
  return made;
}

class PlainFramesTest : public ::testing::Test {
 protected:
  void TearDown() override {
    buffer.clear(budget);
    held.clear();
    EXPECT_EQ(pools().in_use(), 0U) << "packets leaked";
  }

  std::uint32_t random(std::uint32_t below) { return static_cast<std::uint32_t>(engine()) % below; }
  bool one_in(std::uint32_t n) { return random(n) == 0; }

  /// Payload in packets of these sizes, from `first` on.
  void queue(SeqNum first, const std::vector<std::uint32_t>& sizes) {
    buffer.clear(budget);
    buffer.start(first);
    for (const std::uint32_t bytes : sizes) {
      Packet packet = pools().data.allocate();
      for (std::byte& value : packet.append(static_cast<std::uint16_t>(bytes))) {
        value = static_cast<std::byte>(engine());
      }
      // Of some the sum is known: of all bytes, or of those that were there at first.
      const std::uint32_t summed = one_in(2) ? bytes : random(bytes + 1);
      const tcp::KnownSum sum{.words = wire::sum_words(packet.data().first(summed)),
                              .bytes = summed};
      ASSERT_TRUE(buffer.append(packet, budget, one_in(4) ? tcp::KnownSum{} : sum));
    }
  }
  net::Interface any_interface() {
    net::Interface made;
    made.mac = MacAddress{{0x02, 0, 0, 0, 0, 1}};
    made.vlan = static_cast<std::uint16_t>(one_in(2) ? 7 : 0);
    made.offloads = {
        .tx_ipv4_checksum = one_in(2), .tx_tcp_checksum = one_in(2), .multi_segment = !one_in(4)};
    return made;
  }
  void begin(const net::Interface& interface, const tcp::SegmentPlan& plan) {
    frames.set_hop(interface, kPeerMac);
    begin(plan);
  }
  void begin(const tcp::SegmentPlan& plan) {
    frames.begin({.tuple = kTuple,
                  .ttl = 61,
                  .traffic_class = static_cast<std::uint8_t>(plan.ecn),
                  .ack = plan.ack,
                  .window = plan.window,
                  .timestamps = plan.options.timestamps});
  }
  /// As `TcpCore::send` has it built.
  Packet built_by_steps(const net::Interface& interface, const tcp::SegmentPlan& plan) {
    Packet packet = FrameBuilder{pools()}.build(plan, kTuple, interface.offloads,
                                                plan.payload_bytes > 0 ? &buffer : nullptr);
    if (!packet) {
      return packet;
    }
    const auto length = static_cast<std::uint16_t>(packet.size() + wire::kIpv4HeaderSize);
    wire::emit_ipv4(packet.prepend(wire::kIpv4HeaderSize),
                    {.source = kTuple.local.address,
                     .destination = kTuple.remote.address,
                     .ttl = 61,
                     .traffic_class = static_cast<std::uint8_t>(plan.ecn),
                     .dont_fragment = true,
                     .total_length = length},
                    !interface.offloads.tx_ipv4_checksum);
    if (interface.offloads.tx_ipv4_checksum || interface.offloads.tx_tcp_checksum) {
      packet.request_checksums(net::link_header_size(interface), wire::kIpv4HeaderSize,
                               interface.offloads.tx_ipv4_checksum,
                               interface.offloads.tx_tcp_checksum);
    }
    net::emit_link_header(packet.prepend(net::link_header_size(interface)), interface, kPeerMac,
                          wire::EtherType::Ipv4);
    return packet;
  }
  static tcp::PlainRun::Segment segment_of(const tcp::SegmentPlan& plan) {
    return {.seq = plan.seq,
            .payload_bytes = static_cast<std::uint16_t>(plan.payload_bytes),
            .flags = plan.flags};
  }
  tcp::SegmentPlan any_plan(SeqNum seq, std::uint32_t bytes) {
    tcp::SegmentPlan plan;
    plan.seq = seq;
    plan.ack = SeqNum{static_cast<std::uint32_t>(engine())};
    plan.payload_bytes = bytes;
    plan.window = static_cast<std::uint16_t>(engine());
    plan.flags = wire::TcpFlags{static_cast<std::uint8_t>(wire::TcpFlags::kAck |
                                                          (one_in(2) ? wire::TcpFlags::kPsh : 0) |
                                                          (one_in(4) ? wire::TcpFlags::kEce : 0))};
    plan.ecn = one_in(2) ? wire::Ecn::Capable0 : wire::Ecn::NotCapable;
    if (!one_in(4)) {
      plan.options.timestamps = {
          {static_cast<std::uint32_t>(engine()), static_cast<std::uint32_t>(engine())}};
    }
    return plan;
  }

  std::mt19937 engine{7};
  packet::PacketBudget budget{16U << 20U};
  tcp::SendBuffer buffer;
  PlainFrames frames{pools()};  // One for all, as a core has it.
  std::vector<Packet> held;
};

TEST_F(PlainFramesTest, AreTheFramesOfTheSteps) {
  unsigned plain = 0;
  unsigned shared = 0;
  net::Interface interface;
  for (int i = 0; i < 5'000; ++i) {
    const SeqNum first{static_cast<std::uint32_t>(engine())};
    std::vector<std::uint32_t> sizes(1 + random(4));
    std::uint32_t total = 0;
    for (std::uint32_t& size : sizes) {
      size = one_in(3) ? 1'000 : 1 + random(1'448);
      total += size;
    }
    queue(first, sizes);
    // Several leave by the same.
    const bool is_same_hop = i > 0 && !one_in(3);
    if (!is_same_hop) {
      interface = any_interface();
    }
    const std::uint32_t offset = one_in(2) ? 0 : random(total);
    const std::uint32_t most = std::min(total - offset, 1'448U);
    const std::uint32_t wanted = one_in(2) ? 1'000 : one_in(2) ? random(300) : random(1'449);
    const tcp::SegmentPlan plan = any_plan(first + offset, std::min(wanted, most));
    if (is_same_hop) {
      begin(plan);
    } else {
      begin(interface, plan);
    }
    // Twice, for what one frame holds the next one may refer to as well.
    for (int again = 0; again < 2; ++again) {
      held.push_back(frames.build(segment_of(plan), plan.payload_bytes > 0 ? &buffer : nullptr));
    }
    const Packet expected = built_by_steps(interface, plan);
    ASSERT_TRUE(expected);
    for (const Packet& frame : held) {
      if (!frame) {
        continue;
      }
      ++plain;
      ASSERT_EQ(flat(frame), flat(expected)) << "case " << i;
      ASSERT_EQ(flat(frame).size(), frame.size());
      EXPECT_EQ(frame.segments(), expected.segments());
      EXPECT_EQ(frame.headroom(), expected.headroom());
      EXPECT_EQ(frame.get()->ol_flags, expected.get()->ol_flags);
      EXPECT_EQ(frame.get()->l2_len, expected.get()->l2_len);
      EXPECT_EQ(frame.get()->l3_len, expected.get()->l3_len);
      const bool is_shared = !frame.is_contiguous() && RTE_MBUF_DIRECT(frame.get()->next);
      shared += is_shared ? 1 : 0;
      EXPECT_TRUE(!is_shared || rte_mbuf_refcnt_read(frame.get()->next) > 1);
    }
    held.clear();
  }
  EXPECT_GT(plain, 6'000U) << "what lies in one piece is left to nobody else";
  EXPECT_GT(shared, 300U);
}

TEST_F(PlainFramesTest, SegmentsAreJoinedForADeviceThatCutsThem) {
  unsigned joined = 0;
  for (int i = 0; i < 500; ++i) {
    const SeqNum first{static_cast<std::uint32_t>(engine())};
    std::vector<std::uint32_t> sizes(2 + random(10));
    std::uint32_t total = 0;
    for (std::uint32_t& size : sizes) {
      size = one_in(2) ? 1'000 : 1 + random(1'448);
      total += size;
    }
    queue(first, sizes);
    net::Interface interface = any_interface();
    interface.offloads.tx_tcp_checksum = interface.offloads.multi_segment = true;
    interface.offloads.tso_pieces = static_cast<std::uint16_t>(one_in(4) ? 4 : 20);
    const std::uint32_t offset = one_in(2) ? 0 : random(total);
    const auto mss = static_cast<std::uint16_t>(500 + random(949));
    tcp::SegmentPlan plan = any_plan(first + offset, mss);
    begin(interface, plan);
    const std::uint32_t segments = std::min((total - offset) / mss, frames.joined_max(mss));
    if (segments < 2) {
      continue;
    }
    plan.payload_bytes = segments * mss;
    Packet frame = frames.join(first + offset, mss, segments, buffer);
    if (!frame) {
      continue;
    }
    ++joined;
    frames.seal(frame, segment_of(plan), mss);
    EXPECT_LE(frame.segments(), interface.offloads.tso_pieces);
    EXPECT_EQ(frame.segmentation(), mss);
    // But for what it asks of the device, it is as one long segment.
    const Packet expected = built_by_steps(interface, plan);
    ASSERT_TRUE(expected);
    ASSERT_EQ(flat(frame), flat(expected)) << "case " << i;
    EXPECT_EQ(frame.get()->l2_len, expected.get()->l2_len);
    EXPECT_EQ(frame.get()->l3_len, expected.get()->l3_len);
    EXPECT_EQ(frame.get()->l4_len, plan.options.timestamps ? 32U : 20U);
    EXPECT_EQ(frame.get()->ol_flags & ~RTE_MBUF_F_TX_TCP_SEG, expected.get()->ol_flags);
  }
  EXPECT_GT(joined, 200U);
}

TEST_F(PlainFramesTest, NothingIsJoinedForOtherDevices) {
  queue(SeqNum{1}, {1'000});
  net::Interface interface = any_interface();
  interface.offloads = {.tx_tcp_checksum = true, .multi_segment = true, .tso_pieces = 0};
  const tcp::SegmentPlan plan = any_plan(SeqNum{1}, 500);
  begin(interface, plan);
  EXPECT_EQ(frames.joined_max(500), 0U);
  interface.offloads = {.tx_tcp_checksum = false, .multi_segment = true, .tso_pieces = 40};
  begin(interface, plan);
  EXPECT_EQ(frames.joined_max(500), 0U) << "the checksums of the segments are the device's";
  interface.offloads = {.tx_tcp_checksum = true, .multi_segment = true, .tso_pieces = 200};
  begin(interface, plan);
  EXPECT_EQ(frames.joined_max(1'461), 0U) << "no link of 1,500 takes it";
  EXPECT_EQ(frames.joined_max(255), 0U) << "there are devices that refuse it";
  EXPECT_GE(frames.joined_max(500) * 500U, 60'000U);
  EXPECT_LE(frames.joined_max(500) * 500U, 65'535U - 40) << "a datagram has a length of 16 bits";
}

TEST_F(PlainFramesTest, NoSegmentOfAFrameLiesInMorePiecesThanDevicesTake) {
  // rte_eth_desc_lim::nb_mtu_seg_max, which the headers count for, is 8 where it is least.
  constexpr std::uint32_t kPiecesMax = 7;
  queue(SeqNum{1}, std::vector<std::uint32_t>(36, 64));
  net::Interface interface = any_interface();
  interface.offloads = {.tx_tcp_checksum = true, .multi_segment = true, .tso_pieces = 40};
  begin(interface, any_plan(SeqNum{1}, 384));
  for (const std::uint32_t offset : {0U, 1U, 63U}) {
    for (std::uint16_t mss = 256; mss <= 512; ++mss) {
      const std::uint32_t count = (36 * 64 - offset) / mss;
      std::uint32_t most = 0;
      for (std::uint32_t segment = 0; segment < count; ++segment) {
        const std::uint32_t begin = offset + segment * mss;
        most = std::max(most, (begin + mss - 1) / 64 - begin / 64 + 1);
      }
      EXPECT_EQ(static_cast<bool>(frames.join(SeqNum{1} + offset, mss, count, buffer)),
                most < kPiecesMax)
          << mss << " from " << offset;
    }
  }
}

TEST_F(PlainFramesTest, WithoutPacketsNothingIsJoined) {
  queue(SeqNum{1}, {1'000, 1'000, 1'000});
  net::Interface interface = any_interface();
  interface.offloads = {.tx_tcp_checksum = true, .multi_segment = true, .tso_pieces = 40};
  begin(interface, any_plan(SeqNum{1}, 3'000));
  for (const std::uint32_t left : {0U, 2U}) {
    while (Packet packet = pools().references.allocate()) {
      held.push_back(std::move(packet));
    }
    held.resize(held.size() - left);
    EXPECT_FALSE(frames.join(SeqNum{1}, 1'000, 3, buffer));
    held.clear();
  }
  EXPECT_TRUE(frames.join(SeqNum{1}, 1'000, 3, buffer));
}

TEST_F(PlainFramesTest, WhatIsAppendedLaterIsNotInTheFrame) {
  const SeqNum first{1'000};
  queue(first, {1'000});
  net::Interface interface = any_interface();
  interface.offloads.multi_segment = true;
  const tcp::SegmentPlan plan = any_plan(first, 1'000);
  begin(interface, plan);
  const Packet frame = frames.build(segment_of(plan), &buffer);
  ASSERT_TRUE(frame);
  const std::vector<std::byte> before = flat(frame);
  const std::array<std::byte, 100> more{};
  EXPECT_EQ(buffer.append_to_tail(more, 2'048), more.size());
  EXPECT_EQ(flat(frame), before);
}

TEST_F(PlainFramesTest, APacketOutlivesItsAcknowledgmentInAFrame) {
  const SeqNum first{1'000};
  queue(first, {1'000, 1'000});
  net::Interface interface = any_interface();
  interface.offloads.multi_segment = true;
  const tcp::SegmentPlan plan = any_plan(first, 1'000);
  begin(interface, plan);
  Packet frame = frames.build(segment_of(plan), &buffer);
  ASSERT_TRUE(frame);
  const std::vector<std::byte> before = flat(frame);
  const std::uint32_t in_use = pools().data.in_use();
  buffer.on_ack(first + 1'000, budget);
  EXPECT_EQ(pools().data.in_use(), in_use);
  EXPECT_EQ(flat(frame), before);
  frame.reset();
  EXPECT_EQ(pools().data.in_use(), in_use - 1);
}

TEST_F(PlainFramesTest, WithoutPacketsThereIsNoFrame) {
  const SeqNum first{1'000};
  queue(first, {500, 1'000});
  net::Interface interface = any_interface();
  interface.offloads.multi_segment = true;
  for (const std::uint32_t bytes : {0U, 100U, 500U}) {
    const tcp::SegmentPlan plan = any_plan(first, bytes);
    begin(interface, plan);
    for (packet::PacketPool* const pool : {&pools().headers, &pools().references}) {
      while (Packet packet = pool->allocate()) {
        held.push_back(std::move(packet));
      }
      const bool needs_it = pool == &pools().headers;
      EXPECT_EQ(!frames.build(segment_of(plan), &buffer), needs_it);
      held.clear();
    }
  }
  // The last packet may still grow, so that it is referred to.
  const tcp::SegmentPlan plan = any_plan(first + 500, 1'000);
  begin(interface, plan);
  while (Packet packet = pools().references.allocate()) {
    held.push_back(std::move(packet));
  }
  EXPECT_FALSE(frames.build(segment_of(plan), &buffer));
}

TEST_F(PlainFramesTest, WhatTheLinkDoesNotTakeIsLeftToTheSteps) {
  const SeqNum first{1'000};
  queue(first, {1'000});
  net::Interface interface = any_interface();
  tcp::SegmentPlan plan = any_plan(first, 1'000);
  plan.options.timestamps = {};
  interface.mtu = 1'039;
  begin(interface, plan);
  EXPECT_FALSE(frames.build(segment_of(plan), &buffer));
  interface.mtu = 1'040;
  begin(interface, plan);
  EXPECT_TRUE(frames.build(segment_of(plan), &buffer));
}

}  // namespace
}  // namespace millrace::stack
