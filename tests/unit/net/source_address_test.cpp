// Which of our addresses is used for whom.
#include "net/source_address.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::net {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(SourceAddress, PrefersTheNetworkOfTheNextHop) {
  test::covers({"MUST-44"});
  Interface interface;
  EXPECT_EQ(source_address_for(interface, address("10.0.0.1")), std::nullopt);
  ASSERT_TRUE(interface.addresses.push_back(IpPrefix::parse("2001:db8::2/64").value()));
  EXPECT_EQ(source_address_for(interface, address("10.0.0.1")), std::nullopt)
      << "IPv6 alone is of no use";
  ASSERT_TRUE(interface.addresses.push_back(IpPrefix::parse("198.18.0.2/24").value()));
  ASSERT_TRUE(interface.addresses.push_back(IpPrefix::parse("10.0.0.2/24").value()));
  EXPECT_EQ(source_address_for(interface, address("10.0.0.1")), address("10.0.0.2"));
  EXPECT_EQ(source_address_for(interface, address("198.18.0.1")), address("198.18.0.2"));
  EXPECT_EQ(source_address_for(interface, address("203.0.113.1")), address("198.18.0.2"))
      << "else the first";
}

}  // namespace
}  // namespace millrace::net
