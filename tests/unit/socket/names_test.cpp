// Hosts files, resolv.conf and the cache of names.
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "socket/hosts_file.hpp"
#include "socket/name_cache.hpp"
#include "socket/name_denial.hpp"
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
  cache.learn(now, "name", NameAnswer{{kOne, kTwo}, "name"}, now + 5s);
  ASSERT_NE(cache.find(now + 4s, "name"), nullptr);
  EXPECT_EQ(**cache.find(now + 4s, "name"), (NameAnswer{{kOne, kTwo}, "name"}));
  EXPECT_EQ(cache.find(now + 5s, "name"), nullptr);
  EXPECT_EQ(cache.find(now, "other"), nullptr);
  cache.learn(now, "never", NameAnswer{{kOne}, "never"}, now);
  EXPECT_EQ(cache.find(now, "never"), nullptr);
}

TEST(NameCache, TheOneThatWouldBeForgottenFirstGoes) {
  NameCache cache{2};
  const Instant now{100s};
  cache.learn(now, "long", NameAnswer{{kOne}, "long"}, now + 50s);
  cache.learn(now, "short", NameAnswer{{kOne}, "short"}, now + 5s);
  cache.learn(now, "long", NameAnswer{{kTwo}, "long"}, now + 60s);
  EXPECT_EQ(cache.size(), 2U) << "the same name takes no second place";
  cache.learn(now, "third", NameAnswer{{kOne}, "third"}, now + 10s);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find(now, "short"), nullptr);
  EXPECT_EQ(**cache.find(now, "long"), (NameAnswer{{kTwo}, "long"}));
  cache.learn(now, "fourth", NameAnswer{{kOne}, "fourth"}, now + 60s);
  EXPECT_EQ(cache.find(now, "third"), nullptr);
  cache.learn(now, "long", NameAnswer{{kOne}, "long"}, now + 5s);
  cache.learn(now, "fifth", NameAnswer{{kOne}, "fifth"}, now + 60s);
  EXPECT_EQ(cache.find(now, "long"), nullptr) << "what was learned last counts";
  NameCache none{0};
  none.learn(now, "name", NameAnswer{{kOne}, "name"}, now + 50s);
  EXPECT_EQ(none.size(), 0U);
}

TEST(NameCache, RemembersAlsoThatThereIsNone) {
  covers({"RFC 2308 §5"});
  NameCache cache{4};
  const Instant now{100s};
  cache.learn(now, "none", fail(Error::NameNotFound), now + 5s);
  ASSERT_NE(cache.find(now, "none"), nullptr);
  EXPECT_EQ(cache.find(now, "none")->error(), Error::NameNotFound);
  ASSERT_NE(cache.expiry_of(now, "none"), nullptr);
  EXPECT_EQ(*cache.expiry_of(now, "none"), now + 5s);
  EXPECT_EQ(cache.expiry_of(now + 5s, "none"), nullptr);
  EXPECT_EQ(cache.expiry_of(now, "other"), nullptr);
}

