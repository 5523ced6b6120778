// Four-tuples in TIME-WAIT: what protects them, and which SYN may take them over: RFC 1337, RFC
// 6191, RFC 9293 §3.6.1.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class Reopen : public StackHost {
 protected:
  void start_listening(std::uint32_t backlog = 511) {
    start();
    listener = tcp().listen({.port = kServerPort, .backlog = backlog}, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  PeerSegment syn_at(const Peer& old, SeqNum seq) {
    return {.flags = kSyn, .seq = seq, .from = old.port};
  }

  Recorder recorder;
  base::SlotHandle listener;
};

TEST_F(Reopen, BySequenceNumberFromTheNextOneOn) {
  covers({"MAY-2", "RFC 6191 §2"});
  for (const std::uint32_t ahead : {1U, 2U, 1'000'000U, 0x7fff'fff0U}) {
    SCOPED_TRACE(ahead);
    start_listening();
    const Peer old = open_and_time_wait(40'000, recorder, SeqNum{0xffff'fff0});
    send(syn_at(old, old.seq + ahead));
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
    EXPECT_EQ(answer->tcp.ack, old.seq + ahead + 1);
    EXPECT_TRUE(answer->tcp.seq.is_after(old.ack));
    EXPECT_EQ(stats().tcp_time_wait_reused, 1U);
    EXPECT_EQ(stack->usage().time_wait, 0U);
  }
}

TEST_F(Reopen, NotByASequenceNumberOfTheOldConnection) {
  covers({"MAY-2", "RFC 6191 §2"});
  for (const std::uint32_t behind : {0U, 1U, 1'000U, 0x7fff'fff0U}) {
    SCOPED_TRACE(behind);
    start_listening();
    const Peer old = open_and_time_wait(40'000, recorder, SeqNum{5});
    send(syn_at(old, old.seq - behind));
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->tcp.flags.bits(), kAck);
    EXPECT_EQ(answer->tcp.seq, old.ack);
    EXPECT_EQ(answer->tcp.ack, old.seq);
    EXPECT_EQ(stats().tcp_time_wait_reused, 0U);
    EXPECT_EQ(stack->usage().time_wait, 1U);
  }
}

TEST_F(Reopen, OurNumbersGoOnEvenWithoutAnyTimeBetween) {
  covers({"MAY-2", "RFC 6528 §3"});
  start_listening();
  // Not a tick of the clock passes, so that the generator alone would begin where it began.
  const Peer first = open_and_time_wait(40'000, recorder);
  const Peer second = half_open(40'000, first.seq + 1);
  EXPECT_TRUE((second.ack - 1).is_after(first.ack));
  EXPECT_GE(second.ack - first.ack, 64'000);
}

TEST_F(Reopen, TheNewConnectionWorks) {
  covers({"MAY-2"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  const Peer fresh = half_open(40'000, old.seq + 1);
  send(segment_of(fresh, kAck, "again"));
  EXPECT_EQ(recorder.count("accepted"), 2U);
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(Reopen, DataOfTheOldConnectionIsNotTheNewOnes) {
  covers({"RFC 1337 §2"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  const Peer fresh = half_open(40'000, old.seq + 1);
  send(segment_of(fresh));
  Peer late = old;
  late.seq = late.seq - 4;
  send(segment_of(late, kAck, "late"));
  EXPECT_EQ(recorder.count("readable"), 0U);
  EXPECT_EQ(dropped(DropReason::TcpBadAck) + dropped(DropReason::TcpDuplicateData) +
                dropped(DropReason::TcpOutOfWindow),
            1U);
}

TEST_F(Reopen, NoResetShortensTheWait) {
  covers({"RFC 1337 §3"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  for (const std::uint8_t flags : {kRst, std::uint8_t{kRst | kAck}, std::uint8_t{kRst | kSyn},
                                   std::uint8_t{kRst | kFin | kAck}}) {
    for (const std::uint32_t offset : {0U, 1U, 0xffff'ffffU}) {
      Peer at = old;
      at.seq += offset;
      send(segment_of(at, flags));
      EXPECT_TRUE(sent.empty());
      EXPECT_EQ(stack->usage().time_wait, 1U);
    }
  }
  EXPECT_EQ(stats().tcp_challenge_acks_out + stats().tcp_challenge_acks_limited, 0U);
}

TEST_F(Reopen, AFullAcceptQueueLeavesItToTheNextSyn) {
  covers({"MAY-2"});
  start_listening(0);
  const Peer old = open_and_time_wait(40'000, recorder);
  tcp().find_listener(listener)->pause();
  open(40'001);
  send(syn_at(old, old.seq + 1));
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(stack->usage().time_wait, 1U) << "or a late segment would meet a reset";
  tcp().find_listener(listener)->resume();
  tcp().resume_listener(listener);
  turn();
  send(syn_at(old, old.seq + 1));
  EXPECT_EQ(next_flags(), kSyn | kAck);
}

TEST_F(Reopen, WithoutAConnectionToSpareTheWaitGoesOn) {
  covers({"MAY-2", "MUST-13"});
  config.max_connections = 2;
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  open(40'001);
  open(40'002);
  send(syn_at(old, old.seq + 1));
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(Reopen, WhoDisagreesAboutTheEndIsNotAnsweredForEver) {
  covers({"RFC 5961 §7"});
  start_listening();
  Peer old = open_and_time_wait(40'000, recorder);
  old.seq += 7;
  for (int half_seconds = 0; half_seconds < 4; ++half_seconds) {
    for (int i = 0; i < 100; ++i) {
      send(segment_of(old));
    }
    EXPECT_EQ(sent.size(), 1U);
    wait(499ms);
    send(segment_of(old));
    EXPECT_EQ(sent.size(), 1U);
    wait(1ms);
    sent.clear();
  }
  // Who repeats his FIN lacks our ACK.
  old.seq = old.seq - 8U;
  send(segment_of(old, kFin | kAck));
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(Reopen, WithoutAListenerTheWaitGoesOn) {
  covers({"MUST-13"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  tcp().close_listener(listener);
  send(syn_at(old, old.seq + 1));
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(Reopen, ASynAckReopensNothing) {
  covers({"RFC 9293 §3.10.7.4 step 4"});
  start_listening();
  Peer old = open_and_time_wait(40'000, recorder);
  old.seq += 1;
  send(segment_of(old, kSyn | kAck));
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(Reopen, LastsTwiceTheSegmentLifetimeForEveryoneElse) {
  covers({"MUST-13"});
  config.tcp.msl = 2s;
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  wait(3'999ms);
  sent.clear();
  send(segment_of(old, kAck, "late"));
  EXPECT_EQ(next_flags(), kAck);
  wait(10ms);
  sent.clear();
  send(segment_of(old, kAck, "late"));
  EXPECT_EQ(next_flags(), kRst);
}

}  // namespace
}  // namespace millrace::stack
