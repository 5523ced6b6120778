// Text to values: what is read, and that every complaint says what would be right.
#include "control/option_values.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

void expect_two_halves(const std::string& complaint, const std::string& text) {
  const std::size_t semicolon = complaint.find("; ");
  ASSERT_NE(semicolon, std::string::npos) << complaint;
  EXPECT_GT(semicolon, 0U) << complaint;
  EXPECT_NE(complaint.find(text), std::string::npos) << complaint;
  EXPECT_EQ(complaint.find('\n'), std::string::npos) << complaint;
}

TEST(ParseCount, ReadsTheLimitsThemselves) {
  EXPECT_EQ(parse_count("576", {.min = 576, .max = 9000}), 576U);
  EXPECT_EQ(parse_count("9000", {.min = 576, .max = 9000}), 9000U);
  EXPECT_EQ(parse_count("18446744073709551615", {}), UINT64_MAX);
}

TEST(ParseCount, RefusesEverythingElse) {
  for (const std::string text :
       {"575", "9001", "", "-1", "+600", "1e3", " 600", "600 ", "0x600", "18446744073709551616"}) {
    const Parsed<std::uint64_t> parsed = parse_count(text, {.min = 576, .max = 9000});
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
    EXPECT_NE(parsed.error().find("576 to 9000"), std::string::npos) << parsed.error();
  }
}

TEST(ParseSeconds, ReadsDecimals) {
  EXPECT_EQ(parse_seconds("60", {.min = 0.1, .max = 600}), Duration{60s});
  EXPECT_EQ(parse_seconds("0.25", {.min = 0.1, .max = 600}), Duration{250ms});
  EXPECT_EQ(parse_seconds("0.1", {.min = 0.1, .max = 600}), Duration{100ms});
}

TEST(ParseSeconds, RefusesEverythingElse) {
  for (const std::string text : {"0", "601", "nan", "inf", "1s", "", "-5"}) {
    const Parsed<Duration> parsed = parse_seconds(text, {.min = 0.1, .max = 600});
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
  }
}

TEST(ParseCores, ReadsListsAndRanges) {
  EXPECT_EQ(parse_cores("0"), (std::vector<unsigned>{0}));
  EXPECT_EQ(parse_cores("3,1"), (std::vector<unsigned>{3, 1}));
  EXPECT_EQ(parse_cores("2-4,0"), (std::vector<unsigned>{2, 3, 4, 0}));
  EXPECT_EQ(parse_cores("5-5"), (std::vector<unsigned>{5}));
}

TEST(CoresText, IsWhatParseCoresReads) {
  EXPECT_EQ(cores_text({}), "");
  EXPECT_EQ(cores_text({3}), "3");
  EXPECT_EQ(cores_text({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(parse_cores(cores_text({0, 1, 2, 5, 7, 8})), (std::vector<unsigned>{0, 1, 2, 5, 7, 8}));
}

TEST(ParseCores, RefusesEverythingElse) {
  for (const std::string text :
       {"", ",", "1,", ",1", "4-2", "1-", "-1", "a", "1,1", "0-3,2", "0-1024", "4294967296"}) {
    const Parsed<std::vector<unsigned>> parsed = parse_cores(text);
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
  }
}

TEST(ParseIdle, ReadsBothPolicies) {
  EXPECT_EQ(parse_idle("spin"), IdlePolicy::Spin);
  EXPECT_EQ(parse_idle("adaptive"), IdlePolicy::Adaptive);
  expect_two_halves(parse_idle("Spin").error(), "Spin");
}

TEST(ParseLogLevel, NamesReadBack) {
  for (const LogLevel level : {LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn,
                               LogLevel::Error, LogLevel::Off}) {
    EXPECT_EQ(parse_log_level(to_string(level)), level);
  }
  expect_two_halves(parse_log_level("loud").error(), "loud");
}

TEST(ParsePrefix, WantsAnIpv4AddressWithItsPrefixLength) {
  EXPECT_EQ(parse_prefix("198.18.0.2/24")->to_string(), "198.18.0.2/24");
  struct Case {
    std::string text;
    std::string hint;
  };
  for (const auto& [text, hint] :
       {Case{"198.18.0.2", "198.18.0.2/24"}, Case{"198.18.0.2/33", "such as"},
        Case{"198.18.0/24", "such as"}, Case{"", "such as"}, Case{"2001:db8::1/64", "IPv6"},
        Case{"2001:db8::1", "prefix"}}) {
    const Parsed<IpPrefix> parsed = parse_prefix(text);
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
    EXPECT_NE(parsed.error().find(hint), std::string::npos) << parsed.error();
  }
}

TEST(ParseAddress, WantsAnIpv4Address) {
  EXPECT_EQ(parse_address("198.18.0.1"), IpAddress::v4(198, 18, 0, 1));
  for (const std::string text : {"198.18.0.1/24", "::1", "router", ""}) {
    const Parsed<IpAddress> parsed = parse_address(text);
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
  }
}

TEST(ParsePort, WantsOneTo65535) {
  EXPECT_EQ(parse_port("1"), Port{1});
  EXPECT_EQ(parse_port("65535"), Port{65'535});
  for (const std::string text : {"0", "65536", "http", ""}) {
    const Parsed<Port> parsed = parse_port(text);
    ASSERT_FALSE(parsed) << text;
    expect_two_halves(parsed.error(), text);
  }
}

TEST(ParseEndpoint, WantsAddressAndPort) {
  EXPECT_EQ(parse_endpoint("198.18.0.1:80")->to_string(), "198.18.0.1:80");
  expect_two_halves(parse_endpoint("198.18.0.1").error(), "198.18.0.1");
}

TEST(SecondsText, DropsNeedlessDecimals) {
  EXPECT_EQ(seconds_text(60s), "60");
  EXPECT_EQ(seconds_text(500ms), "0.5");
}

}  // namespace
}  // namespace millrace::control
