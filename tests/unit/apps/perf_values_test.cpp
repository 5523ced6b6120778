// millrace-perf's parts that count and make bytes: histogram, pattern, schedule, stopwatch,
// targets, queues of times.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "perf/histogram.hpp"
#include "perf/pattern.hpp"
#include "perf/request_times.hpp"
#include "perf/schedule.hpp"
#include "perf/slots.hpp"
#include "perf/stopwatch.hpp"
#include "perf/targets.hpp"

namespace perf {
namespace {

TEST(PerfHistogram, EmptyOneIsAllZeros) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.at(0.5), 0U);
  EXPECT_EQ(empty.smallest(), 0U);
  EXPECT_EQ(empty.largest(), 0U);
  EXPECT_EQ(empty.mean(), 0.0);
}

TEST(PerfHistogram, SharesOfSmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 500; ++value) {
    histogram.add(value);
  }
  EXPECT_EQ(histogram.at(0), 1U);
  EXPECT_EQ(histogram.at(0.5), 250U);
  EXPECT_EQ(histogram.at(0.99), 495U);
  EXPECT_EQ(histogram.at(1), 500U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 250.5);
}

TEST(PerfHistogram, SharesAreWithinFourThousandthsOfASortedList) {
  std::mt19937_64 random{7};
  std::vector<std::uint64_t> values;
  Histogram histogram;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t value = random() >> (30 + random() % 30);  // All magnitudes alike.
    values.push_back(std::min(value, Histogram::kMaxValue));
    histogram.add(value);
  }
  std::ranges::sort(values);
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
    const std::uint64_t exact = values[std::max<std::size_t>(rank, 1) - 1];
    EXPECT_GE(histogram.at(share), exact) << share;
    EXPECT_LE(histogram.at(share), exact + exact / 250) << share;
  }
  EXPECT_EQ(histogram.smallest(), values.front());
  EXPECT_EQ(histogram.largest(), values.back());
}

TEST(PerfHistogram, ValuesBeyondItsRangeCountAsItsLargest) {
  Histogram histogram;
  histogram.add(~std::uint64_t{0});
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.at(0.5), Histogram::kMaxValue);
}

TEST(PerfHistogram, AddingAnotherIsAddingItsValues) {
  Histogram one;
  Histogram other;
  Histogram both;
  for (std::uint64_t value = 1; value < 1'000'000; value += 997) {
    (value % 2 == 0 ? one : other).add(value);
    both.add(value);
  }
  one.add(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.at(0.9), both.at(0.9));
  EXPECT_EQ(one.largest(), both.largest());
  EXPECT_EQ(one.smallest(), 1U);
  EXPECT_DOUBLE_EQ(one.mean(), both.mean());
  one.clear();
  EXPECT_EQ(one.count(), 0U);
  EXPECT_EQ(one.at(0.9), 0U);
}

std::vector<std::byte> bytes_of(const Pattern& pattern, std::uint64_t position, std::size_t size) {
  std::vector<std::byte> made(size);
  pattern.fill(position, made);
  return made;
}

TEST(PerfPattern, PiecesOfAnySizeMakeOneStream) {
  const Pattern pattern = Pattern::of_connection(1, 2);
  const auto whole = bytes_of(pattern, 0, 300);
  for (std::size_t size = 1; size < 40; ++size) {
    std::vector<std::byte> joined;
    while (joined.size() < whole.size()) {
      const auto piece =
          bytes_of(pattern, joined.size(), std::min(size, whole.size() - joined.size()));
      joined.insert(joined.end(), piece.begin(), piece.end());
    }
    EXPECT_EQ(joined, whole) << size;
  }
}

TEST(PerfPattern, EveryByteCountsWhenAllAreCompared) {
  const Pattern pattern = Pattern::of_connection(1, 2);
  for (const std::uint64_t position : {0U, 3U, 4096U}) {
    auto bytes = bytes_of(pattern, position, 777);
    EXPECT_TRUE(pattern.matches(position, bytes, Verify::All));
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] ^= std::byte{0x10};
      EXPECT_FALSE(pattern.matches(position, bytes, Verify::All)) << at;
      EXPECT_EQ(pattern.first_difference(position, bytes), at);
      bytes[at] ^= std::byte{0x10};
    }
  }
}

