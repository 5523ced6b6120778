// DCTCP on the wire: who asks for marks, and what is said of them. RFC 8257.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class DctcpScript : public NumbersTest {
 protected:
  [[nodiscard]] static Start with_dctcp(Start start) {
    start.config.congestion_control = CongestionKind::Dctcp;
    return start;
  }
};
INSTANTIATE_TEST_SUITE_P(From, DctcpScript, testing::ValuesIn(kEveryStart), name_of);

TEST_P(DctcpScript, AsksForMarksAndGrantsThemWhateverTheModeSays) {
  auto start = with_dctcp(closed());
  start.config.ecn = EcnMode::Off;
  TcpScript accepts{start};
  accepts.open_passive(syn().ece().cwr()).expect(syn_ack().ece());
  TcpScript opens{start};
  opens.open_active(180s).expect(syn().ece().cwr());
}

TEST_P(DctcpScript, AnAckSpeaksOfOctetsThatWereAllMarkedOrAllNot) {
  covers({"RFC 8257 §3.2"});
  TcpScript t{with_dctcp(established().ecn())};
  t.peer_sends(data(1, 100).ect()).expect_nothing();
  t.peer_sends(data(101, 100).ce()).expect(ack(101), ack(201).ece());
  t.peer_sends(data(201, 100).ce()).expect_nothing();
  t.peer_sends(data(301, 100).ect()).expect(ack(301).ece(), ack(401));
}

TEST_P(DctcpScript, AnAckOfAChangeThatFoundNoPacketIsStillOwed) {
  covers({"RFC 8257 §3.2"});
  TcpScript t{with_dctcp(established().ecn())};
  t.peer_sends(data(1, 100).ect()).expect_nothing();
  t.peer_sends(data(101, 100).ce());
  const auto sent = t.take_output();
  ASSERT_EQ(sent.size(), 2U);
  // Of the two that left the first did not leave after all.
  tcp::SegmentPlan plan;
  plan.seq = t.connection().send_sequence().snd_nxt;
  plan.ack = t.connection().receive_sequence().rcv_nxt - 100;
  plan.flags = wire::TcpFlags{wire::TcpFlags::kAck};
  t.connection().on_segment_not_sent(plan);
  t.drain();
  t.expect(ack(101), ack(201).ece());
}

TEST_P(DctcpScript, CwrEndsNoEcho) {
  covers({"RFC 8257 §3.2"});
  TcpScript t{with_dctcp(established().ecn())};
  t.peer_sends(data(1, 100).ce()).expect(ack(101).ece());
  t.peer_sends(data(101, 100).ce().cwr()).expect_nothing().after(40ms).expect(ack(201).ece());
}

TEST_P(DctcpScript, TheFirstEchoHalvesTheWindow) {
  covers({"RFC 8257 §3.3"});
  TcpScript t{with_dctcp(established().ecn().cwnd(10'000))};
  t.app_sends(10'000).ignore_output();
  t.peer_sends(ack(1'001).ece());
  EXPECT_EQ(t.ssthresh(), 5'000U) << "as if all were marked, while nothing is known";
  t.peer_sends(ack(10'001));
  EXPECT_EQ(t.cwnd(), 5'000U);
}

TEST_P(DctcpScript, ALossBehindAMarkIsMetAsEver) {
  covers({"RFC 8257 §3.5"});
  TcpScript t{with_dctcp(established().ecn().selective_acks().cwnd(10'000))};
  t.app_sends(10'000).ignore_output();
  t.at(100ms).peer_sends(ack(1'001).ece()).ignore_output();
  ASSERT_EQ(t.ssthresh(), 5'000U);
  t.peer_sends(ack(1'001).sacks({{2'001, 5'001}})).ignore_output();
  EXPECT_LT(t.ssthresh(), 5'000U);
}

}  // namespace

}  // namespace millrace::test
