// Protection against wrapped sequence numbers: RFC 7323 §5.
#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"
#include "tcp/time_wait_table.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using std::chrono::hours;
using wire::TcpFlags;

class Paws : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Paws, testing::ValuesIn(kEveryStart), name_of);

constexpr TimestampStarts kStarts[] = {{},
                                       {.ours = 5, .peers = 0xffff'ffb0},
                                       {.ours = 5, .peers = 0x7fff'ff9b},
                                       {.ours = 0xffff'ff00, .peers = 0x8000'0000}};

TEST_P(Paws, OldDataIsAcknowledgedAndLetGo) {
  covers({"RFC 7323 §5.3"});
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{established().timestamps(starts)};
    t.peer_sends(data(1, 100).value(99)).expect(ack(1).stamped(100, 100));
    t.expect_drop(DropReason::TcpOldTimestamp).expect_silence_for_ever();
    t.peer_sends(data(1, 100).value(100)).expect_nothing().expect_drop(std::nullopt);
    t.app_reads(100).at(40ms).expect(ack(101));
  }
}

TEST_P(Paws, AgeIsJudgedOnTheCircle) {
  covers({"RFC 7323 §5.3"});
  struct Case {
    std::uint32_t value;
    bool is_old;
  };
  // The newest is 100 when the segment arrives.
  constexpr Case kCases[] = {{99, true},          {100, false},        {101, false},
                             {0, true},           {0xffff'fff0, true}, {0x8000'0063, false},
                             {0x8000'0065, true}, {100'000, false}};
  for (const Case& c : kCases) {
    for (const TimestampStarts& starts : kStarts) {
      TcpScript t{established().timestamps(starts)};
      t.peer_sends(data(1, 10).value(c.value));
      t.expect_drop(c.is_old ? std::optional{DropReason::TcpOldTimestamp} : std::nullopt);
      static_cast<void>(t.take_output());
      t.after(40ms);
      static_cast<void>(t.take_output());
    }
  }
}

TEST_P(Paws, OldSegmentAheadOfAHoleIsNotKept) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(101, 100).value(50)).expect(ack(1)).expect_drop(DropReason::TcpOldTimestamp);
  t.peer_sends(data(1, 100)).expect_nothing().at(40ms).expect(ack(101)).app_reads(100);
}

TEST_P(Paws, OldFinDoesNotClose) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(fin(1).value(50)).expect(ack(1)).expect_state(TcpState::Established);
  t.peer_sends(fin(1)).expect(ack(2)).expect_state(TcpState::CloseWait);
}

TEST_P(Paws, OldAckAcknowledgesNothing) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.app_sends(100).expect(data(1, 100));
  t.peer_sends(ack(101).value(50)).expect(ack(1)).expect_drop(DropReason::TcpOldTimestamp);
  EXPECT_EQ(t.connection().send_sequence().flight(), 100U);
  t.peer_sends(ack(101).with_window(7).value(50)).expect_nothing();
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 60'000U);
  t.peer_sends(ack(101)).expect_nothing();
}

TEST_P(Paws, TwoWhoDisagreeDoNotTalkForEver) {
  covers({"RFC 7323 §5.3"});  // Empty segments are answered twice a second at most.
  TcpScript t{established().timestamps()};
  t.peer_sends(ack(1).value(50)).expect(ack(1)).peer_sends(ack(1).value(50).times(5));
  t.expect_nothing().at(499ms).peer_sends(ack(1).value(50)).expect_nothing();
  t.at(500ms).peer_sends(ack(1).value(50)).expect(ack(1));
}

TEST_P(Paws, EachOldSegmentWithDataIsAnswered) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 10).value(50)).expect(ack(1)).peer_sends(data(1, 10).value(50));
  t.expect(ack(1)).peer_sends(fin(1).value(50)).expect(ack(1));
}

