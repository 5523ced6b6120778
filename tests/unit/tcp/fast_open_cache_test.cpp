// What a client remembers of Fast Open: RFC 7413 §4.1.3.
#include "tcp/fast_open_cache.hpp"

#include <array>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

IpAddress peer(unsigned number) {
  return IpAddress::v4(198, 18, static_cast<std::uint8_t>(number >> 8U),
                       static_cast<std::uint8_t>(number & 0xffU));
}

FastOpenPeer knows(unsigned octet) {
  FastOpenPeer made{.cookie = {}, .mss = 1'460};
  for (unsigned i = 0; i < 8; ++i) {
    EXPECT_TRUE(made.cookie.push_back(static_cast<std::byte>(octet)));
  }
  return made;
}

FastOpenCache cache(std::uint32_t capacity = 16) {
  return FastOpenCache{capacity, 60s, base::KeyedHash{std::array<std::byte, 16>{}}};
}

TEST(FastOpenCache, AnUnknownDestinationIsAskedForACookie) {
  test::covers({"RFC 7413 §4.1.3"});
  FastOpenCache some = cache();
  const FastOpenPeer* const found = some.find(peer(1), kStart);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->cookie.empty());
}

TEST(FastOpenCache, AsksOnceMoreWithTheKindOfTheDrafts) {  // as Linux does
  FastOpenCache some = cache();
  some.on_no_cookie(peer(1), kStart);
  EXPECT_TRUE(some.find(peer(1), kStart)->is_experimental);
  EXPECT_FALSE(some.find(peer(2), kStart)->is_experimental);
  some.on_no_cookie(peer(1), kStart);
  EXPECT_FALSE(some.find(peer(1), kStart)->is_experimental) << "neither is understood";
  some.on_no_cookie(peer(1), kStart);
  EXPECT_FALSE(some.find(peer(1), kStart)->is_experimental);
  some.learn(peer(2), knows(2), kStart);
  some.on_no_cookie(peer(2), kStart);
  EXPECT_FALSE(some.find(peer(2), kStart)->is_experimental) << "it has one";
  FastOpenCache none = cache(0);
  none.on_no_cookie(peer(1), kStart);
  EXPECT_EQ(none.find(peer(1), kStart), nullptr);
}

