// FrameBuilder: the same bytes and a right checksum whether payload is copied or referenced,
// whatever pieces it lies in; with a pool exhausted an empty packet, and nothing leaked.
#include "stack/frame_builder.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/eal_environment.hpp"
#include "support/flat.hpp"
#include "wire/checksum.hpp"
#include "wire/tcp.hpp"

namespace millrace::stack {
namespace {

using packet::Packet;
using test::flat;
using wire::SeqNum;

constexpr FourTuple kTuple{
    .local = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}},
    .remote = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{40'000}}};
// Wraps around inside of the payload.
constexpr SeqNum kFirst{0xffff'fff0};

packet::CorePools& pools() {
  static packet::CorePools made =
      test::make_core_pools({.data = 63, .headers = 63, .references = 63});
  return made;
}

class FrameBuilderTest : public ::testing::Test {
 protected:
  FrameBuilderTest() { buffer.start(kFirst); }

  void TearDown() override {
    buffer.clear(budget);
    held.clear();
    EXPECT_EQ(pools().in_use(), 0U) << "packets leaked";
    EXPECT_EQ(budget.used(), 0U);
  }

  /// Payload in packets of these sizes.
  void queue(const std::vector<std::uint32_t>& pieces) {
    for (const std::uint32_t bytes : pieces) {
      Packet packet = pools().data.allocate();
      for (std::byte& value : packet.append(static_cast<std::uint16_t>(bytes))) {
        value = static_cast<std::byte>(payload.size() * 7 + 3);
        payload.push_back(value);
      }
      ASSERT_TRUE(buffer.append(packet, budget));
    }
  }
  tcp::SegmentPlan plan(std::uint32_t offset, std::uint32_t bytes) const {
    tcp::SegmentPlan made;
    made.seq = kFirst + offset;
    made.ack = SeqNum{77};
    made.payload_bytes = bytes;
    made.window = 1'234;
    made.flags = wire::TcpFlags{wire::TcpFlags::kAck};
    return made;
  }
  Packet build(const tcp::SegmentPlan& made, const net::Offloads& offloads) {
    return builder.build(made, kTuple, offloads, made.payload_bytes > 0 ? &buffer : nullptr);
  }
  void expect_right(const Packet& packet, const tcp::SegmentPlan& made) {
    const std::vector<std::byte> bytes = flat(packet);
    ASSERT_EQ(bytes.size(), packet.size());
    const auto header = wire::parse_tcp(bytes);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->source_port, 80);
    EXPECT_EQ(header->destination_port, 40'000);
    EXPECT_EQ(header->seq, made.seq);
    EXPECT_EQ(header->ack, made.ack);
    EXPECT_EQ(header->window, made.window);
    EXPECT_EQ(header->flags, made.flags);
    const auto offset = static_cast<std::ptrdiff_t>(made.seq - kFirst);
    const std::vector<std::byte> want{payload.begin() + offset,
                                      payload.begin() + offset + made.payload_bytes};
    EXPECT_EQ((std::vector<std::byte>{bytes.begin() + header->header_length, bytes.end()}), want);
    EXPECT_TRUE(wire::has_valid_transport_checksum(kTuple.local.address, kTuple.remote.address,
                                                   wire::IpProtocol::Tcp, bytes));
    EXPECT_GE(packet.headroom(), 34) << "room for IPv4 and Ethernet";
  }

  packet::PacketBudget budget{1U << 20U};
  tcp::SendBuffer buffer;
  FrameBuilder builder{pools()};
  std::vector<std::byte> payload;
  std::vector<Packet> held;
};

struct PayloadCase {
  const char* name;
  std::vector<std::uint32_t> pieces;
  std::uint32_t offset;
  std::uint32_t bytes;
  unsigned referenced_in;  ///< Pieces of the frame where chains are taken: 1 means copied.
};

const std::vector<PayloadCase> kPayloadCases{
    {"one_byte", {1}, 0, 1, 1},
    {"small_is_copied", {1'000}, 0, 256, 1},
    {"more_is_referenced", {1'000}, 0, 257, 2},
    {"odd_offset_and_length", {1'448}, 3, 1'001, 2},
    {"two_pieces_odd_first", {701, 699}, 0, 1'400, 3},
    {"two_pieces_both_odd", {333, 335}, 1, 600, 3},
    {"three_odd_pieces", {301, 303, 305}, 0, 909, 4},
    {"middle_of_five", {301, 303, 305, 307, 309}, 100, 1'299, 6},
    {"six_pieces", {99, 99, 99, 99, 99, 99}, 0, 594, 7},
    {"seven_pieces_are_copied", {99, 99, 99, 99, 99, 99, 99}, 0, 693, 1},
};

TEST_F(FrameBuilderTest, ReferencesWhereItPays) {
  for (const PayloadCase& each : kPayloadCases) {
    SCOPED_TRACE(each.name);
    queue(each.pieces);
    const tcp::SegmentPlan made = plan(each.offset, each.bytes);
    const Packet packet = build(made, {.multi_segment = true});
    ASSERT_TRUE(packet);
    expect_right(packet, made);
    EXPECT_EQ(packet.segments(), each.referenced_in);
    buffer.clear(budget);
    buffer.start(kFirst);
    payload.clear();
  }
}

TEST_F(FrameBuilderTest, CopiesForDevicesThatTakeNoChains) {
  for (const PayloadCase& each : kPayloadCases) {
    SCOPED_TRACE(each.name);
    queue(each.pieces);
    const tcp::SegmentPlan made = plan(each.offset, each.bytes);
    const Packet packet = build(made, {});
    ASSERT_TRUE(packet);
    expect_right(packet, made);
    EXPECT_TRUE(packet.is_exclusive());
    buffer.clear(budget);
    buffer.start(kFirst);
    payload.clear();
  }
}

TEST_F(FrameBuilderTest, AReferenceOutlivesTheSendBuffer) {
  queue({1'448});
  const tcp::SegmentPlan made = plan(0, 1'448);
  const Packet packet = build(made, {.multi_segment = true});
  buffer.clear(budget);
  expect_right(packet, made);
}

TEST_F(FrameBuilderTest, LeavesThePseudoHeadersSumToADeviceThatCompletesIt) {
  test::covers({"MUST-2"});
  queue({1'001});
  const tcp::SegmentPlan made = plan(0, 1'001);
  for (const bool multi_segment : {false, true}) {
    SCOPED_TRACE(multi_segment);
    const Packet packet = build(made, {.tx_tcp_checksum = true, .multi_segment = multi_segment});
    std::vector<std::byte> bytes = flat(packet);
    // What the device does: sum the segment as it is, pseudo header's sum included.
    const std::uint16_t sum = wire::internet_checksum(bytes);
    wire::set_tcp_checksum(bytes, sum);
    EXPECT_TRUE(wire::has_valid_transport_checksum(kTuple.local.address, kTuple.remote.address,
                                                   wire::IpProtocol::Tcp, bytes));
  }
}

TEST_F(FrameBuilderTest, WritesOptionsOfSynAndAck) {
  test::covers({"MUST-14", "MUST-65"});
  tcp::SegmentPlan syn = plan(0, 0);
  syn.flags = wire::TcpFlags{wire::TcpFlags::kSyn};
  syn.options.mss = 1'460;
  syn.options.window_scale = 7;
  const Packet packet = build(syn, {});
  expect_right(packet, syn);
  const std::vector<std::byte> bytes = flat(packet);
  const auto options = wire::TcpOptions::parse(std::span{bytes}.subspan(wire::kTcpHeaderSize));
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(*options, syn.options);

  tcp::SegmentPlan ack = plan(0, 0);
  ack.options.timestamps = wire::TcpTimestamps{.value = 5, .echo = 6};
  expect_right(build(ack, {}), ack);
}

TEST_F(FrameBuilderTest, EmptyWithoutHeaders) {
  queue({1'000});
  while (Packet packet = pools().headers.allocate()) {
    held.push_back(std::move(packet));
  }
  EXPECT_FALSE(build(plan(0, 0), {}));
  EXPECT_FALSE(build(plan(0, 100), {}));
  // A segment of that size is copied whole into a buffer for data instead.
  const Packet copied = build(plan(0, 1'000), {.multi_segment = true});
  ASSERT_TRUE(copied);
  EXPECT_TRUE(copied.is_contiguous());
}

TEST_F(FrameBuilderTest, CopiesWithoutReferences) {
  test::covers({"MUST-2"});
  queue({500, 500});
  while (held.size() < pools().references.capacity() - 1) {
    held.push_back(pools().references.allocate());
  }
  // The first piece still finds one, the second does not.
  const tcp::SegmentPlan made = plan(0, 1'000);
  const Packet packet = build(made, {.multi_segment = true});
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet.segments(), 1U);
  expect_right(packet, made);
  EXPECT_EQ(pools().references.available(), 1U);
}

TEST_F(FrameBuilderTest, EmptyWithoutAnything) {
  queue({1'000});
  for (packet::PacketPool* pool : {&pools().headers, &pools().references, &pools().data}) {
    while (Packet packet = pool->allocate()) {
      held.push_back(std::move(packet));
    }
  }
  EXPECT_FALSE(build(plan(0, 1'000), {.multi_segment = true}));
  EXPECT_FALSE(build(plan(0, 1'000), {}));
  held.clear();
  EXPECT_EQ(pools().in_use(), 1U) << "only what the send buffer holds";
}

}  // namespace
}  // namespace millrace::stack