TEST_P(Paws, ResetIsExempt) {
  covers({"RFC 7323 §5.2"});
  for (const std::uint32_t value : {0U, 50U, 0x8000'0100U}) {
    TcpScript t{established().timestamps()};
    t.peer_sends(rst(1).value(value)).expect_nothing().expect_outcome(fail(Error::ConnectionReset));
  }
}

TEST_P(Paws, ResetNextToTheMarkIsStillChallenged) {
  covers({"RFC 7323 §5.2", "RFC 5961 §3.2"});
  TcpScript t{established().timestamps()};
  t.peer_sends(rst(2).value(50)).expect(ack(1).stamped(100, 100));
  t.expect_drop(DropReason::TcpBadReset).expect_state(TcpState::Established);
}

TEST_P(Paws, OldSynIsAnsweredLikeAnyOldSegment) {
  covers({"RFC 7323 §5.3", "RFC 5961 §4.2"});
  TcpScript t{established().timestamps()};
  t.peer_sends(syn().from(5).value(50)).expect(ack(1)).expect_drop(DropReason::TcpOldTimestamp);
}

TEST_P(Paws, OldSegmentIsNotEchoed) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 10).value(40)).expect(ack(1).echo(100));
  t.at(10ms).app_sends(10).expect(data(1, 10).echo(100));
}