TEST(NameCache, NoNameTakesMoreThanItsShare) {
  NameCache cache{1};
  const Instant now{100s};
  NameAnswer many{std::vector<IpAddress>(4'000, kOne), "many"};
  many.addresses[NameCache::kAddressesMax] = kTwo;
  cache.learn(now, "many", many, now + 5s);
  EXPECT_EQ((*cache.find(now, "many"))->addresses,
            std::vector<IpAddress>(NameCache::kAddressesMax, kOne));
}

/// Of a server, made by hand.
struct Message {
  std::vector<std::byte> bytes;

  Message& number(std::uint64_t value, unsigned octets) {
    for (unsigned i = octets; i > 0; --i) {
      bytes.push_back(static_cast<std::byte>(value >> (8 * (i - 1)) & 0xffU));
    }
    return *this;
  }
  Message& name(std::initializer_list<std::string_view> labels) {
    for (const std::string_view label : labels) {
      number(label.size(), 1);
      for (const char letter : label) {
        number(static_cast<unsigned char>(letter), 1);
      }
    }
    return number(0, 1);
  }
  Message& header(std::uint32_t flags, std::uint32_t answers, std::uint32_t authorities) {
    return number(0x1234, 2)
        .number(flags, 2)
        .number(1, 2)
        .number(answers, 2)
        .number(authorities, 2)
        .number(0, 2);
  }
  Message& question(std::uint32_t type = 1) {
    return name({"WWW", "example", "net"}).number(type, 2).number(1, 2);
  }
  Message& soa(std::uint32_t lifetime, std::uint32_t minimum) {
    number(0xc010, 2).number(6, 2).number(1, 2).number(lifetime, 4).number(24, 2);
    return number(0xc010, 2)
        .number(0xc010, 2)
        .number(7, 4)
        .number(7, 4)
        .number(7, 4)
        .number(7, 4)
        .number(minimum, 4);
  }
  Message& alias(std::uint32_t lifetime) {
    return number(0xc00c, 2)
        .number(5, 2)
        .number(1, 2)
        .number(lifetime, 4)
        .number(2, 2)
        .number(0xc010, 2);
  }
  Message& address() {
    return number(0xc00c, 2).number(1, 2).number(1, 2).number(60, 4).number(4, 2).number(1, 4);
  }
};

TEST(NameDenial, SaysWhetherTheNameExistsAndForHowLongThatHolds) {
  covers({"RFC 2308 §2.1", "RFC 2308 §2.2", "RFC 2308 §5"});
  constexpr std::uint32_t kAnswer = 0x8180;
  constexpr std::uint32_t kNoSuchName = 0x8183;
  struct Case {
    const char* title;
    Message message;
    std::optional<NameDenial> wanted;
  };
  const auto none = [](Error error, std::chrono::seconds lifetime) {
    return NameDenial{.name = "www.example.net.", .error = error, .lifetime = lifetime};
  };
  const Case cases[] = {
      {"no such name", Message{}.header(kNoSuchName, 0, 1).question().soa(30, 20),
       none(Error::NameNotFound, 20s)},
      {"the record itself holds shorter",
       Message{}.header(kNoSuchName, 0, 1).question().soa(10, 20), none(Error::NameNotFound, 10s)},
      {"no address", Message{}.header(kAnswer, 0, 1).question().soa(30, 20),
       none(Error::NameHasNoAddress, 20s)},
      {"an alias of nothing", Message{}.header(kNoSuchName, 1, 1).question().alias(5).soa(30, 20),
       none(Error::NameNotFound, 5s)},
      {"behind another record", Message{}.header(kAnswer, 0, 2).question().alias(9).soa(30, 20),
       none(Error::NameHasNoAddress, 20s)},
      {"without a time", Message{}.header(kNoSuchName, 0, 0).question(), {}},
      {"a time that counts as none",
       Message{}.header(kNoSuchName, 0, 1).question().soa(1U << 31U, 1U << 31U),
       {}},
      {"an address", Message{}.header(kAnswer, 1, 1).question().address().soa(30, 20), {}},
      {"a cut answer", Message{}.header(0x8383, 0, 1).question().soa(30, 20), {}},
      {"a question", Message{}.header(0x0103, 0, 1).question().soa(30, 20), {}},
      {"trouble", Message{}.header(0x8182, 0, 1).question().soa(30, 20), {}},
      {"not of an address", Message{}.header(kNoSuchName, 0, 1).question(28).soa(30, 20), {}},
      {"more records said than there are",
       Message{}.header(kNoSuchName, 1, 1).question().soa(3, 2),
       {}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(read_denial(each.message.bytes), each.wanted) << each.title;
  }
}

TEST(NameDenial, WhatIsMissingOrGarbageIsNoDenial) {
  const auto whole = Message{}.header(0x8183, 1, 1).question().alias(5).soa(30, 20).bytes;
  ASSERT_TRUE(read_denial(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_denial(std::span{whole}.first(size))) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned value : {0x00U, 0x3fU, 0xc0U, 0xffU}) {
      auto bent = whole;
      bent[at] = static_cast<std::byte>(value);
      static_cast<void>(read_denial(bent));  // It comes to an end, in its bounds.
    }
  }
}

}  // namespace
}  // namespace millrace::socket
