// Explicit congestion notification: who agreed, what is echoed, and what an echo asks for: RFC 3168
// §6.1.
#include "tcp/ecn.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

constexpr std::uint8_t kEce = TcpFlags::kEce;
constexpr std::uint8_t kCwr = TcpFlags::kCwr;
constexpr std::uint8_t kBoth = kEce | kCwr;

Segment segment(std::uint8_t flags, wire::Ecn mark = wire::Ecn::NotCapable) {
  Segment made;
  made.flags = TcpFlags{flags};
  made.ecn = mark;
  made.payload_bytes = 100;
  return made;
}
Segment syn(std::uint8_t ecn_flags, wire::Ecn mark = wire::Ecn::NotCapable) {
  return segment(static_cast<std::uint8_t>(TcpFlags::kSyn | ecn_flags), mark);
}
Segment syn_ack(std::uint8_t ecn_flags) {
  return segment(static_cast<std::uint8_t>(TcpFlags::kSyn | TcpFlags::kAck | ecn_flags));
}
TcpFlags ack(std::uint8_t ecn_flags) {
  return TcpFlags{static_cast<std::uint8_t>(TcpFlags::kAck | ecn_flags)};
}
/// Both ends agreed.
Ecn agreed() {
  Ecn ecn;
  static_cast<void>(ecn.syn_flags(EcnMode::On, false));
  ecn.on_syn_ack(syn_ack(kEce));
  return ecn;
}

/// With 500 octets before it that have not been acknowledged.
bool on_text(Ecn& ecn, const Segment& segment) { return ecn.on_text(segment, SeqNum{10'000}, 500); }

struct OpenCase {
  const char* name;
  EcnMode mode;
  std::uint8_t offered;   ///< By our SYN.
  std::uint8_t answered;  ///< By the peer's SYN,ACK.
  bool may_mark;
};

TEST(Ecn, AnOpenAsksOnlyWhenConfiguredAndNeedsTheRightAnswer) {
  covers({"RFC 3168 §6.1.1", "SHLD-8"});
  constexpr OpenCase kCases[] = {
      {"off", EcnMode::Off, 0, kEce, false},
      {"passive", EcnMode::Passive, 0, kEce, false},
      {"granted", EcnMode::On, kBoth, kEce, true},
      {"refused", EcnMode::On, kBoth, 0, false},
      {"reflected", EcnMode::On, kBoth, kBoth, false},
      {"CWR alone", EcnMode::On, kBoth, kCwr, false},
  };
  for (const OpenCase& each : kCases) {
    SCOPED_TRACE(each.name);
    Ecn ecn;
    EXPECT_EQ(ecn.syn_flags(each.mode, false), each.offered);
    EXPECT_FALSE(ecn.may_mark());
    ecn.on_syn_ack(syn_ack(each.answered));
    EXPECT_EQ(ecn.may_mark(), each.may_mark);
  }
}

struct AcceptCase {
  const char* name;
  EcnMode mode;
  std::uint8_t asked;
  wire::Ecn mark;
  std::uint8_t granted;
};

TEST(Ecn, ASynIsGrantedWhatItAsksForWhereTheWayIsClean) {
  covers({"RFC 3168 §6.1.1"});
  constexpr AcceptCase kCases[] = {
      {"off", EcnMode::Off, kBoth, wire::Ecn::NotCapable, 0},
      {"passive", EcnMode::Passive, kBoth, wire::Ecn::NotCapable, kEce},
      {"on", EcnMode::On, kBoth, wire::Ecn::NotCapable, kEce},
      {"not asked", EcnMode::On, 0, wire::Ecn::NotCapable, 0},
      {"ECE alone", EcnMode::On, kEce, wire::Ecn::NotCapable, 0},
      {"CWR alone", EcnMode::On, kCwr, wire::Ecn::NotCapable, 0},
      {"a marked SYN", EcnMode::On, kBoth, wire::Ecn::Congested, 0},
      {"a SYN with ECT", EcnMode::On, kBoth, wire::Ecn::Capable0, 0},
  };
  for (const AcceptCase& each : kCases) {
    SCOPED_TRACE(each.name);
    Ecn ecn;
    ecn.on_syn(syn(each.asked, each.mark), each.mode);
    EXPECT_EQ(ecn.syn_ack_flags(), each.granted);
    EXPECT_EQ(ecn.may_mark(), each.granted != 0);
    EXPECT_EQ(ecn.syn_ack_flags(), each.granted) << "sent again";
  }
}

TEST(Ecn, ASynThatWasSentAgainWithoutIsTheEndOfIt) {
  covers({"RFC 3168 §6.1.1.1"});
  Ecn ecn;
  EXPECT_EQ(ecn.syn_flags(EcnMode::On, false), kBoth);
  EXPECT_EQ(ecn.syn_flags(EcnMode::On, true), 0);
  ecn.on_syn_ack(syn_ack(kEce));
  EXPECT_FALSE(ecn.may_mark()) << "a plain SYN was sent";
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Congested)));
  EXPECT_EQ(ecn.ack_flags(), kEce) << "but the peer may believe in it";
}

