// PortIndex against a list that is searched from end to end.
#include "stack/port_index.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace millrace::stack {
namespace {

std::uint32_t find_on(const PortIndex& index, const std::vector<std::optional<Port>>& ports,
                      Port port) {
  return index.find(port, [&](std::uint32_t each) { return ports[each] == port; });
}

TEST(PortIndex, FindsWhatAListFinds) {
  for (const std::uint32_t capacity : {1U, 2U, 3U, 64U, 250U, 70'000U}) {
    SCOPED_TRACE(capacity);
    base::Random random = base::Random::from_seed(capacity);
    PortIndex index{capacity};
    std::vector<std::optional<Port>> ports(capacity);  // By index.
    for (int step = 0; step < 2'000; ++step) {
      const std::uint32_t at = random.next_u32() % std::min(capacity, 300U);
      if (ports[at]) {
        index.erase(*ports[at], at);
        ports[at].reset();
      } else {
        // Few, so that some are taken by several.
        ports[at] = Port{static_cast<std::uint16_t>(1 + random.next_u32() % 200)};
        index.insert(*ports[at], at);
      }
      const Port wanted{static_cast<std::uint16_t>(1 + random.next_u32() % 200)};
      const std::uint32_t found = find_on(index, ports, wanted);
      if (std::ranges::find(ports, wanted) == ports.end()) {
        EXPECT_EQ(found, PortIndex::kNone);
      } else {
        ASSERT_LT(found, capacity);
        EXPECT_EQ(ports[found], wanted);
      }
    }
  }
}

TEST(PortIndex, PortsInARowAreNotInOneChain) {
  constexpr std::uint32_t kListeners = 250;
  PortIndex index{kListeners};
  for (std::uint32_t i = 0; i < kListeners; ++i) {
    index.insert(Port{static_cast<std::uint16_t>(5'000 + i)}, i);
  }
  std::uint32_t looked_at = 0;
  for (std::uint32_t i = 0; i < kListeners; ++i) {
    const Port port{static_cast<std::uint16_t>(5'000 + i)};
    EXPECT_EQ(index.find(port,
                         [&](std::uint32_t each) {
                           ++looked_at;
                           return each == i;
                         }),
              i);
  }
  EXPECT_LT(looked_at, 2 * kListeners);
}

}  // namespace
}  // namespace millrace::stack
