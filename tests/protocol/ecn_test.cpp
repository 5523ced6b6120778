// Explicit congestion notification on the wire: RFC 3168 §6.1. That everything else goes without
// marks is looked at by every script of this suite.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class EcnScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start agreed() { return established().ecn(); }
  [[nodiscard]] static Start asking() {
    Start start = closed();
    start.config.ecn = EcnMode::On;
    return start;
  }
};
INSTANTIATE_TEST_SUITE_P(From, EcnScript, testing::ValuesIn(kEveryStart), name_of);

// The handshake.

TEST_P(EcnScript, IsGrantedToWhoAsksByDefault) {
  covers({"SHLD-8", "RFC 3168 §6.1.1"});
  TcpScript t{closed()};
  t.open_passive(syn().ece().cwr()).expect(syn_ack().ece());
  t.peer_sends(ack(1)).expect_nothing().app_sends(1'000).expect(data(1, 1'000).ect());
  EXPECT_EQ(t.stats().tcp_ecn_connections, 1U);
}

TEST_P(EcnScript, IsNotForcedOnWhoDoesNotAsk) {
  covers({"RFC 3168 §6.1.1"});
  for (const Seg& plain : {syn(), syn().ece(), syn().cwr()}) {
    TcpScript t{closed()};
    t.open_passive(plain).expect(syn_ack());
    t.peer_sends(ack(1)).expect_nothing().app_sends(1'000).expect(data(1, 1'000));
    EXPECT_EQ(t.stats().tcp_ecn_connections, 0U);
  }
}

TEST_P(EcnScript, IsNotGrantedWhereMarksAreRewritten) {
  TcpScript t{closed()};
  t.open_passive(syn().ece().cwr().ce()).expect(syn_ack());
  TcpScript too{closed()};
  too.open_passive(syn().ece().cwr().ect()).expect(syn_ack());
}

TEST_P(EcnScript, CanBeOff) {
  auto start = closed();
  start.config.ecn = EcnMode::Off;
  TcpScript t{start};
  t.open_passive(syn().ece().cwr()).expect(syn_ack());
  TcpScript opening{start};
  opening.open_active(180s).expect(syn());
}

TEST_P(EcnScript, AnOpenAsksOnlyWhenConfigured) {
  covers({"SHLD-8", "RFC 3168 §6.1.1"});
  TcpScript passive{closed()};
  passive.open_active(180s).expect(syn()).peer_sends(syn_ack().ece()).expect(ack(1));
  passive.app_sends(10).expect(data(1, 10));
  TcpScript t{asking()};
  t.open_active(180s).expect(syn().ece().cwr()).peer_sends(syn_ack().ece()).expect(ack(1));
  t.app_sends(10).expect(data(1, 10).ect());
}

TEST_P(EcnScript, AnAnswerWithoutOrReflectedMeansNo) {
  covers({"RFC 3168 §6.1.1"});
  for (const Seg& answer : {syn_ack(), syn_ack().ece().cwr(), syn_ack().cwr()}) {
    TcpScript t{asking()};
    t.open_active(180s).expect(syn().ece().cwr()).peer_sends(answer).expect(ack(1));
    t.app_sends(10).expect(data(1, 10)).peer_sends(data(1, 10).ce()).expect_nothing();
    t.after(40ms).expect(ack(11));
  }
}

TEST_P(EcnScript, ASynThatWasNotAnsweredIsRepeatedWithout) {
  covers({"RFC 3168 §6.1.1.1"});
  TcpScript t{asking()};
  t.open_active(180s).expect(syn().ece().cwr()).at(1s).expect(syn()).at(3s).expect(syn());
  t.peer_sends(syn_ack().ece()).expect(ack(1)).app_sends(10).expect(data(1, 10));
}

TEST_P(EcnScript, ASynAckIsRepeatedAsItWas) {
  TcpScript t{closed()};
  t.open_passive(syn().ece().cwr()).expect(syn_ack().ece()).at(1s).expect(syn_ack().ece());
  t.peer_sends(syn().ece().cwr()).expect(syn_ack().ece());
}

