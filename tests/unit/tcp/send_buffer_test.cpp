// What the application has handed over: bytes by position, kept until acknowledged, charged by
// buffer size.
#include "tcp/send_buffer.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/random.hpp"
#include "unit/tcp/queue_bed.hpp"
#include "wire/word_sum.hpp"

namespace millrace::test {

namespace {

using packet::Packet;
using packet::PacketQueue;
using tcp::SendBuffer;
using wire::SeqNum;

constexpr std::uint32_t kPacketMax = 2'048;

class SendBufferTest : public QueueBed, public testing::WithParamInterface<std::uint32_t> {
 protected:
  SendBufferTest() { buffer_.start(at(0)); }
  ~SendBufferTest() override { buffer_.clear(budget_); }

  [[nodiscard]] static SeqNum at(std::uint32_t position) { return SeqNum{GetParam()} + position; }
  void append(std::uint32_t bytes) {
    Packet packet = make_packet(end_, bytes);
    ASSERT_TRUE(buffer_.append(packet, budget_));
    ASSERT_FALSE(packet);
    end_ += bytes;
  }
  std::size_t append_to_tail(std::uint32_t bytes, std::uint32_t packet_max = kPacketMax) {
    std::vector<std::byte> content(bytes);
    for (std::uint32_t i = 0; i < bytes; ++i) {
      content[i] = byte_at(end_ + i);
    }
    const std::size_t taken = buffer_.append_to_tail(content, packet_max);
    end_ += static_cast<std::uint32_t>(taken);
    return taken;
  }
  /// Reads [position, position + bytes) and returns in how many pieces it came.
  unsigned read(std::uint32_t position, std::uint32_t bytes) {
    unsigned pieces = 0;
    std::uint32_t next = position;
    buffer_.for_each_piece(
        at(position), bytes,
        [&](PacketQueue::Position packet, std::uint32_t offset, std::uint32_t length) {
          ++pieces;
          PacketQueue::view(packet, [&](const Packet& held) {
            EXPECT_LE(offset + length, held.size());
            for (const std::byte byte : held.data().subspan(offset, length)) {
              EXPECT_EQ(byte, byte_at(next++));
            }
          });
        });
    EXPECT_EQ(next, position + bytes);
    return pieces;
  }

