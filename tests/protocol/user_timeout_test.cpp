// The user timeout and the option that speaks of it: RFC 5482, RFC 9293 §3.8.3.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kMinutes = wire::UserTimeoutOption::kMinutes;

class UserTimeout : public NumbersTest {
 protected:
  /// Sends 1000 bytes that nobody acknowledges, and tells after which time that ends.
  static Duration time_to_the_end(TcpScript& t, std::uint32_t seq = 1) {
    const Duration start = t.now();
    t.app_sends(1'000).expect(data(seq, 1'000));
    while (t.connection().state() == TcpState::Established && t.now() < start + 24h) {
      t.at(*t.deadline());
      static_cast<void>(t.take_output());
    }
    return t.now() - start;
  }
};
INSTANTIATE_TEST_SUITE_P(From, UserTimeout, testing::ValuesIn(kEveryStart), name_of);

TEST_P(UserTimeout, IsNotSpokenOfUnlessAsked) {
  covers({"RFC 5482 §3.1"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).peer_sends(ack(11)).expect_nothing();
}

TEST_P(UserTimeout, IsTakenUpOnlyAfterTheApplicationAdvertises) {
  covers({"RFC 5482 §3.1"});
  TcpScript t{established()};
  t.peer_sends(ack(1).with_user_timeout(600)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 100s);
}

TEST_P(UserTimeout, GoesWithTheSynAndOnceMoreBehindIt) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{closed()};
  t.open_active(180s);
  EXPECT_EQ(t.take_output().size(), 1U);
  t.app_advertises_user_timeout(300s).at(1s).expect(syn().with_user_timeout(300));
  t.at(1'100ms).peer_sends(syn_ack()).expect(ack(1).with_user_timeout(300));
  t.app_sends(10).expect(data(1, 10)).peer_sends(ack(11)).expect_nothing();
}

TEST_P(UserTimeout, GoesWithTheNextSegmentOfAConnectionThatIsUp) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(300s).expect(ack(1).with_user_timeout(300));
  t.expect_silence_for_ever();
}

TEST_P(UserTimeout, GoesAgainWhenItChanges) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(300s).expect(ack(1).with_user_timeout(300));
  t.at(1s).app_advertises_user_timeout(400s).expect(ack(1).with_user_timeout(400));
}