TEST(PerfPattern, SamplesAreTheFirstBytesTheLastWordAndSomeBetween) {
  const Pattern pattern = Pattern::of_connection(1, 2);
  auto bytes = bytes_of(pattern, 5, 1460);
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= std::byte{1};
    const bool is_noticed = !pattern.matches(5, bytes, Verify::Sample);
    noticed += is_noticed ? 1 : 0;
    if (at < 64 || at >= bytes.size() - 8 || (at >= 256 && at < 264)) {
      EXPECT_TRUE(is_noticed) << at;
    }
    bytes[at] ^= std::byte{1};
  }
  EXPECT_EQ(noticed, 64U + 8U + 5U * 8U);
}

TEST(PerfPattern, SamplingNoticesWhateverIsInTheWrongPlace) {
  const Pattern pattern = Pattern::of_connection(1, 2);
  const auto bytes = bytes_of(pattern, 1'000, 1460);
  for (const std::uint64_t elsewhere : {0U, 999U, 1'001U, 1'008U, 2'460U}) {
    EXPECT_FALSE(pattern.matches(elsewhere, bytes, Verify::Sample)) << elsewhere;
  }
  EXPECT_FALSE(Pattern::of_connection(1, 3).matches(1'000, bytes, Verify::Sample));
  EXPECT_FALSE(Pattern::of_connection(2, 2).matches(1'000, bytes, Verify::Sample));
  EXPECT_FALSE(pattern.answer().matches(1'000, bytes, Verify::Sample));
}

TEST(PerfChecker, LearnsWhoseStreamItIsFromPiecesOfAnySize) {
  const Pattern pattern = Pattern::of_connection(9, 0xffff'ffffU);
  const auto bytes = bytes_of(pattern, 0, 100);
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    Checker checker = Checker::learning();
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      const auto piece = std::span{bytes}.subspan(at, std::min(size, bytes.size() - at));
      ASSERT_TRUE(checker.take(piece, 9, Verify::All)) << size << " at " << at;
    }
    EXPECT_EQ(checker.position(), bytes.size());
    EXPECT_EQ(checker.pattern(), pattern);
  }
}

TEST(PerfChecker, RefusesAFirstWordOfNoConnectionOfTheTest) {
  const auto bytes = bytes_of(Pattern::of_connection(9, 4), 0, 64);
  Checker of_other_test = Checker::learning();
  EXPECT_FALSE(of_other_test.take(bytes, 10, Verify::Sample));
  for (std::size_t bit = 0; bit < 64; ++bit) {
    auto wrong = bytes;
    wrong[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    Checker checker = Checker::learning();
    EXPECT_FALSE(checker.take(std::span{wrong}.first(8), 9, Verify::Sample)) << bit;
    EXPECT_FALSE(checker.take(std::span{wrong}.subspan(8), 9, Verify::Sample)) << bit;
  }
}

TEST(PerfChecker, TellsWhereTheFirstWrongByteStood) {
  const Pattern pattern = Pattern::of_connection(9, 4);
  Checker checker{pattern};
  auto bytes = bytes_of(pattern, 0, 64);
  EXPECT_TRUE(checker.take(bytes, 9, Verify::All));
  bytes = bytes_of(pattern, 64, 64);
  bytes[10] ^= std::byte{1};
  EXPECT_FALSE(checker.take(bytes, 9, Verify::All));
  EXPECT_EQ(checker.wrong_at(), 74U);
  EXPECT_FALSE(checker.take(bytes_of(pattern, 128, 8), 9, Verify::All));
}

TEST(PerfSchedule, RequestsAreDueInTurnAtTheRate) {
  const Stopwatch clock = Stopwatch::with_rate(1e9);
  const Schedule schedule{1'000, 1e6, 4, clock};  // Every 1,000 ticks.
  EXPECT_EQ(schedule.due_by(999), 0U);
  EXPECT_EQ(schedule.due_by(1'000), 1U);
  EXPECT_EQ(schedule.due_by(1'999), 1U);
  EXPECT_EQ(schedule.due_by(5'000), 5U);
  EXPECT_EQ(schedule.due(5), 6'000U);
  EXPECT_EQ(schedule.due_on(1, 0), 2'000U);
  EXPECT_EQ(schedule.due_on(1, 2), schedule.due(9));
}

TEST(PerfSchedule, AWeekOfRequestsDoesNotDrift) {
  const Stopwatch clock = Stopwatch::with_rate(3e9);
  const Schedule schedule{0, 1e6, 1, clock};
  constexpr std::uint64_t kWeek = 7ULL * 24 * 3600;
  EXPECT_EQ(schedule.due(kWeek * 1'000'000), kWeek * 3'000'000'000U);
}

TEST(PerfStopwatch, TicksBecomeNanoseconds) {
  for (const double rate : {1e9, 2.4e9, 24e6}) {
    const Stopwatch clock = Stopwatch::with_rate(rate);
    for (const double seconds : {1e-6, 1e-3, 1.0, 3600.0, 1e6}) {
      const auto ticks = static_cast<Ticks>(seconds * rate);
      EXPECT_NEAR(static_cast<double>(clock.nanoseconds(ticks)), seconds * 1e9,
                  seconds * 1e9 * 1e-4 + 50)
          << rate << " " << seconds;
    }
  }
}

TEST(PerfTargets, PortsGoFirstThenAddresses) {
  const millrace::Endpoint first{millrace::IpAddress::v4(198, 18, 0, 1), millrace::Port{100}};
  const auto a = millrace::IpAddress::v4(198, 18, 0, 2);
  const auto b = millrace::IpAddress::v4(198, 18, 0, 3);
  Targets targets{first, 2, {a, b}};
  using Wanted = std::pair<std::uint16_t, millrace::IpAddress>;
  for (const auto& [port, local] : {Wanted{100, a}, {101, a}, {100, b}, {101, b}, {100, a}}) {
    const Target target = targets.next();
    EXPECT_EQ(target.peer.port.number(), port);
    EXPECT_EQ(target.local, local);
  }
  Targets without{first, 1, {}};
  EXPECT_FALSE(without.next().local.has_value());
}

TEST(PerfRequestTimes, ComeOutInTheirOrderAlsoAroundTheEnd) {
  RequestTimes times{2, 3};
  Ticks put = 0;
  Ticks taken = 0;
  for (int round = 0; round < 10; ++round) {
    while (!times.is_full(1)) {
      times.put(1, put++);
    }
    EXPECT_EQ(times.waiting(1), 3U);
    EXPECT_EQ(times.take(1), taken++);
    EXPECT_EQ(times.take(1), taken++);
  }
  EXPECT_EQ(times.waiting(0), 0U);
  times.clear(1);
  EXPECT_EQ(times.waiting(1), 0U);
}

TEST(PerfSlots, ObjectsStayInPlaceAndTheirPlacesAreUsedAgain) {
  Slots<std::vector<int>> slots;
  std::vector<std::vector<int>*> made;
  for (int i = 0; i < 3'000; ++i) {
    made.push_back(&slots.make(1, i));
  }
  for (int i = 0; i < 3'000; ++i) {
    ASSERT_EQ(made[static_cast<std::size_t>(i)]->front(), i);
  }
  slots.remove(*made[5]);
  EXPECT_FALSE(slots.holds(*made[5]));
  int count = 0;
  slots.for_each([&count](std::vector<int>&) { ++count; });
  EXPECT_EQ(count, 2'999);
  EXPECT_EQ(&slots.make(1, 7), made[5]);
}

}  // namespace
}  // namespace perf
