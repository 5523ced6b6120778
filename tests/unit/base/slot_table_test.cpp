// SlotTable: handles that go stale, bounded capacity, untouched memory.
#include "base/slot_table.hpp"

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace millrace::base {
namespace {

TEST(SlotTable, GivesOutEverySlotOnceAndThenRefuses) {
  SlotTable<int> table{3};
  EXPECT_EQ(table.capacity(), 3U);
  for (int i = 0; i < 3; ++i) {
    int* const made = table.emplace(i);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(table.index_of(*made), static_cast<std::uint32_t>(i));
    EXPECT_EQ(&table.at(static_cast<std::uint32_t>(i)), made);
  }
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.emplace(9), nullptr);
  table.erase(1);
  EXPECT_EQ(table.size(), 2U);
  ASSERT_NE(table.emplace(9), nullptr);
  EXPECT_EQ(table.at(1), 9);
}

TEST(SlotTable, HandlesGoStale) {
  SlotTable<int> table{2};
  EXPECT_EQ(table.find({}), nullptr);
  int* const first = table.emplace(1);
  const SlotHandle handle = table.handle_of(*first);
  EXPECT_EQ(handle.generation, 1U);
  EXPECT_EQ(table.find(handle), first);
  EXPECT_EQ(table.find({}), nullptr);

  table.erase(handle.index);
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.find({.index = 0, .generation = 2}), nullptr)
      << "freed, its next generation not yet given out";
  int* const second = table.emplace(2);
  ASSERT_EQ(second, first) << "the slot freed last is reused";
  EXPECT_EQ(table.find(handle), nullptr);
  EXPECT_EQ(table.find(table.handle_of(*second)), second);
}

TEST(SlotTable, ForgedHandlesNameNothing) {
  SlotTable<int> table{2};
  ASSERT_NE(table.emplace(1), nullptr);
  const std::array<SlotHandle, 4> forged{
      SlotHandle{1, 1}, {2, 1}, {UINT32_MAX, 1}, {0, UINT32_MAX}};
  for (const SlotHandle handle : forged) {
    EXPECT_EQ(table.find(handle), nullptr) << handle.index << ' ' << handle.generation;
  }
}

TEST(SlotTable, DestroysWhatIsErasedAndWhatIsLeft) {
  const auto counted = std::make_shared<int>(0);
  {
    SlotTable<std::shared_ptr<int>> table{4};
    for (int i = 0; i < 4; ++i) {
      ASSERT_NE(table.emplace(counted), nullptr);
    }
    table.erase(2);
    EXPECT_EQ(counted.use_count(), 4);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(SlotTable, KeepsAlignment) {
  struct alignas(64) Line {
    char byte = 0;
  };
  SlotTable<Line> table{3};
  for (int i = 0; i < 3; ++i) {
    Line* const line = table.emplace();
    ASSERT_NE(line, nullptr);
    void* place = line;
    std::size_t room = sizeof(Line);
    EXPECT_EQ(std::align(64, sizeof(Line), place, room), line);
  }
  SlotTable<char> odd{5};  // The metadata behind five octets must be aligned still; undefined
                           // behavior sanitizers see.
  for (int i = 0; i < 5; ++i) {
    ASSERT_NE(odd.emplace('a'), nullptr);
  }
}

TEST(SlotTable, ForEachAllowsErasing) {
  SlotTable<int> table{8};
  for (int i = 0; i < 8; ++i) {
    ASSERT_NE(table.emplace(i), nullptr);
  }
  std::vector<int> seen;
  table.for_each([&](int& value) {
    seen.push_back(value);
    if (value % 2 == 0) {
      table.erase(table.index_of(value));
    }
  });
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(table.size(), 4U);
}

TEST(SlotTable, ADestructorMayAddToTheTable) {
  struct Adder {
    explicit Adder(SlotTable<Adder>* t) : table{t} {}
    ~Adder() {
      if (table != nullptr) {
        EXPECT_NE(table->emplace(nullptr), nullptr);
      }
    }
    SlotTable<Adder>* table;
  };
  SlotTable<Adder> table{3};
  ASSERT_NE(table.emplace(&table), nullptr);
  table.erase(0);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.at(1).table, nullptr);
}

TEST(SlotTable, AgreesWithAMapOverRandomOperations) {
  constexpr std::uint32_t kCapacity = 64;
  Random random = Random::from_seed(2);
  SlotTable<std::uint64_t> table{kCapacity};
  std::vector<std::pair<SlotHandle, std::uint64_t>> live;
  std::vector<SlotHandle> stale;
  for (int step = 0; step < 50'000; ++step) {
    if (random.one_in(2)) {
      const std::uint64_t value = random.next_u64();
      std::uint64_t* const made = table.emplace(value);
      ASSERT_EQ(made == nullptr, live.size() == kCapacity);
      if (made != nullptr) {
        live.emplace_back(table.handle_of(*made), value);
      }
    } else if (!live.empty()) {
      const std::uint32_t victim = random.below(static_cast<std::uint32_t>(live.size()));
      table.erase(live[victim].first.index);
      stale.push_back(live[victim].first);
      live[victim] = live.back();
      live.pop_back();
    }
    ASSERT_EQ(table.size(), live.size());
    if (!live.empty()) {
      const auto& [handle, value] = live[random.below(static_cast<std::uint32_t>(live.size()))];
      ASSERT_NE(table.find(handle), nullptr);
      ASSERT_EQ(*table.find(handle), value);
    }
    if (!stale.empty()) {
      ASSERT_EQ(table.find(stale[random.below(static_cast<std::uint32_t>(stale.size()))]), nullptr);
    }
  }
}

std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST(SlotTable, DoesNotTouchUnusedSlots) {
  struct Page {
    std::array<std::byte, 4096> octets{};
  };
  mallopt(M_PERTURB, 0);  // meson has malloc fill what it hands out.
  const std::size_t before = resident_bytes();
  if (before == 0) {
    GTEST_SKIP() << "/proc/self/statm is not readable";
  }
  constexpr std::uint32_t kCapacity = 65'536;
  SlotTable<Page> table{kCapacity};
  for (int i = 0; i < 4; ++i) {
    ASSERT_NE(table.emplace(), nullptr);
  }
  EXPECT_LT(resident_bytes() - before, std::size_t{kCapacity} * sizeof(Page) / 4);
}

TEST(SlotTableDeathTest, ErasingTwiceIsABug) {
  SlotTable<int> table{2};
  ASSERT_NE(table.emplace(1), nullptr);
  table.erase(0);
  EXPECT_DEATH(table.erase(0), "contract violated");
  EXPECT_DEATH(table.erase(1), "contract violated");
}

TEST(SlotTableDeathTest, ForeignObjectsAndIndicesAreRefused) {
  SlotTable<int> table{2};
  const int stranger = 0;
  EXPECT_DEATH(static_cast<void>(table.at(0)), "contract violated");
  EXPECT_DEATH(static_cast<void>(table.index_of(stranger)), "contract violated");
}

}  // namespace
}  // namespace millrace::base
