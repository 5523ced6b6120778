// Ports drawn at random.
#include "udp/random_port.hpp"

#include <set>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::udp {
namespace {

using test::covers;

TEST(RandomPort, AreSpreadOverTheRangeAndStayInIt) {
  covers({"RFC 6056 §3.3.1"});
  base::Random random = base::Random::from_seed(1);
  std::set<std::uint16_t> seen;
  for (int i = 0; i < 2'000; ++i) {
    const auto port =
        choose_random_port({.first = 1'000, .last = 1'099}, random, [](Port) { return true; });
    ASSERT_TRUE(port.has_value());
    seen.insert(port->number());
  }
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_EQ(*seen.begin(), 1'000);
  EXPECT_EQ(*seen.rbegin(), 1'099);
}

TEST(RandomPort, TheOneThatIsFreeIsFoundRoundTheRange) {
  base::Random random = base::Random::from_seed(2);
  for (std::uint16_t free = 65'500; free >= 65'500; ++free) {
    const auto port =
        choose_random_port({.first = 65'500, .last = 65'535}, random,
                           [free](Port candidate) { return candidate.number() == free; });
    EXPECT_EQ(port, Port{free});
  }
}

TEST(RandomPort, NoneIsFree) {
  base::Random random = base::Random::from_seed(3);
  unsigned tried = 0;
  EXPECT_FALSE(choose_random_port({.first = 10, .last = 19}, random, [&](Port) {
                 ++tried;
                 return false;
               }).has_value());
  EXPECT_EQ(tried, 10U);
}

}  // namespace
}  // namespace millrace::udp