TEST_P(EcnScript, APeerThatRepeatsItsSynWithoutIsAnsweredWithout) {
  covers({"RFC 3168 §6.1.1.1"});
  TcpScript t{closed()};
  t.open_passive(syn().ece().cwr()).expect(syn_ack().ece()).peer_sends(syn()).expect(syn_ack());
  t.peer_sends(ack(1)).expect_nothing().app_sends(10).expect(data(1, 10));
}

TEST_P(EcnScript, ASimultaneousOpenMayAgree) {
  covers({"RFC 3168 §6.1.1"});
  TcpScript t{asking()};
  t.open_active(180s).expect(syn().ece().cwr());
  t.peer_sends(syn().ece().cwr()).expect(syn_ack().ece());
  t.peer_sends(syn_ack().ece()).expect(ack(1)).app_sends(10).expect(data(1, 10).ect());
  TcpScript one{closed()};
  one.open_active(180s).expect(syn()).peer_sends(syn().ece().cwr()).expect(syn_ack());
}

TEST_P(EcnScript, InASimultaneousOpenTheAnswerCounts) {
  covers({"RFC 3168 §6.1.1", "MUST-10"});
  // Its SYN asked, but ours has arrived without the flags: it will echo no marks.
  TcpScript t{asking()};
  t.open_active(180s).expect(syn().ece().cwr()).peer_sends(syn().ece().cwr());
  t.expect(syn_ack(1).ece()).peer_sends(syn_ack(1).from(0)).expect(ack(1));
  t.expect_state(TcpState::Established).app_sends(1'000).expect(data(1, 1'000));
}

TEST_P(EcnScript, ASynIsNeverRefusedForItsFlags) {
  covers({"RFC 3168 §6.1.1"});
  TcpScript t{closed()};
  t.open_passive(syn().with_flags(wire::TcpFlags::kSyn | wire::TcpFlags::kEce |
                                  wire::TcpFlags::kCwr | wire::TcpFlags::kPsh |
                                  wire::TcpFlags::kUrg));
  t.expect(syn_ack().ece());
}

// Which segments are marked as fit for marks.

