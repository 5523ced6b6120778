// PSH: RFC 9293 §3.9.1.2, where Linux sets it.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Push : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Push, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Push, LastSegmentOfAWriteIsPushedAndNoOther) {
  covers({"MUST-61", "RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(3'500).expect(data(1, 1'000).unpushed(), data(1'001, 1'000).unpushed(),
                            data(2'001, 1'000).unpushed(), data(3'001, 500).pushed());
}

TEST_P(Push, LastSegmentIsPushedWhenItIsFull) {
  covers({"MUST-61", "RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000).unpushed(), data(1'001, 1'000).pushed());
}

TEST_P(Push, HalfAWindowIsPushed) {
  covers({"RFC 9293 §3.9.1.2"});
  TcpScript t{established().peer_window(6'000)};
  t.app_sends(12'000).expect(data(1, 1'000).unpushed(), data(1'001, 1'000).unpushed(),
                             data(2'001, 1'000).unpushed(), data(3'001, 1'000).pushed(),
                             data(4'001, 1'000).unpushed(), data(5'001, 1'000).unpushed());
  t.peer_sends(ack(6'001))
      .expect(data(6'001, 1'000).unpushed(), data(7'001, 1'000).pushed(),
              data(8'001, 1'000).unpushed(), data(9'001, 1'000).unpushed(),
              data(10'001, 1'000).unpushed(), data(11'001, 1'000).pushed());
}

TEST_P(Push, SeveralWritesShareOnePush) {
  covers({"SHLD-27", "RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10).pushed());
  t.app_sends(20).expect_nothing().app_sends(30).expect_nothing();
  t.peer_sends(ack(11)).expect(data(11, 50).pushed());
}

TEST_P(Push, WritesThatWaitAreCutIntoFullSegments) {
  covers({"SHLD-27", "SHLD-28", "RFC 9293 §3.9.1.2"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(1'000).expect(data(1, 1'000).pushed());
  for (unsigned i = 0; i < 5; ++i) {
    t.app_sends(500).expect_nothing();
  }
  t.peer_sends(ack(1'001).with_window(60'000));
  t.expect(data(1'001, 1'000).unpushed(), data(2'001, 1'000).unpushed(), data(3'001, 500).pushed());
}

TEST_P(Push, NothingIsKeptForEver) {
  covers({"MUST-60", "RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10).pushed()).app_sends(1).expect_nothing();
  t.at(200ms).expect(data(11, 1).pushed());
}

TEST_P(Push, RepeatedSegmentIsPushedOnlyIfItIsTheLast) {
  covers({"MUST-61", "RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000).unpushed(), data(1'001, 1'000).pushed());
  t.at(300ms).expect(data(1, 1'000).unpushed());
  t.at(400ms).peer_sends(ack(1'001)).expect(data(1'001, 1'000).pushed());
}

TEST_P(Push, LastDataIsPushedWithTheFin) {
  covers({"MUST-61", "RFC 9293 §3.9.1.2"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(1'500).expect(data(1, 1'000)).app_closes().expect_nothing();
  t.peer_sends(ack(1'001)).expect(fin(1'001, 500).pushed());
}

TEST_P(Push, AcksAndFinsAreNotPushed) {
  covers({"RFC 9293 §3.9.1.2"});
  TcpScript t{established()};
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001).unpushed());
  t.app_reads(2'000).app_closes().expect(fin(1).unpushed());
}

TEST_P(Push, PeersPushChangesNothing) {
  covers({"MAY-17", "RFC 9293 §3.9.1.3"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_flags(tcp::TcpFlags::kAck | tcp::TcpFlags::kPsh));
  t.expect_nothing().app_reads(10).at(40ms).expect(ack(11));
}

}  // namespace

}  // namespace millrace::test
