// Routes: longest prefix, gateways, limits.
#include "net/route_table.hpp"

#include <string_view>

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }
IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(RouteTable, EmptyTableLeadsNowhere) {
  const RouteTable routes{};
  EXPECT_FALSE(routes.lookup(address("198.18.0.1")).has_value());
}

TEST(RouteTable, LongestPrefixWinsWhateverTheOrder) {
  RouteTable routes;
  ASSERT_TRUE(routes.add(prefix("10.0.0.0/8"), 1));
  ASSERT_TRUE(routes.add(prefix("0.0.0.0/0"), 0, address("198.18.0.254")));
  ASSERT_TRUE(routes.add(prefix("10.1.2.3/32"), 3));
  ASSERT_TRUE(routes.add(prefix("10.1.0.0/16"), 2, address("10.0.0.9")));
  struct Case {
    std::string_view name;
    std::string_view destination;
    NextHop expected;
  };
  const Case cases[] = {
      {"host route", "10.1.2.3", {3, address("10.1.2.3")}},
      {"through a gateway", "10.1.2.4", {2, address("10.0.0.9")}},
      {"on the link", "10.2.0.1", {1, address("10.2.0.1")}},
      {"default", "203.0.113.1", {0, address("198.18.0.254")}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(routes.lookup(address(c.destination)), c.expected) << c.name;
  }
}

TEST(RouteTable, HostPartOfAnInterfacePrefixDoesNotMatter) {
  RouteTable routes;
  ASSERT_TRUE(routes.add(prefix("198.18.0.2/24"), 0));
  EXPECT_TRUE(routes.lookup(address("198.18.0.77")).has_value());
  EXPECT_FALSE(routes.lookup(address("198.18.1.77")).has_value());
}

TEST(RouteTable, FirstOfEqualRoutesWins) {
  RouteTable routes;
  ASSERT_TRUE(routes.add(prefix("198.18.0.0/24"), 4));
  ASSERT_TRUE(routes.add(prefix("198.18.0.0/24"), 5));
  EXPECT_EQ(routes.lookup(address("198.18.0.1"))->interface_index, 4U);
}

TEST(RouteTable, OneInterfacesRoutesAlone) {
  RouteTable routes;
  ASSERT_TRUE(routes.add(prefix("0.0.0.0/0"), 0, address("198.18.0.254")));
  ASSERT_TRUE(routes.add(prefix("0.0.0.0/0"), 1, address("198.18.1.254")));
  ASSERT_TRUE(routes.add(prefix("198.18.1.0/24"), 1));
  const IpAddress far = address("203.0.113.1");
  EXPECT_EQ(routes.lookup(far), (NextHop{0, address("198.18.0.254")}));
  EXPECT_EQ(routes.lookup(far, 1), (NextHop{1, address("198.18.1.254")}));
  const IpAddress near = address("198.18.1.7");
  EXPECT_EQ(routes.lookup(near), (NextHop{1, near}));
  EXPECT_EQ(routes.lookup(near, 0), (NextHop{0, address("198.18.0.254")}));
  EXPECT_FALSE(routes.lookup(near, 2).has_value());
}

TEST(RouteTable, FamiliesDoNotMix) {
  RouteTable routes;
  ASSERT_TRUE(routes.add(prefix("0.0.0.0/0"), 0, address("198.18.0.254")));
  EXPECT_FALSE(routes.lookup(address("2001:db8::1")).has_value());
}

TEST(RouteTable, RefusesGatewaysThatAreNoHost) {
  RouteTable routes;
  for (const std::string_view bad :
       {"0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255", "2001:db8::1"}) {
    const auto added = routes.add(prefix("0.0.0.0/0"), 0, address(bad));
    ASSERT_FALSE(added.has_value()) << bad;
    EXPECT_EQ(added.error(), Error::InvalidArgument) << bad;
  }
  EXPECT_EQ(routes.size(), 0U);
}

TEST(RouteTable, RefusesMoreThanItHolds) {
  RouteTable routes;
  for (std::size_t i = 0; i < RouteTable::kMaxRoutes; ++i) {
    ASSERT_TRUE(routes.add(prefix("10.0.0.0/8"), 0));
  }
  const auto added = routes.add(prefix("10.0.0.0/8"), 0);
  ASSERT_FALSE(added.has_value());
  EXPECT_EQ(added.error(), Error::InvalidState);
}

}  // namespace
}  // namespace millrace::net