TEST_P(EcnScript, NewDataAloneIsFitForMarks) {
  covers({"RFC 3168 §6.1.4", "RFC 3168 §6.1.5"});
  TcpScript t{agreed()};
  t.app_sends(2'000).expect(data(1, 1'000).ect(), data(1'001, 1'000).ect());
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001));
  t.at(300ms).expect(data(1, 1'000)).at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  t.peer_sends(ack(2'001)).app_sends(500).expect(data(2'001, 500).ect().cwr());
}

TEST_P(EcnScript, AFinIsFitForMarksOnlyWithData) {
  TcpScript t{agreed().cwnd(1'000)};
  t.app_sends(1'500).expect(data(1, 1'000).ect()).app_closes().expect_nothing();
  t.peer_sends(ack(1'001)).expect(fin(1'001, 500).ect());
  TcpScript alone{agreed()};
  alone.app_closes().expect(fin(1));
}

TEST_P(EcnScript, AProbeOfAClosedWindowIsNot) {
  covers({"RFC 3168 §6.1.6"});
  TcpScript t{agreed().peer_window(1'000)};
  t.app_sends(2'000).expect(data(1, 1'000).ect());
  t.peer_sends(ack(1'001).with_window(0)).expect_nothing();
  t.at(*t.deadline()).expect(data(1'001, 1));
}

TEST_P(EcnScript, AResetIsNot) {
  TcpScript t{agreed()};
  t.peer_sends(data(1, 10).ce()).expect(ack(11).ece()).app_aborts().expect(rst_ack(1, 11));
}

TEST_P(EcnScript, AProbeOfThePathIsNewData) {
  auto start = agreed().mss(1'460).cwnd(16 * 1'460);
  start.config.mtu_probing = MtuProbing::Always;
  TcpScript t{start};
  t.app_sends(40'000);
  const auto sent = t.take_output();
  ASSERT_EQ(sent.size(), 15U);
  EXPECT_EQ(sent[0].bytes, 1'242U);
  EXPECT_EQ(sent[0].mark, wire::Ecn::Capable0);
}

// The receiver.

TEST_P(EcnScript, AMarkIsEchoedAtOnceAndUntilCwr) {
  covers({"RFC 3168 §6.1.3"});
  TcpScript t{agreed()};
  t.peer_sends(data(1, 100).ect()).expect_nothing();
  t.peer_sends(data(101, 100).ce()).expect(ack(201).ece());
  t.peer_sends(data(201, 100).ect()).expect_nothing().after(40ms).expect(ack(301).ece());
  t.app_sends(10).expect(data(1, 10).ect().ece());
  t.peer_sends(data(301, 100).ect().cwr()).expect(ack(401));
  t.peer_sends(data(401, 100).ect()).expect_nothing().after(40ms).expect(ack(501));
  EXPECT_EQ(t.stats().tcp_ecn_marks_in, 1U);
}

TEST_P(EcnScript, AMarkedSegmentWithCwrIsEchoedAnew) {
  covers({"RFC 3168 §6.1.3"});
  TcpScript t{agreed()};
  t.peer_sends(data(1, 100).ce()).expect(ack(101).ece());
  t.peer_sends(data(101, 100).ce().cwr()).expect(ack(201).ece());
}

TEST_P(EcnScript, RetransmissionsOfOursEchoToo) {
  covers({"RFC 3168 §6.1.3"});
  TcpScript t{agreed()};
  t.app_sends(1'000)
      .expect(data(1, 1'000).ect())
      .peer_sends(data(1, 10).ce())
      .expect(ack(11).ece());
  t.at(300ms).expect(data(1, 1'000).ece());
}

TEST_P(EcnScript, AMarkOutsideOfTheWindowIsNotEchoed) {
  covers({"RFC 3168 §6.1.5"});
  TcpScript t{agreed()};
  t.peer_sends(data(0xffff'0000U, 100).ce()).expect(ack(1));
  t.peer_sends(data(1, 100).ect()).expect_nothing().after(40ms).expect(ack(101));
}

TEST_P(EcnScript, AMarkOnAPureAckIsNotEchoed) {
  covers({"RFC 3168 §6.1.4"});
  TcpScript t{agreed()};
  t.peer_sends(ack(1).ce()).expect_nothing();
  t.peer_sends(data(1, 100)).expect_nothing().after(40ms).expect(ack(101));
}

TEST_P(EcnScript, DuplicateAcksEchoAsWell) {
  covers({"RFC 3168 §6.1.3"});
  TcpScript t{agreed()};
  t.peer_sends(data(101, 100).ce()).expect(ack(1).ece()).peer_sends(data(201, 100).ect());
  t.expect(ack(1).ece());
}

TEST_P(EcnScript, MarksMeanNothingWithoutAgreement) {
  covers({"RFC 3168 §6.1.1"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100).ce()).expect_nothing().after(40ms).expect(ack(101));
  t.app_sends(5'000);
  static_cast<void>(t.take_output());
  const std::uint32_t cwnd = t.cwnd();
  t.peer_sends(ack(1'001).ece());
  EXPECT_GE(t.cwnd(), cwnd);
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 0U);
}

// The sender.

TEST_P(EcnScript, AnEchoHalvesTheWindowAndIsAnsweredByCwr) {
  covers({"SHLD-8", "RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(10'000);
  EXPECT_EQ(t.take_output().size(), 10U);
  t.at(100ms).peer_sends(ack(5'001).ece()).expect_nothing();
  EXPECT_EQ(t.ssthresh(), 5'000U);
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 1U);
  // The peer hears of it at once; what leaves then is half of what arrives.
  t.app_sends(2'000).expect(data(10'001, 1'000).ect().cwr());
  t.peer_sends(ack(6'001)).expect_nothing();
  t.peer_sends(ack(7'001)).expect(data(11'001, 1'000).ect());
  EXPECT_EQ(t.cwnd(), 5'000U);
}

TEST_P(EcnScript, NothingIsSentAgainBecauseOfAnEcho) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(3'000).expect(data(1, 1'000).ect(), data(1'001, 1'000).ect(),
                            data(2'001, 1'000).ect());
  t.at(100ms).peer_sends(ack(1'001).ece()).expect_nothing();
  EXPECT_EQ(t.stats().tcp_retransmitted_segments, 0U);
}

TEST_P(EcnScript, EchoesOfOneWindowCountOnce) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(10'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(1'001).ece(), ack(2'001).ece(), ack(3'001).ece(), ack(10'001).ece());
  EXPECT_EQ(t.cwnd(), 5'000U);
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 1U);
  t.app_sends(1'000).expect(data(10'001, 1'000).ect().cwr());
  t.at(200ms).peer_sends(ack(11'001).ece()).expect_nothing();
  EXPECT_EQ(t.cwnd(), 2'000U) << "the next window, of which little was used";
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 2U);
}

TEST_P(EcnScript, AnEchoOpensNoWindow) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(10'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(1'001).ece());
  const std::uint32_t cwnd = t.cwnd();
  t.peer_sends(ack(9'001).ece());
  EXPECT_LE(t.cwnd(), cwnd);
  t.peer_sends(ack(10'001));
  EXPECT_EQ(t.cwnd(), 5'000U);
  EXPECT_EQ(t.ssthresh(), 5'000U);
}

TEST_P(EcnScript, TheWindowIsNeverBelowTwoSegments) {
  TcpScript t{agreed().cwnd(2'000)};
  for (std::uint32_t seq = 1; seq < 4'000; seq += 1'000) {
    t.app_sends(1'000);
    static_cast<void>(t.take_output());
    t.after(10ms).peer_sends(ack(seq + 1'000).ece()).expect_nothing();
  }
  EXPECT_EQ(t.cwnd(), 2'000U);
}

TEST_P(EcnScript, AnOvertakenAckCountsForNothing) {
  TcpScript t{agreed()};
  t.app_sends(5'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(3'001), ack(1'001).ece());
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 0U);
}

TEST_P(EcnScript, LossAndMarkOfOneWindowCountOnce) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(10'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  const std::uint32_t ssthresh = t.ssthresh();
  t.peer_sends(ack(1'001).ece());
  static_cast<void>(t.take_output());
  EXPECT_EQ(t.ssthresh(), ssthresh);
  EXPECT_EQ(t.stats().tcp_ecn_reductions, 0U);
}

TEST_P(EcnScript, AFastRetransmitIsFollowedByCwrToo) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(5'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(1).times(3)).expect(data(1, 1'000));
  t.peer_sends(ack(5'001)).expect_nothing();
  t.app_sends(2'000).expect(data(5'001, 1'000).ect().cwr(), data(6'001, 1'000).ect());
}

TEST_P(EcnScript, ATimeoutIsFollowedByCwrToo) {
  covers({"RFC 3168 §6.1.2"});
  TcpScript t{agreed()};
  t.app_sends(1'000).expect(data(1, 1'000).ect()).at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(1'001)).expect_nothing();
  t.app_sends(1'000).expect(data(1'001, 1'000).ect().cwr());
}

TEST_P(EcnScript, CwrOfASegmentThatFoundNoPacketIsSaidWithTheNext) {
  TcpScript t{agreed()};
  t.app_sends(4'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(4'001).ece()).expect_nothing();
  static_cast<void>(t.app_tries_to_send(2'000));
  const auto plan = t.connection().next_segment(t.resources(), t.clock());
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->flags.cwr());
  t.connection().on_segment_not_sent(*plan);
  t.drain();
  t.expect(data(4'001, 1'000), data(5'001, 1'000).ect().cwr());
}

TEST_P(EcnScript, ServersSlowDownAsWell) {
  covers({"SHLD-8", "RFC 3168 §6.1.2"});
  TcpScript t{established_passively().ecn()};
  t.app_sends(10'000);
  static_cast<void>(t.take_output());
  t.at(100ms).peer_sends(ack(4'001).ece()).expect_nothing();
  EXPECT_EQ(t.ssthresh(), 5'000U);
  t.peer_sends(ack(10'001)).expect_nothing();
  EXPECT_EQ(t.cwnd(), 5'000U);
}

}  // namespace

}  // namespace millrace::test