TEST_P(UserTimeout, NeverMakesASegmentLongerThanThePathAllows) {
  covers({"MUST-16", "RFC 5482 §3.2"});
  TcpScript t{established()};
  static_cast<void>(t.app_tries_to_send(2'000));
  t.app_advertises_user_timeout(300s);
  t.expect(data(1, 1'000), data(1'001, 1'000), ack(1).with_user_timeout(300));
}

TEST_P(UserTimeout, GoesWithASegmentThatHasRoom) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{established()};
  static_cast<void>(t.app_tries_to_send(996));
  t.app_advertises_user_timeout(300s).expect(data(1, 996).with_user_timeout(300));
}

TEST_P(UserTimeout, IsSaidAgainIfItsFrameCouldNotBeBuilt) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{established()};
  t.connection().advertise_user_timeout(t.resources(), 300s);
  const auto plan = t.connection().next_segment(t.resources(), t.clock());
  ASSERT_TRUE(plan && plan->options.user_timeout);
  t.connection().on_segment_not_sent(*plan);
  t.drain();
  t.expect(ack(1).with_user_timeout(300));
}

TEST_P(UserTimeout, IsSaidInMinutesWhereSecondsDoNotSuffice) {
  covers({"RFC 5482 §2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(32'767s).expect(ack(1).with_user_timeout(32'767));
  t.app_advertises_user_timeout(32'768s).expect(ack(1).with_user_timeout(kMinutes | 547));
  t.app_advertises_user_timeout(500ms).expect(ack(1).with_user_timeout(1));
}

TEST_P(UserTimeout, IsOurOwnWhatIsAdvertised) {
  covers({"RFC 5482 §3.1"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(300s).expect(ack(1).with_user_timeout(300));
  EXPECT_EQ(time_to_the_end(t), 300s);
}

TEST_P(UserTimeout, PeersLongerWishIsGranted) {
  covers({"RFC 5482 §3.1"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(200s).expect(ack(1).with_user_timeout(200));
  t.peer_sends(ack(1).with_user_timeout(500)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 500s);
}

TEST_P(UserTimeout, PeersShorterWishIsNot) {
  covers({"RFC 5482 §3.1"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(400s).expect(ack(1).with_user_timeout(400));
  t.peer_sends(ack(1).with_user_timeout(150)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 400s);
}

TEST_P(UserTimeout, PeerMayUnderstandMinutes) {
  covers({"RFC 5482 §2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(200s).expect(ack(1).with_user_timeout(200));
  t.peer_sends(ack(1).with_user_timeout(kMinutes | 10)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 600s);
}

TEST_P(UserTimeout, HasAnUpperLimit) {
  covers({"RFC 5482 §3.1", "RFC 5482 §3.2"});
  auto start = established();
  start.config.user_timeout_max = 250s;
  TcpScript t{start};
  t.app_advertises_user_timeout(200s).expect(ack(1).with_user_timeout(200));
  t.peer_sends(ack(1).with_user_timeout(kMinutes | 0x7fff)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 250s);
}

TEST_P(UserTimeout, HasALowerLimit) {
  covers({"SHLD-11", "RFC 5482 §3.1", "RFC 5482 §3.2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(1s).expect(ack(1).with_user_timeout(1));
  t.peer_sends(ack(1).with_user_timeout(2)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 100s);
}

TEST_P(UserTimeout, ZeroSaysNothing) {
  covers({"RFC 5482 §2"});
  TcpScript t{established()};
  t.app_advertises_user_timeout(200s).expect(ack(1).with_user_timeout(200));
  t.peer_sends(ack(1).with_user_timeout(500)).expect_nothing();
  t.peer_sends(ack(1).with_user_timeout(0), ack(1).with_user_timeout(kMinutes)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 500s);
}

TEST_P(UserTimeout, ExplicitChoiceOfTheApplicationStands) {
  covers({"MUST-21", "RFC 5482 §3.1"});
  TcpScript t{established()};
  t.connection().set_user_timeout(30s);
  t.app_advertises_user_timeout(200s).expect(ack(1).with_user_timeout(200));
  t.peer_sends(ack(1).with_user_timeout(500)).expect_nothing();
  EXPECT_EQ(time_to_the_end(t), 30s);
}

TEST_P(UserTimeout, PeersWishInItsSynIsHeard) {
  covers({"RFC 5482 §3.2"});
  TcpScript t{closed()};
  t.open_active(180s);
  EXPECT_EQ(t.take_output().size(), 1U);
  t.app_advertises_user_timeout(200s).at(100ms);
  t.peer_sends(syn_ack().with_user_timeout(700)).expect(ack(1).with_user_timeout(200));
  EXPECT_EQ(time_to_the_end(t), 700s);
}

TEST_P(UserTimeout, RunsFromTheLastProgress) {
  covers({"MUST-20", "RFC 9293 §3.8.3"});
  TcpScript t{established()};
  t.connection().set_user_timeout(10s);
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(200ms).peer_sends(ack(1'001)).expect_nothing();
  while (*t.deadline() < 10'200ms) {
    t.at(*t.deadline()).expect(data(1'001, 1'000));
  }
  t.at(10'200ms).expect(rst_ack(2'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(UserTimeout, DoesNotRunWhileNothingWaits) {
  covers({"RFC 9293 §3.8.3"});
  TcpScript t{established()};
  t.connection().set_user_timeout(1s);
  t.at(1h).app_sends(1'000).expect(data(1, 1'000)).peer_sends(ack(1'001)).expect_nothing();
  t.expect_silence_for_ever().expect_state(TcpState::Established);
}

}  // namespace

}  // namespace millrace::test
