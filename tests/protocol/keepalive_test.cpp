// Keepalive: RFC 9293 §3.8.4, with Linux's reading of the user timeout beside it.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Keepalive : public NumbersTest {
 protected:
  static constexpr KeepaliveOptions kQuick{.idle = 10s, .interval = 3s, .count = 4};
};
INSTANTIATE_TEST_SUITE_P(From, Keepalive, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Keepalive, IsOffUnlessAskedFor) {
  covers({"MUST-24", "MUST-25", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.expect_silence_for_ever();
}

TEST_P(Keepalive, WaitsTwoHoursByDefault) {
  covers({"MUST-27", "MUST-28", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(KeepaliveOptions{}).expect_silence_until(2h - 1ns);
  t.at(2h).expect(ack(1).from(0)).peer_sends(ack(1)).expect_nothing();
  t.expect_silence_until(4h - 1ns).at(4h).expect(ack(1).from(0));
}

TEST_P(Keepalive, DefaultsEndASilentConnectionAfterNineProbes) {
  covers({"MUST-29", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(KeepaliveOptions{});
  for (unsigned i = 0; i < 9; ++i) {
    t.at(2h + i * 75s).expect(ack(1).from(0)).expect_state(TcpState::Established);
  }
  t.expect_silence_until(2h + 9 * 75s - 1ns).at(2h + 9 * 75s).expect(rst_ack(1, 1));
  t.expect_outcome(fail(Error::TimedOut)).expect_events(Events::kClosed).expect_silence_for_ever();
  EXPECT_EQ(t.stats().tcp_keepalive_probes, 9U);
}

TEST_P(Keepalive, ProbeStandsBeforeTheWindowAndCarriesNothing) {
  covers({"SHLD-12", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sends(500).expect(data(1, 500)).at(100ms).peer_sends(data(1, 20).acks(501));
  t.at(140ms).expect(ack(21)).app_reads(20).app_sets_keepalive(kQuick);
  t.at(10'140ms).expect(ack(21).from(500)).peer_sends(ack(501)).expect_nothing();
}

TEST_P(Keepalive, IdleTimeAndIntervalCanBeSet) {
  covers({"MUST-27", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick);
  for (const Duration time : {10s, 13s, 16s, 19s}) {
    t.expect_silence_until(time - 1ns).at(time).expect(ack(1).from(0));
  }
  t.at(22s).expect(rst_ack(1, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Keepalive, OneUnansweredProbeProvesNothing) {
  covers({"MUST-29", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(10s).expect(ack(1).from(0)).at(13s).expect(ack(1).from(0));
  t.at(14s).peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
  t.expect_silence_until(24s - 1ns).at(24s).expect(ack(1).from(0));
}

TEST_P(Keepalive, AnswersStartTheCountAnew) {
  covers({"MUST-29", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick);
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned probe = 0; probe < 3; ++probe) {
      t.at(*t.deadline()).expect(ack(1).from(0));
    }
    t.peer_sends(ack(1)).expect_nothing();
  }
  t.expect_state(TcpState::Established);
}

TEST_P(Keepalive, DataPutsItOff) {
  covers({"MUST-26", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(6s).peer_sends(data(1, 10)).at(6s + 40ms).expect(ack(11));
  t.app_reads(10).expect_silence_until(16s - 1ns).at(16s).expect(ack(11).from(0));
}

TEST_P(Keepalive, AcksPutItOff) {
  covers({"MUST-26", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(4s).peer_sends(ack(1)).expect_nothing();
  t.expect_silence_until(14s - 1ns).at(14s).expect(ack(1).from(0));
}

TEST_P(Keepalive, SegmentsOutsideOfTheWindowDoNot) {
  covers({"MUST-26", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(4s).peer_sends(data(4'000'000, 1)).expect(ack(1));
  t.expect_silence_until(10s - 1ns).at(10s).expect(ack(1).from(0));
}

TEST_P(Keepalive, NothingIsAskedWhileDataWaitsForItsAck) {
  covers({"MUST-26", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive({{.idle = 1s, .interval = 1s, .count = 2}});
  t.app_sends(100).expect(data(1, 100));
  for (const Duration time : {300ms, 900ms, 2'100ms, 4'500ms, 9'300ms, 18'900ms}) {
    t.at(time).expect(data(1, 100));
  }
  EXPECT_EQ(t.stats().tcp_keepalive_probes, 0U);
  t.at(19s).peer_sends(ack(101)).expect_nothing();
  t.expect_silence_until(20s - 1ns).at(20s).expect(ack(1).from(100));
}

TEST_P(Keepalive, NothingIsAskedWhileAClosedWindowIsProbed) {
  covers({"MUST-26", "MUST-37", "RFC 9293 §3.8.4"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(1'500).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  t.app_sets_keepalive({{.idle = 1s, .interval = 1s, .count = 2}});
  for (unsigned i = 0; i < 8; ++i) {
    t.at(*t.deadline());
    for (const Seg& seg : t.take_output()) {
      EXPECT_EQ(seg.bytes, 1U);
      t.peer_sends(ack(1'001));
    }
  }
  EXPECT_EQ(t.stats().tcp_keepalive_probes, 0U);
  t.expect_state(TcpState::Established);
}

TEST_P(Keepalive, CanBeSwitchedOffAgain) {
  covers({"MUST-24", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(10s).expect(ack(1).from(0));
  t.app_sets_keepalive(std::nullopt).expect_silence_for_ever();
}

TEST_P(Keepalive, NewValuesStartAnew) {
  covers({"MAY-5", "MUST-24", "MUST-27", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(10s).expect(ack(1).from(0)).at(13s).expect(ack(1).from(0));
  t.at(14s).app_sets_keepalive({{.idle = 5s, .interval = 1s, .count = 2}});
  t.at(19s).expect(ack(1).from(0)).at(20s).expect(ack(1).from(0)).at(21s).expect(rst_ack(1, 1));
}

TEST_P(Keepalive, FractionsOfSecondsAreRoundedUp) {
  covers({"MUST-27", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive({{.idle = 1'001ms, .interval = 1ms, .count = 2}});
  t.expect_silence_until(2s - 1ns).at(2s).expect(ack(1).from(0)).at(3s).expect(ack(1).from(0));
}

TEST_P(Keepalive, CountsFromTheHandshakeIfSetBeforeIt) {
  covers({"MUST-24", "RFC 9293 §3.8.4"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).app_sets_keepalive({{.idle = 2s, .interval = 1s, .count = 2}});
  t.at(1s).expect(syn()).at(3s).expect(syn()).at(3'100ms).peer_sends(syn_ack()).expect(ack(1));
  t.expect_silence_until(5'100ms - 1ns).at(5'100ms).expect(ack(1).from(0));
}

TEST_P(Keepalive, AsksOnWhenThePeerHasFinished) {
  covers({"RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2)).app_sets_keepalive(kQuick);
  t.at(10s).expect(ack(2).from(0)).peer_sends(ack(1)).expect_nothing();
}

TEST_P(Keepalive, AsksOnInFinWait2) {
  covers({"RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_shuts_down().expect(fin(1)).at(100ms).peer_sends(ack(2)).app_sets_keepalive(kQuick);
  for (const Duration time : {10'100ms, 13'100ms, 16'100ms, 19'100ms}) {
    t.at(time).expect(ack(1).from(1));
  }
  t.at(22'100ms).expect(rst_ack(2, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Keepalive, EndsInTimeWait) {
  covers({"RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).app_closes().expect(fin(1));
  t.at(100ms).peer_sends(fin(1).acks(2)).expect(ack(2)).expect_state(TcpState::TimeWait);
  t.expect_silence_for_ever();
}

TEST_P(Keepalive, ThePeersProbeIsAnswered) {
  covers({"RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).at(40ms).expect(ack(101)).app_reads(100);
  t.at(10s).peer_sends(ack(1).from(100)).expect(ack(101).from(1));
}

TEST_P(Keepalive, ThePeersProbeWithAGarbageOctetIsAnswered) {
  covers({"MAY-6", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 100)).at(40ms).expect(ack(101)).app_reads(100);
  t.at(10s).peer_sends(data(100, 1).acks(1)).expect(ack(101).from(1));
  t.expect_drop(DropReason::TcpDuplicateData);
}

TEST_P(Keepalive, ChosenUserTimeoutCountsInsteadOfProbes) {  // Linux's TCP_USER_TIMEOUT
  covers({"MUST-21", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.connection().set_user_timeout(25s);
  t.app_sets_keepalive({{.idle = 10s, .interval = 3s, .count = 2}});
  for (const Duration time : {10s, 13s, 16s, 19s, 22s}) {
    t.at(time).expect(ack(1).from(0));
  }
  t.at(25s).expect(rst_ack(1, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(Keepalive, ShortUserTimeoutStillTakesTwoProbes) {
  covers({"MUST-29", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.connection().set_user_timeout(1s);
  t.app_sets_keepalive(kQuick);
  t.at(10s).expect(ack(1).from(0)).at(13s).expect(ack(1).from(0)).at(16s).expect(rst_ack(1, 1));
}

TEST_P(Keepalive, DefaultUserTimeoutDoesNotCutItShort) {
  covers({"MUST-28", "RFC 9293 §3.8.4"});
  auto start = established();
  start.config.user_timeout = 1s;
  TcpScript t{start};
  t.app_sets_keepalive(kQuick);
  for (const Duration time : {10s, 13s, 16s, 19s}) {
    t.at(time).expect(ack(1).from(0));
  }
  t.at(22s).expect(rst_ack(1, 1));
}

TEST_P(Keepalive, UserTimeoutOfNeverLeavesTheCount) {
  covers({"MUST-21", "RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.connection().set_user_timeout(0s);
  t.app_sets_keepalive({{.idle = 10s, .interval = 3s, .count = 2}});
  t.at(10s).expect(ack(1).from(0)).at(13s).expect(ack(1).from(0)).at(16s).expect(rst_ack(1, 1));
}

TEST_P(Keepalive, ResetAnswersAProbe) {
  covers({"RFC 9293 §3.8.4"});
  TcpScript t{established()};
  t.app_sets_keepalive(kQuick).at(10s).expect(ack(1).from(0)).peer_sends(rst(1));
  t.expect_outcome(fail(Error::ConnectionReset)).expect_silence_for_ever();
}

}  // namespace

}  // namespace millrace::test
