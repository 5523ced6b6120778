// Hosts files and the cache of names.
#include <gtest/gtest.h>

#include "socket/hosts_file.hpp"
#include "socket/name_cache.hpp"
#include "support/covers.hpp"

namespace millrace::socket {
namespace {

using namespace std::chrono_literals;
using test::covers;

constexpr IpAddress kOne = IpAddress::v4(198, 18, 0, 1);
constexpr IpAddress kTwo = IpAddress::v4(198, 18, 0, 2);

TEST(HostsFile, HasEachNameOfEachLine) {
  const HostsFile file{
      "# comment\n"
      "198.18.0.1\tone.example one # its short name\n"
      "\n"
      "  198.18.0.2  two\n"
      "198.18.0.2 one\n"
      "::1 six\n"
      "not-an-address nine\n"
      "198.18.0.9\n"
      "198.18.0.1 last"};
  ASSERT_NE(file.find("one"), nullptr);
  EXPECT_EQ(*file.find("one"), (std::vector{kOne, kTwo}));
  EXPECT_EQ(*file.find("one.example"), std::vector{kOne});
  EXPECT_EQ(*file.find("two"), std::vector{kTwo});
  EXPECT_EQ(*file.find("last"), std::vector{kOne});
  for (const char* absent : {"six", "nine", "comment", "its", "", "198.18.0.1"}) {
    EXPECT_EQ(file.find(absent), nullptr) << absent;
  }
}

TEST(HostsFile, NamesCompareWithoutRegardToCaseAndTheLastDot) {
  covers({"RFC 4343 §3"});
  const HostsFile file{"198.18.0.1 Name.Example"};
  for (const char* form : {"name.example", "NAME.EXAMPLE", "name.example."}) {
    EXPECT_NE(file.find(form), nullptr) << form;
  }
}

TEST(HostsFile, OneThatCannotBeReadIsNamed) {
  const auto missing = HostsFile::read("/nowhere/hosts");
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().find("/nowhere/hosts"), std::string::npos);
  EXPECT_TRUE(HostsFile::read("").has_value());
}

TEST(NameCache, RemembersUntilTheTimeIsOver) {
  covers({"RFC 1035 §3.2.1"});
  NameCache cache{4};
  const Instant now{100s};
  cache.learn(now, "name", {kOne, kTwo}, now + 5s);
  ASSERT_NE(cache.find(now + 4s, "name"), nullptr);
  EXPECT_EQ(*cache.find(now + 4s, "name"), (std::vector{kOne, kTwo}));
  EXPECT_EQ(cache.find(now + 5s, "name"), nullptr);
  EXPECT_EQ(cache.find(now, "other"), nullptr);
  cache.learn(now, "never", {kOne}, now);
  EXPECT_EQ(cache.find(now, "never"), nullptr);
}

TEST(NameCache, TheOneThatWouldBeForgottenFirstGoes) {
  NameCache cache{2};
  const Instant now{100s};
  cache.learn(now, "long", {kOne}, now + 50s);
  cache.learn(now, "short", {kOne}, now + 5s);
  cache.learn(now, "long", {kTwo}, now + 60s);
  EXPECT_EQ(cache.size(), 2U) << "the same name takes no second place";
  cache.learn(now, "third", {kOne}, now + 10s);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find(now, "short"), nullptr);
  EXPECT_EQ(*cache.find(now, "long"), std::vector{kTwo});
  NameCache none{0};
  none.learn(now, "name", {kOne}, now + 50s);
  EXPECT_EQ(none.size(), 0U);
}

}  // namespace
}  // namespace millrace::socket
