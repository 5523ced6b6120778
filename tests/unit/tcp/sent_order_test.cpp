// The order of transmission: sorting and merging against the standard library's.
#include "tcp/sent_order.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

class SentOrder : public testing::TestWithParam<std::uint32_t> {
 protected:
  /// `count` records in order of sequence, each sent at one of `times` moments.
  [[nodiscard]] std::vector<SentSegment> make(std::uint32_t count, std::uint32_t times) {
    std::vector<SentSegment> all(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      all[i].seq = SeqNum{GetParam()} + 10 * i;
      all[i].length = 10;
      all[i].sent_at = Instant{std::chrono::milliseconds{random_.below(times)}};
    }
    return all;
  }
  [[nodiscard]] static SentSegment* link(std::vector<SentSegment*>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i]->newer = i + 1 < list.size() ? list[i + 1] : nullptr;
    }
    return list.empty() ? nullptr : list.front();
  }
  [[nodiscard]] static std::vector<SentSegment*> read(SentSegment* list) {
    std::vector<SentSegment*> all;
    for (; list != nullptr; list = list->newer) {
      all.push_back(list);
    }
    return all;
  }
  static bool is_before(const SentSegment* left, const SentSegment* right) {
    return is_sent_after(right->sent_at, right->end(), left->sent_at, left->end());
  }

  base::Random random_ = base::Random::from_seed(7);
};
INSTANTIATE_TEST_SUITE_P(From, SentOrder, testing::Values(1'000U, 0xffff'fe00U, 0x7fff'ff00U));

TEST_P(SentOrder, SortsAnyOrder) {
  test::covers({"RFC 8985 §6.1"});
  for (const std::uint32_t count : {0U, 1U, 2U, 3U, 31U, 32U, 33U, 500U}) {
    for (const std::uint32_t times : {1U, 2U, 1'000U}) {
      std::vector<SentSegment> all = make(count, times);
      std::vector<SentSegment*> list;
      std::ranges::transform(all, std::back_inserter(list), [](SentSegment& one) { return &one; });
      const std::vector<SentSegment*> sorted = read(sort_by_transmission(link(list)));
      std::ranges::sort(list, is_before);
      EXPECT_EQ(sorted, list) << count << " at " << times;
    }
  }
}

TEST_P(SentOrder, MergesTwoLists) {
  test::covers({"RFC 8985 §6.1"});
  for (int round = 0; round < 50; ++round) {
    std::vector<SentSegment> all = make(40, 10);
    std::vector<SentSegment*> left;
    std::vector<SentSegment*> right;
    for (SentSegment& one : all) {
      (random_.one_in(3) ? left : right).push_back(&one);
    }
    std::ranges::sort(left, is_before);
    std::ranges::sort(right, is_before);
    const std::vector<SentSegment*> merged = read(merge_by_transmission(link(left), link(right)));
    left.insert(left.end(), right.begin(), right.end());
    std::ranges::sort(left, is_before);
    EXPECT_EQ(merged, left);
  }
}

}  // namespace

}  // namespace millrace::tcp
