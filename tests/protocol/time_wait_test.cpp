// How TIME-WAIT answers: RFC 9293 §3.6.1 and §3.10.7.4, RFC 1337 §3.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"
#include "tcp/time_wait_table.hpp"

namespace millrace::test {

namespace {

using tcp::TimeWaitAnswer;
using wire::SeqNum;
using wire::TcpFlags;

class TimeWait : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, TimeWait, testing::ValuesIn(kEveryStart), name_of);

struct Case {
  const char* name;
  std::uint8_t flags;
  std::uint32_t seq;  ///< From the next expected one, RCV.NXT.
  std::uint32_t bytes;
  TimeWaitAnswer answer;
};

constexpr std::uint8_t kAck = TcpFlags::kAck;
constexpr std::uint8_t kSyn = TcpFlags::kSyn;
constexpr std::uint8_t kFin = TcpFlags::kFin;
constexpr std::uint8_t kRst = TcpFlags::kRst;
constexpr std::uint32_t kLast = 0xffff'ffff;  // One before RCV.NXT: where the FIN was.

constexpr Case kCases[] = {
    {"FIN repeated", kFin | kAck, kLast, 0, TimeWaitAnswer::AcknowledgeRestart},
    {"FIN repeated with its data", kFin | kAck, kLast - 100, 100,
     TimeWaitAnswer::AcknowledgeRestart},
    {"FIN of old numbers", kFin | kAck, kLast - 1, 0, TimeWaitAnswer::Acknowledge},
    {"FIN of the future", kFin | kAck, 0, 0, TimeWaitAnswer::Acknowledge},
    {"data and FIN behind FIN", kFin | kAck, kLast, 100, TimeWaitAnswer::Acknowledge},
    {"ACK", kAck, 0, 0, TimeWaitAnswer::Ignore},
    {"old ACK", kAck, kLast - 1'000, 0, TimeWaitAnswer::Acknowledge},
    {"keep-alive probe", kAck, kLast, 0, TimeWaitAnswer::Acknowledge},
    {"ACK of the future", kAck, 1, 0, TimeWaitAnswer::Acknowledge},
    {"old data", kAck, kLast - 100, 100, TimeWaitAnswer::Acknowledge},
    {"data behind FIN", kAck, 0, 100, TimeWaitAnswer::Acknowledge},
    {"reset, exact", kRst, 0, 0, TimeWaitAnswer::Ignore},
    {"reset with ACK", kRst | kAck, 0, 0, TimeWaitAnswer::Ignore},
    {"reset with everything", kRst | kAck | kSyn | kFin, 1, 0, TimeWaitAnswer::Ignore},
    {"new SYN", kSyn, 1, 0, TimeWaitAnswer::Reopen},
    {"new SYN far ahead", kSyn, 0x7fff'ffff, 0, TimeWaitAnswer::Reopen},
    {"SYN of old numbers", kSyn, kLast, 0, TimeWaitAnswer::Acknowledge},
    {"SYN far behind", kSyn, 0x8000'0001, 0, TimeWaitAnswer::Acknowledge},
    {"new SYN with FIN", kSyn | kFin, 1, 0, TimeWaitAnswer::Acknowledge},
    {"SYN,ACK", kSyn | kAck, 1, 0, TimeWaitAnswer::Acknowledge},
};

TEST_P(TimeWait,
       AnswersByTheTable) {  // RFC 9293 §3.10.7.4, TIME-WAIT; §3.6.1, MAY-2; RFC 1337 §3, fix F1
  covers({"RFC 9293 §3.10.7.4", "RFC 9293 §3.6.1", "MAY-2", "RFC 1337 §3"});
  tcp::TimeWaitEntry entry;
  entry.snd_nxt = SeqNum{GetParam().iss};
  entry.rcv_nxt = SeqNum{GetParam().irs};
  for (const Case& row : kCases) {
    tcp::Segment segment;
    segment.flags = TcpFlags{row.flags};
    segment.seq = entry.rcv_nxt + row.seq;
    segment.payload_bytes = row.bytes;
    EXPECT_EQ(judge(entry, segment), row.answer) << row.name;
  }
}

TEST_P(TimeWait, LastAckIsSentByTheConnectionItself) {  // RFC 9293 §3.10.7.4, step 8
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.app_sends(100).expect(data(1, 100)).app_closes().expect(fin(101));
  t.peer_sends(fin(1, 0).acks(102))
      .expect(ack(2))
      .expect_state(TcpState::TimeWait)
      .expect_silence_for_ever();
  EXPECT_EQ(t.connection().send_sequence().snd_nxt, SeqNum{GetParam().iss} + 102);
  EXPECT_EQ(t.connection().receive_sequence().rcv_nxt, SeqNum{GetParam().irs} + 2);
}

TEST_P(TimeWait, KeepsWhatIsUnread) {  // RFC 9293 §3.10.3, RECEIVE in the closing states
  covers({"RFC 9293 §3.10.3"});
  TcpScript t{established()};
  t.app_shuts_down()
      .expect(fin(1))
      .peer_sends(fin(1, 500).acks(2))
      .expect(ack(502))
      .expect_state(TcpState::TimeWait);
  t.expect_events(tcp::Events::kReadable).app_reads(500);
  t.expect_events(tcp::Events::kPeerFinished | tcp::Events::kClosed);
}

}  // namespace

}  // namespace millrace::test
