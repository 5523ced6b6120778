// SYN cookies: RFC 4987 §3.6; what survives in a timestamp, as Linux encodes it.
#include "tcp/syn_cookie.hpp"

#include <array>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kEcnSetup = TcpFlags::kEce | TcpFlags::kCwr;
// A period begins here.
constexpr Instant kStart{64s * 1'000};

SynCookies cookies(unsigned key = 1) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> bytes{};
  bytes[3] = static_cast<std::byte>(key);
  return SynCookies{base::KeyedHash{bytes}};
}

FourTuple tuple(std::uint16_t remote_port = 4'000) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 1), .port = Port{80}},
          .remote = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{remote_port}}};
}

Segment syn(std::uint32_t seq, std::optional<std::uint16_t> mss = 1'460) {
  Segment segment;
  segment.seq = SeqNum{seq};
  segment.flags = TcpFlags{TcpFlags::kSyn};
  segment.options.mss = mss;
  return segment;
}

/// The ACK of the SYN,ACK that a cookie was in.
Segment ack_of(const Segment& answered, SeqNum cookie) {
  Segment segment;
  segment.seq = answered.seq + 1;
  segment.ack = cookie + 1;
  segment.flags = TcpFlags{TcpFlags::kAck};
  return segment;
}

TEST(SynCookies, ComeBackWithTheMssRoundedDown) {
  test::covers({"RFC 4987 §3.6"});
  struct Case {
    std::optional<std::uint16_t> offered;
    std::uint16_t kept;
  };
  for (const Case each :
       {Case{std::nullopt, 536}, Case{0, 536}, Case{535, 536}, Case{536, 536}, Case{1'219, 536},
        Case{1'220, 1'220}, Case{1'439, 1'220}, Case{1'440, 1'440}, Case{1'459, 1'440},
        Case{1'460, 1'460}, Case{65'535, 1'460}}) {
    const Segment first = syn(77, each.offered);
    const SeqNum cookie = cookies().make(tuple(), first, kStart);
    EXPECT_EQ(cookies().check(tuple(), ack_of(first, cookie), kStart), each.kept)
        << each.offered.value_or(0);
  }
}

TEST(SynCookies, DoNotPassForASegmentThatFollowsTheFirst) {
  test::covers({"RFC 4987 §3.6"});
  // What was lost before it would be missing from the stream, and nobody would know.
  constexpr std::array<std::uint16_t, 4> kOffered{536, 1'220, 1'440, 1'460};
  for (const std::uint16_t mss : kOffered) {
    const Segment first = syn(77, mss);
    Segment later = ack_of(first, cookies().make(tuple(), first, kStart));
    for (unsigned i = 0; i < 2'000; ++i) {
      later.seq = later.seq + 1;
      ASSERT_FALSE(cookies().check(tuple(), later, kStart)) << i;
    }
  }
}

TEST(SynCookies, HoldAtEveryPlaceOfTheSequenceSpace) {
  base::Random random = base::Random::from_seed(1);
  for (unsigned i = 0; i < 2'000; ++i) {
    const Segment first = syn(random.next_u32());
    const Instant now = kStart + std::chrono::seconds{random.below(100'000)};
    const SeqNum cookie = cookies().make(tuple(), first, now);
    ASSERT_TRUE(cookies().check(tuple(), ack_of(first, cookie), now + 63s));
  }
}

TEST(SynCookies, LiveForTwoPeriodsAtMost) {
  test::covers({"RFC 4987 §3.6"});
  const Segment first = syn(77);
  const Segment answer = ack_of(first, cookies().make(tuple(), first, kStart));
  EXPECT_TRUE(cookies().check(tuple(), answer, kStart + 128s - 1ns));
  EXPECT_FALSE(cookies().check(tuple(), answer, kStart + 128s));
  EXPECT_FALSE(cookies().check(tuple(), answer, kStart - 1ns)) << "from the future";
  // The period's number has eight bits; what comes around is another period all the same.
  EXPECT_FALSE(cookies().check(tuple(), answer, kStart + 64s * 256));
  const Segment late = ack_of(first, cookies().make(tuple(), first, kStart + 64s - 1ns));
  EXPECT_TRUE(cookies().check(tuple(), late, kStart + 127s));
  EXPECT_FALSE(cookies().check(tuple(), late, kStart + 128s));
}

TEST(SynCookies, AreGoodForOneConnectionAlone) {
  test::covers({"RFC 4987 §3.6"});
  const Segment first = syn(77);
  const SeqNum cookie = cookies().make(tuple(), first, kStart);
  EXPECT_FALSE(cookies().check(tuple(4'001), ack_of(first, cookie), kStart));
  EXPECT_FALSE(cookies().check(tuple(), ack_of(syn(177), cookie), kStart));
  EXPECT_FALSE(cookies(2).check(tuple(), ack_of(first, cookie), kStart)) << "another secret";
  EXPECT_FALSE(cookies().check(tuple(), ack_of(first, cookie + 4), kStart));
  EXPECT_FALSE(cookies().check(tuple(), ack_of(first, cookie - 4), kStart));
}

TEST(SynCookies, CannotBeGuessed) {
  base::Random random = base::Random::from_seed(2);
  unsigned hits = 0;
  for (unsigned i = 0; i < 200'000; ++i) {
    Segment guess = ack_of(syn(random.next_u32()), SeqNum{random.next_u32()});
    hits += cookies().check(tuple(static_cast<std::uint16_t>(i)), guess, kStart) ? 1 : 0;
  }
  // Two of 256 periods, four of 2^24 numbers: far less than one hit in 200'000.
  EXPECT_EQ(hits, 0U);
}

Segment full_syn() {
  Segment segment = syn(77);
  segment.flags = TcpFlags{static_cast<std::uint8_t>(TcpFlags::kSyn | kEcnSetup)};
  segment.window = 1'000;
  segment.payload_bytes = 10;
  segment.options.window_scale = 7;
  segment.options.sack_permitted = true;
  segment.options.timestamps = wire::TcpTimestamps{.value = 5, .echo = 0};
  return segment;
}

TEST(SynCookieOptions, SurviveWithTimestampsOnly) {
  Segment expected = full_syn();
  const Segment kept = what_survives(full_syn(), true);
  EXPECT_EQ(kept.options, expected.options);
  EXPECT_EQ(kept.flags, expected.flags);
  EXPECT_EQ(kept.payload_bytes, 0U);
  EXPECT_EQ(kept.window, 1'000);
  expected.options.timestamps.reset();
  for (const Segment& poor : {what_survives(full_syn(), false), what_survives(expected, true)}) {
    wire::TcpOptions mss_only;
    mss_only.mss = 1'460;
    EXPECT_EQ(poor.options, mss_only);
    EXPECT_EQ(poor.flags, TcpFlags{TcpFlags::kSyn});
    EXPECT_EQ(poor.seq, SeqNum{77});
  }
}

struct OptionsCase {
  std::optional<std::uint8_t> scale;
  bool sack;
  bool ecn;
};

TEST(SynCookieOptions, ComeBackFromTheEcho) {
  test::covers({"RFC 7323 §3.2"});
  for (const OptionsCase each :
       {OptionsCase{std::nullopt, false, false}, OptionsCase{0, false, false},
        OptionsCase{14, true, true}, OptionsCase{7, true, false}, OptionsCase{7, false, true},
        OptionsCase{std::nullopt, true, true}}) {
    Segment first = full_syn();
    first.options.window_scale = each.scale;
    first.options.sack_permitted = each.sack;
    first.flags =
        TcpFlags{each.ecn ? static_cast<std::uint8_t>(TcpFlags::kSyn | kEcnSetup) : TcpFlags::kSyn};
    Segment answer = ack_of(first, SeqNum{1});
    answer.window = 321;
    answer.options.timestamps =
        wire::TcpTimestamps{.value = 99, .echo = hide_in_timestamp(123'456'789, first)};
    const Segment recalled = recall_syn(answer, 1'440, true);
    EXPECT_EQ(recalled.seq, first.seq);
    EXPECT_EQ(recalled.options.mss, 1'440);
    EXPECT_EQ(recalled.options.window_scale, each.scale);
    EXPECT_EQ(recalled.options.sack_permitted, each.sack);
    EXPECT_EQ(recalled.flags, first.flags);
    EXPECT_EQ(recalled.options.timestamps, answer.options.timestamps);
    EXPECT_EQ(recalled.window, 321);
  }
}

TEST(SynCookieOptions, AreForgottenWithoutTimestamps) {
  const Segment recalled = recall_syn(ack_of(syn(77), SeqNum{1}), 536, true);
  wire::TcpOptions mss_only;
  mss_only.mss = 536;
  EXPECT_EQ(recalled.options, mss_only);
  EXPECT_EQ(recalled.flags, TcpFlags{TcpFlags::kSyn});
}

TEST(SynCookieOptions, AreNotLookedForInTimestampsThatWeDidNotSend) {
  test::covers({"RFC 7323 §3.2"});
  Segment answer = ack_of(syn(77), SeqNum{1});
  answer.options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 0xffff'ffff};
  const Segment recalled = recall_syn(answer, 536, false);
  wire::TcpOptions mss_only;
  mss_only.mss = 536;
  EXPECT_EQ(recalled.options, mss_only);
  EXPECT_EQ(recalled.flags, TcpFlags{TcpFlags::kSyn});
}

TEST(SynCookieOptions, AnEchoThatNobodySentDoesNoHarm) {
  Segment answer = ack_of(syn(77), SeqNum{1});
  for (std::uint32_t echo = 0; echo < 128; ++echo) {
    answer.options.timestamps = wire::TcpTimestamps{.value = 1, .echo = echo};
    const Segment recalled = recall_syn(answer, 536, true);
    EXPECT_LE(recalled.options.window_scale.value_or(0), wire::kWindowScaleMax);
  }
}

TEST(SynCookieOptions, TheTimestampIsNeverAheadOfTheClock) {
  test::covers({"RFC 7323 §5.4"});
  for (std::uint32_t clock = 64; clock < 300; ++clock) {
    for (const std::uint8_t scale : std::initializer_list<std::uint8_t>{0, 7, 14}) {
      Segment first = full_syn();
      first.options.window_scale = scale;
      const std::uint32_t value = hide_in_timestamp(clock, first);
      ASSERT_LE(value, clock);
      ASSERT_LT(clock - value, 64U);
    }
  }
}

}  // namespace

}  // namespace millrace::tcp
