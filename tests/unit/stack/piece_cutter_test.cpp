// PieceCutter: its segments say together what the whole one says, whatever lies where.
#include "stack/piece_cutter.hpp"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "packet/packet_chain.hpp"
#include "packet/packet_pool.hpp"
#include "support/eal_environment.hpp"
#include "support/flat.hpp"

namespace millrace::stack {
namespace {

using packet::Packet;
using tcp::SeqNum;
using tcp::TcpFlags;

packet::CorePools& pools() {
  static packet::CorePools made =
      test::make_core_pools({.data = 127, .headers = 63, .references = 63});
  return made;
}

/// A chain of pieces of these sizes; its bytes count up.
Packet chain_of(const std::vector<std::uint32_t>& sizes) {
  std::uint8_t next = 0;
  const auto piece_of = [&next](std::uint32_t bytes) {
    Packet piece = pools().data.allocate();
    for (std::byte& value : piece.append(static_cast<std::uint16_t>(bytes))) {
      value = static_cast<std::byte>(next++);
    }
    return piece;
  };
  packet::PacketChain chain{piece_of(sizes.front())};
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    chain.add(piece_of(sizes[i]));
  }
  return chain.take();
}

struct Part {
  tcp::Segment segment;
  std::vector<std::byte> payload;
};

std::vector<Part> cut(tcp::Segment segment, Packet payload) {
  std::vector<Part> parts;
  PieceCutter cutter{segment, std::move(payload)};
  while (!cutter.is_done()) {
    Part part;
    const Packet packet = cutter.next(part.segment);
    EXPECT_TRUE(packet.is_contiguous());
    part.payload = test::flat(packet);
    EXPECT_EQ(part.payload.size(), part.segment.payload_bytes);
    parts.push_back(std::move(part));
  }
  return parts;
}

tcp::Segment segment_of(std::uint8_t flags, std::uint32_t bytes) {
  tcp::Segment segment;
  segment.seq = SeqNum{0xffff'ff00U};
  segment.ack = SeqNum{77};
  segment.payload_bytes = bytes;
  segment.window = 1'234;
  segment.flags = TcpFlags{flags};
  segment.options.timestamps = {{.value = 5, .echo = 6}};
  return segment;
}

class PieceCutterTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(pools().in_use(), 0U) << "packets leaked"; }
};

TEST_F(PieceCutterTest, SaysTogetherWhatTheWholeSays) {
  std::mt19937 engine{3};
  const auto random = [&engine](std::uint32_t below) {
    return static_cast<std::uint32_t>(engine()) % below;
  };
  for (int i = 0; i < 2'000; ++i) {
    std::vector<std::uint32_t> sizes(1 + random(6));
    std::uint32_t total = 0;
    for (std::uint32_t& size : sizes) {
      size = random(3) == 0 ? 0 : random(2'000);
      total += size;
    }
    const auto flags = static_cast<std::uint8_t>((engine() & ~TcpFlags::kRst) | TcpFlags::kAck);
    tcp::Segment whole = segment_of(flags, total);
    whole.urgent_pointer = static_cast<std::uint16_t>(random(3'000));
    const Packet copy = chain_of(sizes);
    const std::vector<std::byte> expected = test::flat(copy);
    const auto parts = cut(whole, chain_of(sizes));
    ASSERT_FALSE(parts.empty());
    std::vector<std::byte> payload;
    SeqNum next = whole.seq;
    unsigned seen = 0;
    unsigned begun = 0;
    for (const Part& part : parts) {
      ASSERT_EQ(part.segment.seq, next) << "case " << i;
      ASSERT_TRUE(part.segment.payload_bytes > 0 || total == 0);
      next = part.segment.end();
      payload.insert(payload.end(), part.payload.begin(), part.payload.end());
      seen |= part.segment.flags.bits();
      begun += part.segment.begun;
      EXPECT_EQ(part.segment.sent_bytes(), total);
      EXPECT_EQ(part.segment.ack, whole.ack);
      EXPECT_EQ(part.segment.window, whole.window);
      EXPECT_EQ(part.segment.options.timestamps->value, 5U);
      const bool is_first = &part == &parts.front();
      const bool is_last = &part == &parts.back();
      const TcpFlags said = part.segment.flags;
      EXPECT_EQ(said.syn(), whole.flags.syn() && is_first);
      EXPECT_EQ(said.cwr(), whole.flags.cwr() && is_first);
      EXPECT_EQ(said.fin(), whole.flags.fin() && is_last);
      EXPECT_EQ(said.psh(), whole.flags.psh() && is_last);
      EXPECT_EQ(said.ece(), whole.flags.ece());
      if (said.urg()) {
        const bool after_syn = whole.flags.syn() && !is_first;
        EXPECT_EQ(part.segment.seq + part.segment.urgent_pointer,
                  whole.seq + (whole.urgent_pointer + (after_syn ? 1U : 0U)));
      }
    }
    EXPECT_EQ(seen, flags);
    EXPECT_EQ(begun, 1U) << "it is one segment, however it lies";
    EXPECT_EQ(next, whole.end());
    EXPECT_EQ(payload, expected);
  }
}

TEST_F(PieceCutterTest, CountsTheSegmentsThatADeviceHasJoined) {
  const auto cut_joined = [](std::uint16_t segment_bytes) {
    Packet payload = chain_of({100, 2'000, 2'000, 900});
    payload.get()->ol_flags |= RTE_MBUF_F_RX_LRO;
    payload.get()->tso_segsz = segment_bytes;
    return cut(segment_of(TcpFlags::kAck, 5'000), std::move(payload));
  };
  // They begin at 0, 1,448, 2,896 and 4,344.
  const auto parts = cut_joined(1'448);
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].segment.begun, 1U);
  EXPECT_EQ(parts[1].segment.begun, 1U);
  EXPECT_EQ(parts[2].segment.begun, 1U);
  EXPECT_EQ(parts[3].segment.begun, 1U);
  EXPECT_EQ(parts[3].segment.sent_bytes(), 1'448U);
  // What makes no sense is no more than some work, and says nothing wrong.
  for (const auto& part : cut_joined(1)) {
    EXPECT_LE(part.segment.begun, 32U);
  }
  for (const auto& part : cut_joined(65'535)) {
    EXPECT_EQ(part.segment.sent_bytes(), 5'000U);
  }
}

TEST_F(PieceCutterTest, NothingFollowsAReset) {
  const auto parts = cut(segment_of(TcpFlags::kRst | TcpFlags::kAck, 300), chain_of({100, 200}));
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts[0].segment.flags.rst());
  EXPECT_EQ(parts[0].segment.payload_bytes, 100U);
}

TEST_F(PieceCutterTest, OneThatIsGivenUpIsFreed) {
  const std::array sizes{100U, 200U, 300U};
  PieceCutter cutter{segment_of(TcpFlags::kAck, 600), chain_of({sizes.begin(), sizes.end()})};
  tcp::Segment piece;
  static_cast<void>(cutter.next(piece));
  EXPECT_FALSE(cutter.is_done());
}

}  // namespace
}  // namespace millrace::stack
