// Hosts files, resolv.conf and the cache of names.
#include <gtest/gtest.h>

#include "socket/hosts_file.hpp"
#include "socket/name_cache.hpp"
#include "socket/resolv_conf.hpp"
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
  EXPECT_EQ(*file.find("one"), (NameAnswer{{kOne, kTwo}, "one.example"}));
  EXPECT_EQ(*file.find("one.example"), (NameAnswer{{kOne}, "one.example"}));
  EXPECT_EQ(*file.find("two"), (NameAnswer{{kTwo}, "two"}));
  EXPECT_EQ(*file.find("last"), (NameAnswer{{kOne}, "last"}));
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

TEST(ResolvConf, HasServersDomainsAndPatience) {
  const ResolvConf conf = ResolvConf::parse(
      "; comment\n"
      "domain first.example other.example\n"
      "search one.example two.example # the last such line counts\n"
      "nameserver 198.18.0.1\n"
      "nameserver\n"
      " nameserver 198.18.0.2\n"
      "options ndots:3 timeout:7 rotate attempts:2 ndots:x");
  EXPECT_EQ(conf.servers, (std::vector<Endpoint>{{kOne, Port{53}}, {kTwo, Port{53}}}));
  EXPECT_EQ(conf.search, (std::vector<std::string>{"one.example", "two.example"}));
  EXPECT_EQ(conf.ndots, 3U);
  EXPECT_EQ(conf.timeout, Duration{7s});
  EXPECT_EQ(conf.attempts, 2U);
}

TEST(ResolvConf, NothingSaidIsNothingKnown) {
  const ResolvConf conf = ResolvConf::parse("domain only.example more\noptions debug\n");
  EXPECT_TRUE(conf.servers.empty());
  EXPECT_EQ(conf.search, std::vector<std::string>{"only.example"});
  EXPECT_EQ(conf.ndots, 1U);
  EXPECT_FALSE(conf.timeout);
  EXPECT_FALSE(conf.attempts);
}

TEST(ResolvConf, NumbersAreHeldToTheirLimits) {
  const ResolvConf most =
      ResolvConf::parse("options ndots:99999999999 timeout:900 attempts:4294967296");
  EXPECT_EQ(most.ndots, 15U);
  EXPECT_EQ(most.timeout, Duration{30s});
  EXPECT_EQ(most.attempts, 5U);
  const ResolvConf least = ResolvConf::parse("options ndots:0 timeout:0 attempts:0");
  EXPECT_EQ(least.ndots, 0U);
  EXPECT_EQ(least.timeout, Duration{1s});
  EXPECT_EQ(least.attempts, 1U);
}

TEST(ResolvConf, ServersThatCannotBeOursArePassedOver) {
  std::string text = "nameserver 127.0.0.53\nnameserver 2001:db8::1\nnameserver 0.0.0.0\n";
  EXPECT_TRUE(ResolvConf::parse(text).servers.empty());
  for (int i = 0; i < 20; ++i) {
    text += "nameserver 198.18.0.1\n";
  }
  EXPECT_EQ(ResolvConf::parse(text).servers.size(), ResolvConf::kServersMax);
}

TEST(ResolvConf, OneThatCannotBeReadIsNamed) {
  const auto missing = ResolvConf::read("/nowhere/resolv.conf");
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().find("/nowhere/resolv.conf"), std::string::npos);
  EXPECT_FALSE(ResolvConf::read("/").has_value()) << "a folder";
  EXPECT_TRUE(ResolvConf::read("").has_value());
  EXPECT_TRUE(ResolvConf::read("/dev/null").has_value());
}

TEST(NameCache, RemembersUntilTheTimeIsOver) {
  covers({"RFC 1035 §3.2.1"});
  NameCache cache{4};
  const Instant now{100s};
  cache.learn(now, "name", {{kOne, kTwo}, "name"}, now + 5s);
  ASSERT_NE(cache.find(now + 4s, "name"), nullptr);
  EXPECT_EQ(*cache.find(now + 4s, "name"), (NameAnswer{{kOne, kTwo}, "name"}));
  EXPECT_EQ(cache.find(now + 5s, "name"), nullptr);
  EXPECT_EQ(cache.find(now, "other"), nullptr);
  cache.learn(now, "never", {{kOne}, "never"}, now);
  EXPECT_EQ(cache.find(now, "never"), nullptr);
}

TEST(NameCache, TheOneThatWouldBeForgottenFirstGoes) {
  NameCache cache{2};
  const Instant now{100s};
  cache.learn(now, "long", {{kOne}, "long"}, now + 50s);
  cache.learn(now, "short", {{kOne}, "short"}, now + 5s);
  cache.learn(now, "long", {{kTwo}, "long"}, now + 60s);
  EXPECT_EQ(cache.size(), 2U) << "the same name takes no second place";
  cache.learn(now, "third", {{kOne}, "third"}, now + 10s);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find(now, "short"), nullptr);
  EXPECT_EQ(*cache.find(now, "long"), (NameAnswer{{kTwo}, "long"}));
  cache.learn(now, "fourth", {{kOne}, "fourth"}, now + 60s);
  EXPECT_EQ(cache.find(now, "third"), nullptr);
  cache.learn(now, "long", {{kOne}, "long"}, now + 5s);
  cache.learn(now, "fifth", {{kOne}, "fifth"}, now + 60s);
  EXPECT_EQ(cache.find(now, "long"), nullptr) << "what was learned last counts";
  NameCache none{0};
  none.learn(now, "name", {{kOne}, "name"}, now + 50s);
  EXPECT_EQ(none.size(), 0U);
}

TEST(NameCache, NoNameTakesMoreThanItsShare) {
  NameCache cache{1};
  const Instant now{100s};
  NameAnswer many{std::vector<IpAddress>(4'000, kOne), "many"};
  many.addresses[NameCache::kAddressesMax] = kTwo;
  cache.learn(now, "many", many, now + 5s);
  EXPECT_EQ(cache.find(now, "many")->addresses,
            std::vector<IpAddress>(NameCache::kAddressesMax, kOne));
}

}  // namespace
}  // namespace millrace::socket
