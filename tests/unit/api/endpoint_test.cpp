// Endpoints: what text they are read from and written as.
#include <millrace/endpoint.hpp>

#include <string_view>

#include <gtest/gtest.h>

namespace millrace {
namespace {

using std::string_view_literals::operator""sv;

TEST(Endpoint, ReadsAndWritesText) {
  for (const std::string_view text :
       {"198.18.0.2:80"sv, "0.0.0.0:0"sv, "198.18.0.2:65535"sv, "[2001:db8::1]:80"sv, "[::]:0"sv}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
}

TEST(Endpoint, KeepsBothParts) {
  const auto v4 = Endpoint::parse("198.18.0.2:8080");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->address, IpAddress::v4(198, 18, 0, 2));
  EXPECT_EQ(v4->port, Port{8080});
  const auto v6 = Endpoint::parse("[2001:DB8::0:1]:53");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->address, *IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(v6->port, Port{53});
}

TEST(Endpoint, RefusesOtherText) {
  for (const std::string_view text : {""sv,
                                      ":"sv,
                                      ":80"sv,
                                      "198.18.0.2"sv,
                                      "198.18.0.2:"sv,
                                      "198.18.0.2:65536"sv,
                                      "198.18.0.2:-1"sv,
                                      "198.18.0.2:+1"sv,
                                      "198.18.0.2: 80"sv,
                                      "198.18.0.2:80 "sv,
                                      "198.18.0.2:http"sv,
                                      "198.18.0.2:80:80"sv,
                                      "198.18.0.2:80\0"sv,
                                      "[198.18.0.2]:80"sv,
                                      "2001:db8::1:80"sv,
                                      "[2001:db8::1]"sv,
                                      "[2001:db8::1]:"sv,
                                      "[2001:db8::1:80"sv,
                                      "2001:db8::1]:80"sv,
                                      "[]:80"sv,
                                      "[[::1]]:80"sv,
                                      "[:80"sv,
                                      "]:80"sv,
                                      "millrace.example:80"sv}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error(), Error::InvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
