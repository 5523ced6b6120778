// In-order payload that waits for the application: order, copying into tails, charges.
#include "tcp/receive_queue.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "unit/tcp/queue_bed.hpp"

namespace millrace::test {

namespace {

using packet::Packet;
using tcp::ReceiveQueue;

class ReceiveQueueTest : public QueueBed {
 protected:
  ~ReceiveQueueTest() override { queue_.clear(budget_); }

  void append(std::uint32_t bytes) {
    Packet packet = make_packet(end_, bytes);
    ASSERT_TRUE(queue_.append(packet, budget_));
    ASSERT_FALSE(packet);
    end_ += bytes;
  }
  void consume(std::uint32_t bytes) {
    std::uint32_t left = bytes;
    while (left > 0) {
      const auto part = queue_.front().first(std::min<std::size_t>(queue_.front().size(), left));
      ASSERT_FALSE(part.empty());
      for (const std::byte byte : part) {
        ASSERT_EQ(byte, byte_at(begin_++));
      }
      left -= static_cast<std::uint32_t>(part.size());
      queue_.consume(static_cast<std::uint32_t>(part.size()), budget_);
    }
  }

  ReceiveQueue queue_;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

TEST_F(ReceiveQueueTest, LargePayloadsStayInTheirPackets) {  // decision 2
  append(1'400);
  append(1'400);
  EXPECT_EQ(queue_.size(), 2'800U);
  EXPECT_EQ(queue_.charge(), 2 * kCharge);
  EXPECT_EQ(queue_.front().size(), 1'400U);
  consume(2'800);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.charge(), 0U);
  EXPECT_TRUE(queue_.front().empty());
}

TEST_F(ReceiveQueueTest, AnyByteCanBeLookedAt) {
  EXPECT_EQ(queue_.front_packet_bytes(), 0U);
  append(1'400);
  append(1'400);
  EXPECT_EQ(queue_.front_packet_bytes(), 1'400U);
  for (const std::uint32_t offset : {0U, 1U, 1'399U, 1'400U, 2'799U}) {
    EXPECT_EQ(queue_.at(offset), byte_at(offset)) << offset;
  }
  consume(699);
  EXPECT_EQ(queue_.at(0), byte_at(699));
  EXPECT_EQ(queue_.at(1), byte_at(700));
  EXPECT_EQ(queue_.at(2'100), byte_at(2'799));
}

TEST_F(ReceiveQueueTest, SmallPayloadsAreCopiedIntoThePacketBefore) {  // decision 5
  append(1'000);
  append(1'000);
  EXPECT_EQ(queue_.charge(), kCharge);
  append(49);
  EXPECT_EQ(queue_.charge(), 2 * kCharge) << "48 bytes were left";
  consume(2'049);
}

TEST_F(ReceiveQueueTest, NothingIsWrittenIntoAPacketThatSomebodyElseHolds) {  // decision 6
  Packet packet = make_packet(0, 100);
  rte_mbuf* const mbuf = packet.get();
  rte_mbuf_refcnt_update(mbuf, 1);
  ASSERT_TRUE(queue_.append(packet, budget_));
  end_ = 100;
  append(100);
  EXPECT_EQ(queue_.charge(), 2 * kCharge);
  consume(200);
  const Packet other{mbuf};
}

TEST_F(ReceiveQueueTest, ConsumingMayStopAnywhere) {
  append(1'400);
  append(1'400);
  consume(100);
  EXPECT_EQ(queue_.size(), 2'700U);
  EXPECT_EQ(queue_.charge(), 2 * kCharge) << "a buffer is held until its last byte is read";
  consume(1'300);
  EXPECT_EQ(queue_.charge(), kCharge);
  consume(1'400);
}

TEST_F(ReceiveQueueTest, PopHandsThePacketOut) {
  EXPECT_FALSE(queue_.pop(budget_));
  append(1'400);
  append(1'300);
  consume(400);
  const Packet first = queue_.pop(budget_);
  EXPECT_EQ(first.size(), 1'000U);
  EXPECT_EQ(first.data().front(), byte_at(400));
  EXPECT_EQ(queue_.size(), 1'300U);
  EXPECT_EQ(queue_.charge(), kCharge);
  EXPECT_EQ(budget_.used(), kCharge);
}

TEST_F(ReceiveQueueTest, BeyondTheBudgetThePacketIsKept) {  // decision 5
  packet::PacketBudget tight{kCharge};
  ReceiveQueue queue;
  Packet first = make_packet(0, 1'400);
  Packet second = make_packet(0, 1'400);
  EXPECT_TRUE(queue.append(first, tight));
  EXPECT_FALSE(queue.append(second, tight));
  EXPECT_TRUE(second);
  Packet small = make_packet(0, 100);
  EXPECT_TRUE(queue.append(small, tight)) << "the tail has room, which costs nothing";
  EXPECT_EQ(queue.size(), 1'500U);
  queue.clear(tight);
  EXPECT_EQ(tight.used(), 0U);
}

TEST_F(ReceiveQueueTest, WhatIsChargedAlreadyIsNotChargedTwice) {
  ASSERT_TRUE(budget_.try_charge(kCharge, packet::BudgetUse::InOrder));
  queue_.append_charged(make_packet(0, 1'400), budget_);
  EXPECT_EQ(budget_.used(), kCharge);
  ASSERT_TRUE(budget_.try_charge(kCharge, packet::BudgetUse::InOrder));
  queue_.append_charged(make_packet(1'400, 100), budget_);
  EXPECT_EQ(budget_.used(), kCharge) << "it was copied, its buffer is free";
  consume(1'500);
}

TEST_F(ReceiveQueueTest, HoldsUnderRandomUse) {
  base::Random random = base::Random::from_seed(3);
  for (unsigned i = 0; i < 20'000; ++i) {
    if (random.one_in(2) && queue_.charge() < 500'000) {
      append(1 + random.below(random.one_in(2) ? 50 : 1'500));
    } else {
      consume(random.below(std::min(end_ - begin_, 3'000U) + 1));
    }
    ASSERT_EQ(queue_.size(), end_ - begin_);
    ASSERT_EQ(queue_.charge(), budget_.used());
    ASSERT_EQ(queue_.empty(), end_ == begin_);
    ASSERT_LE(queue_.charge(), 2 * kCharge + queue_.size() * 5 / 2)
        << "a fixed multiple of the payload";
  }
}

}  // namespace

}  // namespace millrace::test