  SendBuffer buffer_;
  std::uint32_t end_ = 0;
};
INSTANTIATE_TEST_SUITE_P(From, SendBufferTest,
                         testing::Values(1'000U, 0xffff'ffffU, 0xffff'fc00U, 0x7fff'fc00U));

TEST_P(SendBufferTest, HoldsBytesByPosition) {
  append(1'000);
  append(500);
  append(700);
  EXPECT_EQ(buffer_.size(), 2'200U);
  EXPECT_EQ(buffer_.end(), at(2'200));
  EXPECT_EQ(buffer_.charge(), 3 * kCharge);
  EXPECT_EQ(budget_.used(), 3 * kCharge);
  EXPECT_EQ(read(0, 1'000), 1U);
  EXPECT_EQ(read(0, 2'200), 3U);
  EXPECT_EQ(read(999, 2), 2U);
  EXPECT_EQ(read(1'100, 50), 1U) << "back in the middle";
  EXPECT_EQ(read(0, 1), 1U) << "and at the front";
}

TEST_P(SendBufferTest, SmallWritesGoIntoTheTail) {  // decision 5
  EXPECT_EQ(append_to_tail(10), 0U) << "there is no tail yet";
  append(100);
  EXPECT_EQ(buffer_.tail_room(kPacketMax), kPacketMax - 100);
  EXPECT_EQ(append_to_tail(50), 50U);
  EXPECT_EQ(append_to_tail(5'000), kPacketMax - 150);
  EXPECT_EQ(append_to_tail(1), 0U);
  EXPECT_EQ(buffer_.charge(), kCharge);
  EXPECT_EQ(read(0, kPacketMax), 1U);
}

TEST_P(SendBufferTest, TailIsFilledNoFurtherThanAsked) {
  append(100);
  EXPECT_EQ(append_to_tail(2'000, 1'000), 900U);
  EXPECT_EQ(append_to_tail(1, 1'000), 0U);
  EXPECT_EQ(append_to_tail(1, 50), 0U) << "already longer";
}

TEST_P(SendBufferTest, AckGivesWholePacketsBack) {  // RFC 9293 §3.10.7.4, step 5
  append(1'000);
  append(1'000);
  buffer_.on_ack(at(999), budget_);
  EXPECT_EQ(buffer_.charge(), 2 * kCharge);
  EXPECT_EQ(buffer_.size(), 1'001U);
  buffer_.on_ack(at(1'000), budget_);
  EXPECT_EQ(buffer_.charge(), kCharge);
  EXPECT_EQ(read(1'000, 1'000), 1U);
  buffer_.on_ack(at(2'001), budget_);
  EXPECT_TRUE(buffer_.empty()) << "FIN counts one behind the last byte";
  EXPECT_EQ(buffer_.size(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_P(SendBufferTest, BytesMayBeAppendedBehindAPartlyAcknowledgedTail) {
  append(100);
  buffer_.on_ack(at(60), budget_);
  EXPECT_EQ(append_to_tail(40), 40U);
  EXPECT_EQ(buffer_.size(), 80U);
  EXPECT_EQ(read(60, 80), 1U);
}

TEST_P(SendBufferTest, BeyondTheBudgetThePacketIsKept) {  // decision 5
  packet::PacketBudget tight{kCharge};
  append(10);
  SendBuffer small;
  small.start(at(0));
  Packet first = make_packet(0, 10);
  Packet second = make_packet(10, 10);
  EXPECT_TRUE(small.append(first, tight));
  EXPECT_FALSE(small.append(second, tight));
  EXPECT_TRUE(second);
  EXPECT_EQ(small.size(), 10U);
  small.clear(tight);
  EXPECT_EQ(tight.used(), 0U);
}

TEST_P(SendBufferTest, FirstPacketGoesWhereMoreAreRefused) {  // decision 5
  // Room for one packet is left beyond the reserve's upper half, none beyond all of it.
  packet::PacketBudget budget{4 * kCharge, 2 * kCharge};
  ASSERT_TRUE(budget.try_charge(2 * kCharge, packet::BudgetUse::InOrder));
  SendBuffer small;
  small.start(at(0));
  Packet first = make_packet(0, 10);
  Packet second = make_packet(10, 10);
  EXPECT_TRUE(small.append(first, budget));
  EXPECT_FALSE(small.append(second, budget));
  SendBuffer other;
  other.start(at(0));
  EXPECT_FALSE(other.append(second, budget)) << "the other half is for what arrives";
  EXPECT_TRUE(budget.try_charge(kCharge, packet::BudgetUse::InOrder));
  EXPECT_FALSE(budget.try_charge(1, packet::BudgetUse::InOrder));
  small.clear(budget);
  budget.release(3 * kCharge);
  EXPECT_EQ(budget.used(), 0U);
}

TEST_P(SendBufferTest, TellsWhatLiesInOnePacket) {
  append(1'000);
  append(500);
  append(700);
  const auto expect_piece = [&](std::uint32_t position, std::uint32_t offset, std::uint32_t bytes,
                                bool is_last) {
    const SendBuffer::Piece piece = buffer_.piece_at(at(position));
    EXPECT_EQ(piece.offset, offset);
    EXPECT_EQ(piece.bytes, bytes);
    EXPECT_EQ(piece.is_last, is_last);
    PacketQueue::view(piece.packet, [&](const Packet& held) {
      EXPECT_EQ(held.data()[piece.offset], byte_at(position));
    });
  };
  expect_piece(0, 0, 1'000, false);
  expect_piece(999, 999, 1, false);
  expect_piece(1'000, 0, 500, false);
  expect_piece(1'500, 0, 700, true);
  expect_piece(2'199, 699, 1, true);
  expect_piece(1, 1, 999, false);
  buffer_.on_ack(at(1'500), budget_);
  expect_piece(1'600, 100, 600, true);
}

TEST_P(SendBufferTest, ASumThatIsKnownIsNotWorkedOutAgain) {
  constexpr std::uint64_t kWords = 0x3'0000'1234;  // Of no bytes that are there: only told.
  Packet packet = make_packet(end_, 1'000);
  ASSERT_TRUE(buffer_.append(packet, budget_, {.words = kWords, .bytes = 1'000}));
  end_ += 1'000;
  const auto sum = [&](std::uint32_t from, std::uint32_t bytes) {
    return SendBuffer::sum_words(buffer_.piece_at(at(from)), bytes);
  };
  const auto sum_of_bytes = [](std::uint32_t from, std::uint32_t count) {
    std::vector<std::byte> bytes(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      bytes[i] = byte_at(from + i);
    }
    return wire::sum_words(bytes);
  };
  EXPECT_EQ(sum(0, 1'000), wire::fold_to_32(kWords));
  EXPECT_EQ(sum(0, 999), sum_of_bytes(0, 999));
  EXPECT_EQ(sum(1, 999), sum_of_bytes(1, 999));
  // What comes behind does not change what was there.
  ASSERT_EQ(append_to_tail(200), 200U);
  EXPECT_EQ(sum(0, 1'000), wire::fold_to_32(kWords));
  EXPECT_EQ(sum(0, 1'200), sum_of_bytes(0, 1'200));
  // A packet of which nothing is told may have had another life.
  buffer_.on_ack(at(end_), budget_);
  append(1'000);
  EXPECT_EQ(sum(end_ - 1'000, 1'000), sum_of_bytes(end_ - 1'000, 1'000));
}

TEST_P(SendBufferTest, HoldsUnderRandomUse) {
  base::Random random = base::Random::from_seed(GetParam());
  std::uint32_t front = 0;
  for (unsigned i = 0; i < 5'000; ++i) {
    switch (random.below(4)) {
      case 0:
        if (buffer_.charge() < 200'000) {
          append(1 + random.below(2'000));
        }
        break;
      case 1: append_to_tail(1 + random.below(500)); break;
      case 2:
        front += random.below(std::min(end_ - front, 5'000U) + 1);
        buffer_.on_ack(at(front), budget_);
        break;
      default:
        if (end_ > front) {
          const std::uint32_t from = front + random.below(end_ - front);
          read(from, 1 + random.below(std::min(end_ - from, 4'000U)));
        }
    }
    ASSERT_EQ(buffer_.size(), end_ - front);
    ASSERT_EQ(buffer_.end(), at(end_));
    ASSERT_EQ(buffer_.charge(), budget_.used());
  }
}

}  // namespace

}  // namespace millrace::test
