// IntrusiveList: order, unlinking from anywhere, splicing.
#include "base/intrusive_list.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

struct Item {
  explicit Item(int v) : value{v} {}
  std::string ballast = "the link is not the first member";
  int value;
  ListLink link;
  ListLink other_link;
};
using List = IntrusiveList<Item, &Item::link>;
using OtherList = IntrusiveList<Item, &Item::other_link>;

template <class L>
std::vector<int> values_of(const L& list) {
  std::vector<int> values;
  for (const Item& item : list) {
    values.push_back(item.value);
  }
  return values;
}

struct IntrusiveListTest : testing::Test {
  std::array<Item, 4> items{Item{0}, Item{1}, Item{2}, Item{3}};
  List list;
};

TEST_F(IntrusiveListTest, StartsEmpty) {
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(list.has_one());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.pop_front(), nullptr);
  EXPECT_FALSE(items[0].link.is_linked());
}

TEST_F(IntrusiveListTest, KeepsOrderAtBothEnds) {
  list.push_back(items[1]);
  EXPECT_TRUE(list.has_one());
  list.push_back(items[2]);
  list.push_front(items[0]);
  EXPECT_FALSE(list.has_one());
  EXPECT_EQ(values_of(list), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(list.pop_front(), &items[0]);
  EXPECT_FALSE(items[0].link.is_linked());
  EXPECT_EQ(list.front(), &items[1]);
}

TEST_F(IntrusiveListTest, RemovesFromAnywhere) {
  for (std::size_t removed = 0; removed < items.size(); ++removed) {
    List order;
    std::vector<int> expected;
    for (Item& item : items) {
      order.push_back(item);
    }
    order.remove(items[removed]);
    for (const Item& item : items) {
      EXPECT_EQ(item.link.is_linked(), &item != &items[removed]);
      if (&item != &items[removed]) {
        expected.push_back(item.value);
      }
    }
    EXPECT_EQ(values_of(order), expected);
    while (order.pop_front() != nullptr) {
    }
  }
}

TEST_F(IntrusiveListTest, AnElementWithTwoLinksIsInTwoLists) {
  OtherList other;
  list.push_back(items[0]);
  list.push_back(items[1]);
  other.push_back(items[1]);
  other.push_back(items[0]);
  list.remove(items[0]);
  EXPECT_EQ(values_of(list), (std::vector<int>{1}));
  EXPECT_EQ(values_of(other), (std::vector<int>{1, 0}));
}

TEST_F(IntrusiveListTest, SplicesInOrder) {
  List other;
  list.splice_back(other);
  EXPECT_TRUE(list.empty());
  other.push_back(items[0]);
  other.push_back(items[1]);
  list.splice_back(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(values_of(list), (std::vector<int>{0, 1}));
  other.push_back(items[2]);
  list.splice_back(other);
  EXPECT_EQ(values_of(list), (std::vector<int>{0, 1, 2}));
  list.remove(items[2]);  // The seam's links must be right both ways.
  list.push_back(items[3]);
  EXPECT_EQ(values_of(list), (std::vector<int>{0, 1, 3}));
  list.remove(items[0]);
  other.push_back(items[0]);
  EXPECT_EQ(values_of(list), (std::vector<int>{1, 3}));
  EXPECT_EQ(values_of(other), (std::vector<int>{0}));
}

TEST_F(IntrusiveListTest, SteppingFirstAllowsRemovalDuringIteration) {
  for (Item& item : items) {
    list.push_back(item);
  }
  for (auto position = list.begin(); position != list.end();) {
    Item& item = *position++;
    if (item.value % 2 == 0) {
      list.remove(item);
    }
  }
  EXPECT_EQ(values_of(list), (std::vector<int>{1, 3}));
}

TEST(IntrusiveListDeathTest, LinkingTwiceOrUnlinkingAStrangerIsABug) {
  Item item{0};
  List list;
  EXPECT_DEATH(list.remove(item), "contract violated");
  list.push_back(item);
  EXPECT_DEATH(list.push_back(item), "contract violated");
}

}  // namespace
}  // namespace millrace::base