TEST(FastOpenCache, KeepsCookieAndMssOfEach) {
  test::covers({"RFC 7413 §4.1.3"});
  FastOpenCache some = cache();
  some.learn(peer(1), knows(1), kStart);
  some.learn(peer(2), knows(2), kStart);
  EXPECT_EQ(some.find(peer(1), kStart)->cookie, knows(1).cookie);
  EXPECT_EQ(some.find(peer(2), kStart)->cookie, knows(2).cookie);
  EXPECT_EQ(some.find(peer(2), kStart)->mss, 1'460);
  some.learn(peer(1), knows(3), kStart);
  EXPECT_EQ(some.find(peer(1), kStart)->cookie, knows(3).cookie);
}

TEST(FastOpenCache, IsBoundedAndForgetsWhatWasNotAskedFor) {
  test::covers({"RFC 7413 §4.1.3"});
  FastOpenCache small = cache(4);
  Instant now = kStart;
  for (unsigned i = 0; i < 4; ++i) {
    small.learn(peer(i), knows(i), now += 1s);
  }
  ASSERT_FALSE(small.find(peer(0), now += 1s)->cookie.empty());
  small.learn(peer(9), knows(9), now += 1s);
  EXPECT_FALSE(small.find(peer(9), now)->cookie.empty());
  EXPECT_FALSE(small.find(peer(0), now)->cookie.empty());
  EXPECT_TRUE(small.find(peer(1), now)->cookie.empty()) << "the one that waited longest";
}

TEST(FastOpenCache, AFailureIsFollowedByAPauseThatDoubles) {
  test::covers({"RFC 7413 §4.1.3.1"});
  FastOpenCache some = cache();
  some.learn(peer(1), knows(1), kStart);
  some.on_failure(peer(1), kStart);
  EXPECT_EQ(some.find(peer(1), kStart + 60s - 1ns), nullptr);
  ASSERT_NE(some.find(peer(1), kStart + 60s), nullptr);
  EXPECT_NE(some.find(peer(2), kStart), nullptr) << "others go on";
  some.on_failure(peer(1), kStart + 60s);
  EXPECT_EQ(some.find(peer(1), kStart + 180s - 1ns), nullptr);
  EXPECT_NE(some.find(peer(1), kStart + 180s), nullptr);
  some.on_success(peer(1));
  some.on_failure(peer(1), kStart + 200s);
  EXPECT_NE(some.find(peer(1), kStart + 260s), nullptr) << "the pause is short again";
}

TEST(FastOpenCache, ThreeFailuresInARowPauseAll) {
  test::covers({"RFC 7413 §7.1"});
  FastOpenCache some = cache();
  some.on_failure(peer(1), kStart);
  some.on_failure(peer(2), kStart);
  EXPECT_NE(some.find(peer(9), kStart), nullptr);
  some.on_failure(peer(3), kStart);
  EXPECT_EQ(some.find(peer(9), kStart + 60s - 1ns), nullptr);
  EXPECT_NE(some.find(peer(9), kStart + 60s), nullptr);
  some.on_failure(peer(4), kStart + 60s);
  EXPECT_EQ(some.find(peer(9), kStart + 180s - 1ns), nullptr) << "and for twice as long";
}

TEST(FastOpenCache, RefusalsPauseOnlyTheirDestination) {
  test::covers({"RFC 7413 §4.1.3.1"});
  FastOpenCache some = cache();
  for (unsigned i = 0; i < 10; ++i) {
    some.on_refusal(peer(i), kStart);
    EXPECT_EQ(some.find(peer(i), kStart + 60s - 1ns), nullptr);
    EXPECT_NE(some.find(peer(i), kStart + 60s), nullptr);
  }
  EXPECT_NE(some.find(peer(99), kStart), nullptr) << "closed ports say nothing of the network";
}

TEST(FastOpenCache, PausesOfAllDoubleAndNoMore) {
  test::covers({"RFC 7413 §7.1"});
  FastOpenCache some = cache();
  some.on_failure(peer(1), kStart);
  some.on_failure(peer(2), kStart);
  Instant now = kStart;
  for (Duration pause = 60s; pause <= 240s; pause *= 2) {
    some.on_failure(peer(3), now);
    EXPECT_EQ(some.find(peer(9), now + pause - 1ns), nullptr);
    EXPECT_NE(some.find(peer(9), now + pause), nullptr);
    now += pause;
  }
}

TEST(FastOpenCache, NoPauseIsLongerThanSixtyFourTimesTheFirst) {
  test::covers({"RFC 7413 §4.1.3.1"});
  FastOpenCache some = cache();
  for (unsigned i = 0; i < 40; ++i) {
    some.on_failure(peer(1), kStart);
    some.on_success(peer(2));
  }
  EXPECT_EQ(some.find(peer(1), kStart + 64 * 60s - 1ns), nullptr);
  EXPECT_NE(some.find(peer(1), kStart + 64 * 60s), nullptr);
}

TEST(FastOpenCache, SuccessBetweenKeepsTheOthersGoing) {
  test::covers({"RFC 7413 §7.1"});
  FastOpenCache some = cache();
  for (unsigned i = 0; i < 10; ++i) {
    some.on_failure(peer(i), kStart);
    some.on_success(peer(100));
  }
  EXPECT_NE(some.find(peer(99), kStart), nullptr);
}

TEST(FastOpenCache, WithoutRoomNothingIsTried) {
  FastOpenCache none = cache(0);
  none.learn(peer(1), knows(1), kStart);
  none.on_failure(peer(1), kStart);
  none.on_refusal(peer(1), kStart);
  none.on_success(peer(1));
  EXPECT_EQ(none.find(peer(1), kStart), nullptr);
}

}  // namespace

}  // namespace millrace::tcp
