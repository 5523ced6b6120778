// Fast Open cookies of a server: RFC 7413 §4.1.2.
#include "tcp/fast_open_cookies.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1h};

FourTuple tuple(std::uint8_t client, std::uint16_t port = 4'000, std::uint8_t server = 1) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, server), .port = Port{80}},
          .remote = {.address = IpAddress::v4(198, 18, 0, client), .port = Port{port}}};
}

class FastOpenCookiesTest : public testing::Test {
 protected:
  base::Random random = base::Random::from_seed(1);
  FastOpenCookies cookies{{}, 10s, random, kStart};
};

TEST_F(FastOpenCookiesTest, BelongToAClientAndAServerNotToAPort) {
  test::covers({"RFC 7413 §4.1.2"});
  const FastOpenCookie cookie = cookies.make(tuple(2), kStart);
  EXPECT_EQ(cookie.size(), 8U);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart), FastOpenVerdict::Good);
  EXPECT_EQ(cookies.check(tuple(2, 5'000), cookie, kStart), FastOpenVerdict::Good);
  EXPECT_EQ(cookies.check(tuple(3), cookie, kStart), FastOpenVerdict::Wrong);
  EXPECT_EQ(cookies.check(tuple(2, 4'000, 9), cookie, kStart), FastOpenVerdict::Wrong);
}

TEST_F(FastOpenCookiesTest, AnyOtherBitIsWrong) {
  test::covers({"RFC 7413 §4.1.2"});
  const FastOpenCookie cookie = cookies.make(tuple(2), kStart);
  for (std::size_t i = 0; i < cookie.size(); ++i) {
    FastOpenCookie other = cookie;
    other[i] ^= std::byte{1};
    EXPECT_EQ(cookies.check(tuple(2), other, kStart), FastOpenVerdict::Wrong);
  }
  FastOpenCookie shorter = cookie;
  shorter.pop_back();
  EXPECT_EQ(cookies.check(tuple(2), shorter, kStart), FastOpenVerdict::Wrong);
  FastOpenCookie longer = cookie;
  ASSERT_TRUE(longer.push_back(std::byte{0}));
  EXPECT_EQ(cookies.check(tuple(2), longer, kStart), FastOpenVerdict::Wrong);
  EXPECT_EQ(cookies.check(tuple(2), {}, kStart), FastOpenVerdict::Wrong);
}

TEST_F(FastOpenCookiesTest, AListenersOwnKeyNeverAges) {
  const FastOpenCookies::Key own{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
  const FastOpenCookie cookie = cookies.make(tuple(2), kStart, own);
  EXPECT_NE(cookie, cookies.make(tuple(2), kStart));
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart + 1h, own), FastOpenVerdict::Good);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart), FastOpenVerdict::Wrong);
  EXPECT_EQ(cookies.check(tuple(3), cookie, kStart, own), FastOpenVerdict::Wrong);
}

TEST_F(FastOpenCookiesTest, TheKeyBeforeIsStillGoodOnce) {
  test::covers({"RFC 7413 §4.1.2"});
  const FastOpenCookie cookie = cookies.make(tuple(2), kStart);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart + 10s - 1ns), FastOpenVerdict::Good);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart + 10s), FastOpenVerdict::Outdated);
  const FastOpenCookie next = cookies.make(tuple(2), kStart + 10s);
  EXPECT_NE(next, cookie);
  EXPECT_EQ(cookies.check(tuple(2), next, kStart + 10s), FastOpenVerdict::Good);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart + 20s), FastOpenVerdict::Wrong);
  EXPECT_EQ(cookies.check(tuple(2), next, kStart + 20s), FastOpenVerdict::Outdated);
}

TEST_F(FastOpenCookiesTest, AGivenKeyMakesLinuxsCookiesForEver) {
  FastOpenCookies shared{FastOpenCookies::Key{{0x33, 0x22, 0x11, 0x00, 0x77, 0x66, 0x55, 0x44, 0xbb,
                                               0xaa, 0x99, 0x88, 0xff, 0xee, 0xdd, 0xcc}},
                         10s, random, kStart};
  const FourTuple addresses{
      .local = {.address = IpAddress::v4(192, 168, 0, 1), .port = Port{8'080}},
      .remote = {.address = IpAddress::v4(192, 0, 2, 1), .port = Port{40'000}}};
  FastOpenCookie wanted;
  for (const unsigned octet : {0x0bU, 0x3aU, 0xd0U, 0xecU, 0x99U, 0xa1U, 0x52U, 0x73U}) {
    ASSERT_TRUE(wanted.push_back(static_cast<std::byte>(octet)));
  }
  EXPECT_EQ(shared.make(addresses, kStart), wanted);
  EXPECT_EQ(shared.check(addresses, wanted, kStart + 1'000h), FastOpenVerdict::Good);
}

TEST_F(FastOpenCookiesTest, AfterALongSilenceNothingOldIsGood) {
  test::covers({"RFC 7413 §4.1.2"});
  const FastOpenCookie cookie = cookies.make(tuple(2), kStart);
  EXPECT_EQ(cookies.check(tuple(2), cookie, kStart + 20s), FastOpenVerdict::Wrong);
}

}  // namespace

}  // namespace millrace::tcp
