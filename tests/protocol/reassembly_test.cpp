// Segments out of order, twice, or overlapping: RFC 9293 §3.10.7.4, steps 1 and 7.
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Reassembly : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Reassembly, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Reassembly, EveryOrderOfFiveSegmentsGivesTheSameBytes) {  // RFC 9293 §3.10.7.4, step 7
  std::array<unsigned, 5> order{0, 1, 2, 3, 4};
  unsigned orders = 0;
  do {
    TcpScript t{established()};
    std::array<bool, 5> has_arrived{};
    unsigned arrived = 0;
    for (const unsigned index : order) {
      const bool is_next =
          index == arrived && std::ranges::all_of(has_arrived.begin(), has_arrived.begin() + index,
                                                  [](bool has) { return has; });
      ++arrived;
      t.peer_sends(index == 4 ? fin(4 * 300 + 1, 300) : data(index * 300 + 1, 300));
      has_arrived[index] = true;
      const auto complete = std::ranges::find(has_arrived, false) - has_arrived.begin();
      const auto acks = static_cast<std::uint32_t>(complete) * 300 + 1 + (complete == 5 ? 1 : 0);
      if (std::vector<Seg> sent = t.take_output(); !sent.empty()) {
        ASSERT_EQ(sent.size(), 1U);
        ASSERT_EQ(sent.front().ack, acks);
      } else {
        ASSERT_TRUE(is_next) << "only what is in order, with nothing behind it, may wait";
      }
    }
    t.app_reads(1'500).expect_state(TcpState::CloseWait);
    ++orders;
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(orders, 120U);
}

TEST_P(Reassembly, OverlapsOfEveryKindAreCut) {  // RFC 9293 §3.10.7.4, step 7
  struct Case {
    const char* name;
    std::uint32_t seq;
    std::uint32_t bytes;
  };
  const Case cases[] = {{"same", 301, 200},
                        {"front", 251, 100},
                        {"back", 451, 100},
                        {"inside", 351, 50},
                        {"around", 251, 300},
                        {"to the end", 401, 100},
                        {"from the start", 301, 100},
                        {"before, touching", 201, 100},
                        {"behind, touching", 501, 100},
                        {"from rcv_nxt", 1, 400}};
  for (const Case& overlap : cases) {
    SCOPED_TRACE(overlap.name);
    TcpScript t{established()};
    t.peer_sends(data(301, 200)).expect(ack(1));
    t.peer_sends(data(overlap.seq, overlap.bytes));
    ASSERT_EQ(t.take_output().size(), 1U);
    t.peer_sends(data(1, 600)).expect(ack(601)).app_reads(600);
  }
}

TEST_P(Reassembly, RandomPiecesGiveTheSameBytes) {  // RFC 9293 §3.10.7.4, step 7
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random = base::Random::from_seed(seed);
    TcpScript t{established()};
    constexpr std::uint32_t kBytes = 20'000;
    while (t.connection().receive_sequence().rcv_nxt - t.connection().receive_sequence().irs <
           static_cast<std::int32_t>(kBytes + 1)) {
      const std::uint32_t position = random.below(kBytes);
      t.peer_sends(data(position + 1, std::min(1 + random.below(1'500), kBytes - position)));
      static_cast<void>(t.take_output());
    }
    t.app_reads(kBytes);
    t.at(1s);
    static_cast<void>(t.take_output());
  }
}

TEST_P(Reassembly, NoMoreThanTheLimitIsKept) {  // decision 5
  auto start = established();
  start.config.reassembly_segments_max = 3;
  TcpScript t{start};
  t.peer_sends(data(1'001, 100), data(2'001, 100), data(3'001, 100))
      .expect(ack(1).times(3))
      .expect_drop(std::nullopt);
  t.peer_sends(data(4'001, 100)).expect(ack(1)).expect_drop(DropReason::TcpReassemblyFull);
  t.peer_sends(data(1, 1'000)).expect(ack(1'101)).peer_sends(data(4'001, 100)).expect(ack(1'101));
  t.expect_drop(std::nullopt).app_reads(1'100);
}

TEST_P(Reassembly, NothingIsKeptWhenTheLimitIsZero) {  // Config::reassembly_segments_max
  auto start = established();
  start.config.reassembly_segments_max = 0;
  TcpScript t{start};
  t.peer_sends(data(1'001, 100)).expect(ack(1)).expect_drop(DropReason::TcpReassemblyFull);
  EXPECT_EQ(t.budget().used(), 0U);
}

TEST_P(Reassembly, BeyondTheBudgetOutOfOrderGoesFirst) {  // decision 5
  TcpScript t{established().budget(4 * 2'432)};
  t.peer_sends(data(1'101, 1'100)).expect(ack(1)).peer_sends(data(2'201, 1'100)).expect(ack(1));
  t.peer_sends(data(3'301, 1'100)).expect(ack(1)).peer_sends(data(4'401, 1'100)).expect(ack(1));
  t.expect_drop(std::nullopt);
  EXPECT_EQ(t.budget().left(packet::BudgetUse::InOrder), 0U);
  t.peer_sends(data(5'501, 1'100)).expect(ack(1)).expect_drop(DropReason::TcpReassemblyFull);
  // In order: takes the place of what was kept, which must be sent again.
  t.peer_sends(data(1, 1'100)).expect_drop(std::nullopt).app_reads(1'100);
  EXPECT_EQ(t.budget().used(), 0U);
  t.at(40ms).expect(ack(1'101));
}

TEST_P(Reassembly, BeyondTheBudgetInOrderDataIsRefusedAndComesAgain) {  // decision 5
  TcpScript t{established().budget(2 * 2'432)};
  t.peer_sends(data(1, 1'100)).expect_nothing().peer_sends(data(1'101, 1'100)).expect(ack(2'201));
  t.peer_sends(data(2'201, 1'100)).expect(ack(2'201)).expect_drop(DropReason::TcpReceiveFull);
  t.app_reads(2'200);
  static_cast<void>(t.take_output());
  t.peer_sends(data(2'201, 1'100)).expect_drop(std::nullopt).app_reads(1'100);
  t.after(40ms);
  static_cast<void>(t.take_output());
}

TEST_P(Reassembly, NewcomerFillsTheFirstGapBehindWhatIsHeld) {
  covers({"RFC 9293 §3.10.7.4", "SHLD-31"});
  TcpScript t{established().selective_acks()};
  t.peer_sends(data(101, 100), data(201, 50)).expect(ack(1).times(2));
  // Starts inside of the first, covers the second, and goes on.
  t.peer_sends(data(151, 300)).expect(ack(1).sacks({{151, 251}, {101, 451}}));
  t.expect_drop(std::nullopt).peer_sends(data(1, 100)).expect(ack(451)).app_reads(450);
}

TEST_P(Reassembly, NewcomerThatWouldFillTwoGapsFillsTheFirst) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().selective_acks()};
  t.peer_sends(data(201, 100)).expect(ack(1).sacks({{201, 301}}));
  t.peer_sends(data(101, 300)).expect(ack(1).sacks({{201, 301}, {101, 301}}));
  t.peer_sends(data(101, 300)).expect(ack(1).sacks({{101, 301}, {101, 401}}));
  t.peer_sends(data(1, 100)).expect(ack(401)).app_reads(400);
}

TEST_P(Reassembly, WhatCameFirstStaysAheadOfTheHole) {
  covers({"RFC 9293 §3.10.7.4"});
  // The script checks each byte that is read; whoever disagrees with what came first is not heard.
  TcpScript t{established()};
  t.peer_sends(data(101, 100)).expect(ack(1)).peer_sends(data(51, 200)).expect(ack(1));
  t.peer_sends(data(1, 250)).expect(ack(251)).app_reads(250);
}

TEST_P(Reassembly, ManySmallSegmentsAreChargedByTheirBuffers) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().budget(8 * 2'432)};
  unsigned kept = 0;
  for (std::uint32_t i = 0; i < 20; ++i) {
    t.peer_sends(data(101 + 2 * i, 1)).expect(ack(1));
    kept += t.budget().left(packet::BudgetUse::Bulk) >= 2'432 ? 1 : 0;
  }
  t.expect_drop(DropReason::TcpReassemblyFull);
  EXPECT_LE(t.budget().used(), 8U * 2'432);
  EXPECT_LT(kept, 8U) << "a byte costs as much as the buffer it lies in";
}

TEST_P(Reassembly, WhatIsOutOfOrderTakesFromTheWindowsRoomOnlyOnce) {
  covers({"SHLD-14"});
  auto start = established();
  start.config.receive_buffer_bytes = 64 * 1'024;
  TcpScript t{start};
  for (int i = 0; i < 5; ++i) {
    t.peer_sends(data(1'001, 1'000)).expect(ack(1));  // Kept once.
  }
  EXPECT_EQ(t.budget().used(), 2'432U);
  t.peer_sends(data(1, 1'000)).expect(ack(2'001)).app_reads(2'000);
}

TEST_P(Reassembly, EndOfTheConnectionGivesEverythingBack) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().selective_acks()};
  t.peer_sends(data(101, 100), data(301, 100)).expect(ack(1).times(2));
  t.peer_sends(rst(1)).expect_nothing().expect_outcome(fail(Error::ConnectionReset));
  EXPECT_EQ(t.budget().used(), 0U);
}

}  // namespace

}  // namespace millrace::test
