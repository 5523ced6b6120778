// Order, bounds and expiry of TIME-WAIT entries. What they answer is told in
// tests/protocol/time_wait_test.cpp.
#include "tcp/time_wait_table.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{std::chrono::hours{1}};

FourTuple tuple(std::uint16_t port) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{80}},
          .remote = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{port}}};
}

TEST(TimeWaitTable, EntriesLiveForTwiceTheSegmentLifetime) {  // RFC 9293 §3.6.1, MUST-13
  test::covers({"RFC 9293 §3.6.1", "MUST-13"});
  TimeWaitTable table{4, 60s};
  EXPECT_EQ(table.oldest(), std::nullopt);
  EXPECT_EQ(table.next_deadline(), std::nullopt);
  const std::uint32_t first = table.add(kStart, tuple(1), SeqNum{11}, SeqNum{22});
  const std::uint32_t second = table.add(kStart + 1s, tuple(2), SeqNum{33}, SeqNum{44});
  EXPECT_EQ(table.oldest(), first);
  EXPECT_EQ(table.next_deadline(), kStart + 60s);
  EXPECT_EQ(table.at(first).tuple, tuple(1));
  EXPECT_EQ(table.at(first).snd_nxt, SeqNum{11});
  EXPECT_EQ(table.at(first).rcv_nxt, SeqNum{22});
  table.remove(first);
  EXPECT_EQ(table.oldest(), second);
  EXPECT_EQ(table.next_deadline(), kStart + 61s);
  table.remove(second);
  EXPECT_EQ(table.oldest(), std::nullopt);
  EXPECT_EQ(table.size(), 0U);
}

TEST(TimeWaitTable, RestartedEntryIsTheLastToExpire) {  // RFC 9293 §3.10.7.4, step 8, TIME-WAIT
  test::covers({"RFC 9293 §3.10.7.4"});
  TimeWaitTable table{4, 60s};
  const std::uint32_t first = table.add(kStart, tuple(1), SeqNum{}, SeqNum{});
  const std::uint32_t second = table.add(kStart + 1s, tuple(2), SeqNum{}, SeqNum{});
  table.restart(first, kStart + 2s);
  EXPECT_EQ(table.oldest(), second);
  EXPECT_EQ(table.at(first).expires(), kStart + 62s);
  table.restart(first, kStart + 3s);
  EXPECT_EQ(table.at(first).expires(), kStart + 63s);
  table.remove(second);
  table.restart(first, kStart + 4s);
  EXPECT_EQ(table.next_deadline(), kStart + 64s) << "the only one";
}

TEST(TimeWaitTable, NewerTimestampsAreKeptWhereThereAreAny) {
  TimeWaitTable table{4, 60s};
  const std::uint32_t with = table.add(kStart, tuple(1), SeqNum{}, SeqNum{});
  const std::uint32_t without = table.add(kStart, tuple(2), SeqNum{}, SeqNum{});
  table.set_timestamps(with, 0xffff'fff0U);
  table.note_timestamp(with, 5);
  EXPECT_EQ(table.at(with).ts_recent, 5U);
  table.note_timestamp(with, 4);
  EXPECT_EQ(table.at(with).ts_recent, 5U) << "older";
  table.note_timestamp(without, 5);
  EXPECT_EQ(table.at(without).ts_recent, 0U);
}

TEST(TimeWaitTable, OpensOfOursMayTakeAnEntryOverAfterASecond) {
  test::covers({"RFC 6191 §2"});
  TimeWaitTable table{4, 60s};
  const std::uint32_t entry = table.add(kStart, tuple(1), SeqNum{}, SeqNum{});
  EXPECT_FALSE(table.may_open_again(entry, kStart));
  EXPECT_FALSE(table.may_open_again(entry, kStart + 1s - 1ns));
  EXPECT_TRUE(table.may_open_again(entry, kStart + 1s));
  table.restart(entry, kStart + 2s);
  EXPECT_FALSE(table.may_open_again(entry, kStart + 2'999ms));
  EXPECT_TRUE(table.may_open_again(entry, kStart + 3s));
}

TEST(TimeWaitTable, OdditiesAreAnsweredTwiceASecond) {
  test::covers({"RFC 5961 §7"});
  TimeWaitTable table{4, 600s};
  const std::uint32_t first = table.add(kStart, tuple(1), SeqNum{}, SeqNum{});
  const std::uint32_t second = table.add(kStart, tuple(2), SeqNum{}, SeqNum{});
  // Long enough for what is remembered to come around.
  for (Instant now = kStart; now < kStart + 300s; now += 500ms) {
    ASSERT_TRUE(table.may_answer_oddity(first, now));
    ASSERT_FALSE(table.may_answer_oddity(first, now));
    ASSERT_FALSE(table.may_answer_oddity(first, now + 499ms));
  }
  EXPECT_TRUE(table.may_answer_oddity(second, kStart)) << "each on its own";
  table.remove(first);
  const std::uint32_t next = table.add(kStart, tuple(3), SeqNum{}, SeqNum{});
  EXPECT_TRUE(table.may_answer_oddity(next, kStart)) << "nothing of the last one is left";
}

TEST(TimeWaitTable, ExpiryIsNeverEarlyAndNeverOverflows) {
  test::covers({"MUST-13"});
  TimeWaitTable table{4, 60s};
  const std::uint32_t entry = table.add(kStart + 1ns, tuple(1), SeqNum{}, SeqNum{});
  EXPECT_EQ(table.at(entry).expires(), kStart + 60s + 1ms);
  TimeWaitTable for_ever{4, Duration::max()};
  const std::uint32_t last = for_ever.add(kStart, tuple(1), SeqNum{}, SeqNum{});
  EXPECT_GT(for_ever.at(last).expires(), kStart + 24h * 36'500);
}

TEST(TimeWaitTable, AgreesWithAPlainListUnderRandomUse) {
  base::Random random = base::Random::from_seed(7);
  TimeWaitTable table{16, 60s};
  std::vector<std::uint32_t> order;
  std::map<std::uint32_t, std::uint16_t> ports;
  Instant now = kStart;
  for (unsigned i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds{random.below(10)};
    const std::uint32_t choice = random.below(3);
    if (choice == 0 && !table.is_full()) {
      const auto port = static_cast<std::uint16_t>(i);
      order.push_back(table.add(now, tuple(port), SeqNum{}, SeqNum{}));
      EXPECT_EQ(table.at(order.back()).has_timestamps, 0U) << "nothing of the last one is left";
      if (i % 2 == 0) {
        table.set_timestamps(order.back(), i);
      }
      ports[order.back()] = port;
    } else if (choice > 0 && !order.empty()) {
      const std::uint32_t index = order[random.below(static_cast<std::uint32_t>(order.size()))];
      std::erase(order, index);
      if (choice == 1) {
        table.remove(index);
      } else {
        table.restart(index, now);
        order.push_back(index);
      }
    }
    ASSERT_EQ(table.size(), order.size());
    ASSERT_EQ(table.is_full(), order.size() == 16);
    ASSERT_EQ(table.oldest(), order.empty() ? std::nullopt : std::optional{order.front()});
    for (const std::uint32_t index : order) {
      ASSERT_EQ(table.at(index).tuple, tuple(ports[index]));
      ASSERT_EQ(table.at(index).has_timestamps, 1U - ports[index] % 2);
      ASSERT_TRUE(ports[index] % 2 == 1 || table.at(index).ts_recent == ports[index]);
    }
  }
}

}  // namespace

}  // namespace millrace::tcp