TEST_P(Paws, SameTimestampIsNotOld) {
  covers({"RFC 7323 §5.3"});  // Many segments leave within a tick.
  TcpScript t{established().timestamps()};
  t.peer_sends(data(1, 1'000).value(110)).expect_nothing();
  t.peer_sends(data(1'001, 1'000).value(110)).expect(ack(2'001).echo(110)).app_reads(2'000);
}

TEST_P(Paws, ReorderedSegmentsOfOneFlightAreNotOld) {
  covers({"RFC 7323 §5.3"});  // Only what was echoed counts, not the newest that was seen.
  TcpScript t{established().timestamps()};
  t.peer_sends(data(201, 100).value(130)).expect(ack(1).echo(100));
  t.peer_sends(data(101, 100).value(120)).expect(ack(1).echo(100)).expect_drop(std::nullopt);
  t.peer_sends(data(1, 100).value(110)).expect(ack(301).echo(110)).app_reads(300);
}

TEST_P(Paws, AfterTwentyFourDaysNothingIsOld) {
  covers({"RFC 7323 §5.5"});
  for (const TimestampStarts& starts : kStarts) {
    TcpScript t{established().timestamps(starts)};
    t.at(hours{24 * 24} - 2s).peer_sends(data(1, 10).value(50)).expect(ack(1));
    t.expect_drop(DropReason::TcpOldTimestamp);
    t.at(hours{24 * 24} + 1s).peer_sends(data(1, 10).value(50)).expect_nothing();
    t.expect_drop(std::nullopt).app_reads(10).after(40ms).expect(ack(11).echo(50));
    // And that is what counts from now on.
    t.peer_sends(data(11, 10).value(49)).expect(ack(11)).expect_drop(DropReason::TcpOldTimestamp);
  }
}

TEST_P(Paws, EverySegmentThatIsEchoedStartsTheDaysAnew) {
  covers({"RFC 7323 §5.5"});
  TcpScript t{established().timestamps()};
  t.at(hours{24 * 20}).peer_sends(ack(1).value(100)).expect_nothing();
  t.at(hours{24 * 40}).peer_sends(data(1, 10).value(50)).expect(ack(1));
  t.expect_drop(DropReason::TcpOldTimestamp);
}

TEST_P(Paws, PeerWhoseSynSaidZeroIsNotOldWhateverItsClock) {
  covers({"RFC 7323 §5.3"});  // As Linux: some hosts begin with zero, and with their clock after.
  TcpScript t{closed().timestamps({.ours = 70'000, .peers = 0})};
  t.open_active(180s).expect(syn()).at(100ms).peer_sends(syn_ack().value(0)).expect(ack(1));
  t.peer_sends(data(1, 10).value(0xf000'0000)).expect_nothing().expect_drop(std::nullopt);
  t.app_reads(10).at(140ms).expect(ack(11).echo(0xf000'0000));
  t.peer_sends(data(11, 10).value(0xefff'ffff)).expect(ack(11));
  t.expect_drop(DropReason::TcpOldTimestamp);
}

TEST_P(Paws, HoldsInSynReceived) {
  covers({"RFC 7323 §5.3"});
  TcpScript t{closed().timestamps()};
  t.open_passive(syn().value(500)).expect(syn_ack().echo(500));
  t.peer_sends(ack(1).value(499)).expect(ack(1)).expect_state(TcpState::SynReceived);
  t.expect_drop(DropReason::TcpOldTimestamp);
  t.peer_sends(ack(1).value(501)).expect_nothing().expect_state(TcpState::Established);
}

TEST_P(Paws, HoldsWhileTheWindowIsClosed) {
  covers({"RFC 7323 §5.3", "MUST-66"});
  auto start = established().timestamps();
  start.config.receive_buffer_bytes = 16 * 1'024;
  TcpScript t{start};
  std::uint32_t seq = 1;
  while (t.connection().receive_sequence().rcv_wnd() > 0) {
    const std::uint32_t part = std::min(t.connection().receive_sequence().rcv_wnd(), 900U);
    t.peer_sends(data(seq, part).value(100));
    static_cast<void>(t.take_output());
    seq += part;
  }
  t.app_sends(100);
  static_cast<void>(t.take_output());
  t.peer_sends(ack(101).from(seq).value(50)).expect(ack(seq));
  EXPECT_EQ(t.connection().send_sequence().flight(), 100U);
  t.peer_sends(data(seq, 1).acks(101).value(101)).expect(ack(seq));
  EXPECT_EQ(t.connection().send_sequence().flight(), 0U);
}

TEST_P(Paws, HoldsInEveryStateBehindEstablished) {
  covers({"RFC 7323 §5.3"});
  TcpScript half{established().timestamps()};
  half.app_shuts_down().expect(fin(1)).peer_sends(ack(2).value(50)).expect(ack(1));
  half.expect_state(TcpState::FinWait1).peer_sends(ack(2)).expect_state(TcpState::FinWait2);
  half.peer_sends(fin(1).value(50)).expect(ack(1)).expect_state(TcpState::FinWait2);
  TcpScript last{established().timestamps()};
  last.peer_sends(fin(1)).expect(ack(2)).app_shuts_down().expect(fin(1));
  last.peer_sends(ack(2).value(50)).expect(ack(2)).expect_state(TcpState::LastAck);
  last.peer_sends(ack(2)).expect_state(TcpState::Closed);
}

// TIME-WAIT: RFC 7323 §5 and RFC 6191 §2.

using tcp::TimeWaitAnswer;

struct TimeWaitCase {
  const char* name;
  std::uint8_t flags;
  std::int32_t seq;                   ///< From RCV.NXT.
  std::optional<std::int32_t> value;  ///< From the newest timestamp of the connection.
  TimeWaitAnswer answer;
};

constexpr std::uint8_t kAck = TcpFlags::kAck;
constexpr std::uint8_t kSyn = TcpFlags::kSyn;
constexpr std::uint8_t kFin = TcpFlags::kFin;
constexpr std::uint8_t kRst = TcpFlags::kRst;

constexpr TimeWaitCase kTimeWaitCases[] = {
    {"newer SYN, number ahead", kSyn, 1, 1, TimeWaitAnswer::Reopen},
    {"newer SYN, number behind", kSyn, -1'000, 1, TimeWaitAnswer::Reopen},
    {"newer SYN, same number", kSyn, 0, 1, TimeWaitAnswer::Reopen},
    {"much newer SYN", kSyn, -1'000, 0x7fff'fff0, TimeWaitAnswer::Reopen},
    {"SYN of the same tick, number ahead", kSyn, 1, 0, TimeWaitAnswer::Reopen},
    {"SYN of the same tick, number behind", kSyn, -1, 0, TimeWaitAnswer::Acknowledge},
    {"SYN of the same tick, same number", kSyn, 0, 0, TimeWaitAnswer::Acknowledge},
    {"older SYN, number ahead", kSyn, 1, -1, TimeWaitAnswer::Acknowledge},
    {"much older SYN, number ahead", kSyn, 1, -0x7fff'fff0, TimeWaitAnswer::Acknowledge},
    {"SYN without, number ahead", kSyn, 1, std::nullopt, TimeWaitAnswer::Reopen},
    {"SYN without, number behind", kSyn, -1, std::nullopt, TimeWaitAnswer::Acknowledge},
    {"newer SYN,ACK", kSyn | kAck, 1, 1, TimeWaitAnswer::Acknowledge},
    {"FIN repeated", kFin | kAck, -1, 0, TimeWaitAnswer::AcknowledgeRestart},
    {"newer FIN", kFin | kAck, -1, 5, TimeWaitAnswer::AcknowledgeRestart},
    {"older FIN", kFin | kAck, -1, -1, TimeWaitAnswer::Acknowledge},
    {"FIN without", kFin | kAck, -1, std::nullopt, TimeWaitAnswer::AcknowledgeRestart},
    {"older reset", kRst, 0, -1, TimeWaitAnswer::Ignore},
    {"newer reset", kRst, 0, 1, TimeWaitAnswer::Ignore},
    {"older ACK", kAck, 0, -1, TimeWaitAnswer::Ignore},
    {"newer ACK", kAck, 0, 1, TimeWaitAnswer::Ignore},
};

class PawsTimeWait : public testing::TestWithParam<TimeWaitCase> {};
INSTANTIATE_TEST_SUITE_P(Of, PawsTimeWait, testing::ValuesIn(kTimeWaitCases),
                         [](const testing::TestParamInfo<TimeWaitCase>& row) {
                           std::string name = row.param.name;
                           std::erase_if(name, [](char c) { return c == ' ' || c == ','; });
                           return name;
                         });

TEST_P(PawsTimeWait, IsAnsweredByItsTimestamp) {
  covers({"RFC 7323 §5.3", "RFC 6191 §2", "MAY-2", "SHLD-4"});
  const TimeWaitCase& row = GetParam();
  for (const Numbers& numbers : kEveryStart) {
    for (const std::uint32_t recent : {500U, 0U, 0xffff'ffffU, 0x7fff'ffffU, 0x8000'0000U}) {
      tcp::TimeWaitTable table{4, 60s};
      const std::uint32_t index =
          table.add(Instant{}, {}, wire::SeqNum{numbers.iss}, wire::SeqNum{numbers.irs});
      table.set_timestamps(index, recent);
      tcp::Segment segment;
      segment.flags = TcpFlags{row.flags};
      segment.seq = wire::SeqNum{numbers.irs + static_cast<std::uint32_t>(row.seq)};
      if (row.value) {
        segment.options.timestamps = wire::TcpTimestamps{
            .value = recent + static_cast<std::uint32_t>(*row.value), .echo = 0};
      }
      EXPECT_EQ(judge(table.at(index), segment), row.answer) << recent;
    }
  }
}

TEST(PawsTimeWaitAlone, ConnectionThatHadNoTimestampsIsJudgedByNumbersAlone) {
  covers({"RFC 6191 §2"});
  tcp::TimeWaitTable table{4, 60s};
  const std::uint32_t index = table.add(Instant{}, {}, wire::SeqNum{7}, wire::SeqNum{5'000});
  tcp::Segment segment;
  segment.flags = TcpFlags{kSyn};
  segment.seq = wire::SeqNum{4'999};
  segment.options.timestamps = wire::TcpTimestamps{.value = 5, .echo = 0};
  EXPECT_EQ(judge(table.at(index), segment), TimeWaitAnswer::Acknowledge);
  segment.seq = wire::SeqNum{5'001};
  EXPECT_EQ(judge(table.at(index), segment), TimeWaitAnswer::Reopen);
}

}  // namespace

}  // namespace millrace::test