TEST(Ecn, APeerThatFallsBackIsFollowed) {
  covers({"RFC 3168 §6.1.1.1"});
  Ecn ecn;
  ecn.on_syn(syn(kBoth), EcnMode::Passive);
  EXPECT_EQ(ecn.syn_ack_flags(), kEce);
  ecn.on_syn(syn(0), EcnMode::Passive);
  EXPECT_EQ(ecn.syn_ack_flags(), 0);
  ecn.on_syn(syn(kBoth), EcnMode::Passive);
  EXPECT_EQ(ecn.syn_ack_flags(), 0) << "an old SYN that was late";
  EXPECT_FALSE(ecn.may_mark());
}

TEST(Ecn, InASimultaneousOpenBothMustHaveAsked) {
  covers({"RFC 3168 §6.1.1"});
  Ecn both;
  EXPECT_EQ(both.syn_flags(EcnMode::On, false), kBoth);
  both.on_syn(syn(kBoth), EcnMode::On);
  EXPECT_EQ(both.syn_ack_flags(), kEce);
  EXPECT_TRUE(both.may_mark());
  Ecn one;
  EXPECT_EQ(one.syn_flags(EcnMode::Passive, false), 0);
  one.on_syn(syn(kBoth), EcnMode::Passive);
  EXPECT_EQ(one.syn_ack_flags(), 0) << "our SYN was plain";
  EXPECT_FALSE(one.may_mark());
}

TEST(Ecn, AMarkIsEchoedUntilTheSenderHasSlowedDown) {
  covers({"RFC 3168 §6.1.3"});
  Ecn ecn = agreed();
  EXPECT_FALSE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Capable0)));
  EXPECT_EQ(ecn.ack_flags(), 0);
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Congested))) << "at once";
  EXPECT_EQ(ecn.ack_flags(), kEce);
  EXPECT_FALSE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Congested))) << "no news";
  EXPECT_FALSE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Capable0)));
  EXPECT_EQ(ecn.ack_flags(), kEce) << "unmarked data ends nothing";
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck | kCwr, wire::Ecn::Capable0)));
  EXPECT_EQ(ecn.ack_flags(), 0);
}

TEST(Ecn, AMarkOnTheSegmentThatEndsTheEchoBeginsItAnew) {
  covers({"RFC 3168 §6.1.3"});
  Ecn ecn = agreed();
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Congested)));
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck | kCwr, wire::Ecn::Congested)));
  EXPECT_EQ(ecn.ack_flags(), kEce);
}

TEST(Ecn, WithoutAgreementNothingIsEchoedOrBelieved) {
  covers({"RFC 3168 §6.1.1"});
  Ecn ecn;
  static_cast<void>(ecn.syn_flags(EcnMode::Passive, false));
  ecn.on_syn_ack(syn_ack(0));
  EXPECT_FALSE(on_text(ecn, segment(TcpFlags::kAck | kCwr, wire::Ecn::Congested)));
  EXPECT_EQ(ecn.ack_flags(), 0);
  EXPECT_FALSE(ecn.on_ack(ack(kEce), SeqNum{5}));
  ecn.on_reduction(SeqNum{9});
  EXPECT_EQ(ecn.take_new_data_flags(), 0);
  EXPECT_EQ(ecn.new_data_mark(), wire::Ecn::NotCapable);
}

TEST(Ecn, AnEchoCountsOncePerWindow) {
  covers({"RFC 3168 §6.1.2"});
  for (const std::uint32_t base : {1'000U, 0xffff'ff00U, 0x7fff'ff00U}) {
    SCOPED_TRACE(base);
    const SeqNum start{base};
    Ecn ecn = agreed();
    EXPECT_FALSE(ecn.on_ack(ack(0), start));
    EXPECT_TRUE(ecn.on_ack(ack(kEce), start + 100));
    ecn.on_reduction(start + 1'000);
    EXPECT_FALSE(ecn.on_ack(ack(kEce), start + 200));
    EXPECT_FALSE(ecn.on_ack(ack(kEce), start + 1'000)) << "sent before the reduction";
    EXPECT_TRUE(ecn.on_ack(ack(kEce), start + 1'001));
  }
}

TEST(Ecn, CwrIsSaidOnceForEachReduction) {
  covers({"RFC 3168 §6.1.2"});
  Ecn ecn = agreed();
  EXPECT_EQ(ecn.take_new_data_flags(), 0);
  ecn.on_reduction(SeqNum{50});
  EXPECT_EQ(ecn.take_new_data_flags(), kCwr);
  EXPECT_EQ(ecn.take_new_data_flags(), 0);
  ecn.return_new_data_flags();
  EXPECT_EQ(ecn.take_new_data_flags(), kCwr) << "it did not leave";
}

TEST(Ecn, ASynIsNoEcho) {
  Ecn ecn = agreed();
  EXPECT_FALSE(ecn.is_echo(TcpFlags{TcpFlags::kSyn | TcpFlags::kAck | TcpFlags::kEce}));
  EXPECT_TRUE(ecn.is_echo(ack(kEce)));
}

/// Both ends agreed, and echo exactly.
Ecn exact() {
  Ecn ecn;
  ecn.set_exact(true);
  static_cast<void>(ecn.syn_flags(EcnMode::Off, false));
  ecn.on_syn_ack(syn_ack(kEce));
  return ecn;
}

TEST(Ecn, WhoEchoesExactlyAsksWhateverTheModeSays) {
  covers({"RFC 8257 §3.2"});
  Ecn opens;
  opens.set_exact(true);
  EXPECT_EQ(opens.syn_flags(EcnMode::Off, false), kBoth);
  Ecn again;
  again.set_exact(true);
  EXPECT_EQ(again.syn_flags(EcnMode::Off, true), 0) << "but not twice";
  Ecn accepts;
  accepts.set_exact(true);
  accepts.on_syn(syn(kBoth), EcnMode::Off);
  EXPECT_EQ(accepts.syn_ack_flags(), kEce);
  EXPECT_TRUE(accepts.may_mark());
}

TEST(Ecn, AnExactEchoSaysWhatWasTrueOfEachOctet) {
  covers({"RFC 8257 §3.2"});
  Ecn ecn = exact();
  const Segment plain = segment(TcpFlags::kAck, wire::Ecn::Capable0);
  const Segment marked = segment(TcpFlags::kAck, wire::Ecn::Congested);
  EXPECT_FALSE(ecn.on_text(plain, SeqNum{1'000}, 0));
  EXPECT_FALSE(ecn.take_owed_ack());
  // A mark behind 100 octets without: those are acknowledged first, as what they were.
  EXPECT_TRUE(ecn.on_text(marked, SeqNum{1'100}, 100));
  EXPECT_EQ(ecn.ack_flags(), kEce);
  const auto before = ecn.take_owed_ack();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->ack, SeqNum{1'100});
  EXPECT_EQ(before->flags, 0);
  EXPECT_FALSE(ecn.take_owed_ack()) << "once";
  EXPECT_FALSE(ecn.on_text(marked, SeqNum{1'200}, 100)) << "more of the same can wait";
  EXPECT_TRUE(ecn.on_text(plain, SeqNum{1'300}, 200));
  EXPECT_EQ(ecn.ack_flags(), 0);
  const auto behind = ecn.take_owed_ack();
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->ack, SeqNum{1'300});
  EXPECT_EQ(behind->flags, kEce);
}

TEST(Ecn, AnExactEchoOwesNothingWhereAllIsAcknowledged) {
  covers({"RFC 8257 §3.2"});
  Ecn ecn = exact();
  EXPECT_TRUE(ecn.on_text(segment(TcpFlags::kAck, wire::Ecn::Congested), SeqNum{1'000}, 0));
  EXPECT_FALSE(ecn.take_owed_ack());
  EXPECT_EQ(ecn.ack_flags(), kEce);
}

TEST(Ecn, OfTwoChangesBeforeAnAckCouldLeaveOneTells) {
  Ecn ecn = exact();
  const Segment plain = segment(TcpFlags::kAck, wire::Ecn::Capable0);
  const Segment marked = segment(TcpFlags::kAck, wire::Ecn::Congested);
  static_cast<void>(ecn.on_text(marked, SeqNum{1'000}, 50));
  static_cast<void>(ecn.on_text(plain, SeqNum{1'100}, 150));
  static_cast<void>(ecn.on_text(marked, SeqNum{1'200}, 250));
  const auto owed = ecn.take_owed_ack();
  ASSERT_TRUE(owed);
  EXPECT_EQ(owed->ack, SeqNum{1'200});
  EXPECT_EQ(owed->flags, kEce);
}

TEST(Ecn, AnExactEchoDoesNotListenToCwr) {
  covers({"RFC 8257 §3.2"});
  Ecn ecn = exact();
  EXPECT_TRUE(on_text(ecn, segment(TcpFlags::kAck, wire::Ecn::Congested)));
  EXPECT_FALSE(on_text(ecn, segment(TcpFlags::kAck | kCwr, wire::Ecn::Congested)));
  EXPECT_EQ(ecn.ack_flags(), kEce);
}

}  // namespace

}  // namespace millrace::tcp
