// Windows of both directions: RFC 9293 §3.8.6, RFC 7323 §2.
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Window : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Window, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Window, DataIsCutIntoFullSegments) {  // RFC 9293 §3.7.1
  covers({"RFC 9293 §3.7.1"});
  TcpScript t{established()};
  t.app_sends(3'500).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 500).pushed());
}

TEST_P(Window, PeersWindowIsRespected) {  // RFC 9293 §3.8.6
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{established().peer_window(3'000)};
  t.app_sends(10'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  t.peer_sends(ack(1'001)).expect(data(3'001, 1'000));
  t.peer_sends(ack(1'001).with_window(5'000)).expect(data(4'001, 1'000), data(5'001, 1'000));
  t.peer_sends(ack(6'001).with_window(0)).expect_nothing();
}

TEST_P(Window, PeersWindowIsScaledOnceAgreed) {  // RFC 7323 §2.2 and §2.3
  covers({"RFC 7323 §2.2", "RFC 7323 §2.3"});
  TcpScript t{established().peer_scale(7).peer_window(1 << 20)};
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 1U << 20U);
}

TEST_P(Window, WindowOfASynIsNeverScaled) {  // RFC 7323 §2.2
  covers({"RFC 7323 §2.2"});
  TcpScript active{closed().peer_scale(7)};
  active.open_active(180s).expect(syn()).peer_sends(syn_ack().with_window(60'000)).expect(ack(1));
  EXPECT_EQ(active.connection().send_sequence().snd_wnd, 60'000U);
  TcpScript passive{closed().peer_scale(7)};
  passive.open_passive(syn().with_window(60'000)).expect(syn_ack());
  EXPECT_EQ(passive.connection().send_sequence().snd_wnd, 60'000U);
  passive.peer_sends(ack(1).with_window(128'000)).expect_nothing();
  EXPECT_EQ(passive.connection().send_sequence().snd_wnd, 128'000U);
}

TEST_P(Window, OursIsScaledOnceAgreed) {  // RFC 7323 §2.3
  covers({"RFC 7323 §2.3"});
  TcpScript t{established()};
  t.peer_sends(data(1, 1'000), data(1'001, 1'000));
  const Seg sent = t.take_output().front();
  EXPECT_GT(sent.window, 200'000U);
  EXPECT_EQ(*sent.window, t.connection().receive_sequence().rcv_wnd());
}

TEST_P(Window, NothingIsScaledUnlessBothOffer) {  // RFC 7323 §2.2
  covers({"RFC 7323 §2.2"});
  TcpScript t{closed().peer_scale(std::nullopt).peer_window(65'535)};
  t.open_active(180s)
      .expect(syn().with_scale(3))
      .peer_sends(syn_ack())
      .expect(ack(1).with_window(65'535));
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 65'535U);
  TcpScript passive{closed().peer_scale(std::nullopt)};
  passive.open_passive(syn());
  EXPECT_EQ(passive.take_output().front().scale, std::nullopt);
}

TEST_P(Window, WithoutScalingNoMoreIsAcceptedThanWasOffered) {  // RFC 9293 §3.8.6
  covers({"RFC 9293 §3.8.6"});
  TcpScript t{closed().peer_scale(std::nullopt)};
  t.open_active(180s).expect(syn()).peer_sends(syn_ack()).expect(ack(1).with_window(65'535));
  EXPECT_EQ(t.connection().receive_sequence().rcv_wnd(), 65'535U);
  t.peer_sends(rst(1 + 65'535 + 1)).expect_nothing().expect_drop(DropReason::TcpOutOfWindow);
}

TEST_P(Window, DataBehindTheWindowIsCutOff) {  // RFC 9293 §3.10.7.4, steps 1 and 7
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  const std::uint32_t edge = 1 + t.connection().receive_sequence().rcv_wnd();
  t.peer_sends(fin(edge - 10, 100)).expect(ack(1)).expect_drop(std::nullopt);
  t.peer_sends(data(edge, 100)).expect(ack(1)).expect_drop(DropReason::TcpOutOfWindow);
  t.peer_sends(data(0, 1)).expect(ack(1)).expect_drop(DropReason::TcpDuplicateData);
}

TEST_P(Window, DataThatReachesBehindTheWindowIsReadUpToIt) {
  covers({"RFC 9293 §3.10.7.4 step 7"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  std::uint32_t sent = 1;
  while (t.connection().receive_sequence().rcv_wnd() >= 1'000) {
    t.peer_sends(data(sent, 1'000));
    static_cast<void>(t.take_output());
    sent += 1'000;
  }
  const std::uint32_t room = t.connection().receive_sequence().rcv_wnd();
  ASSERT_GT(room, 0U);
  t.peer_sends(fin(sent, 1'000)).expect(ack(sent + room).with_window(0));
  t.expect_drop(std::nullopt).expect_state(TcpState::Established);
  EXPECT_EQ(t.connection().readable().value_or(0), sent + room - 1);
}

TEST_P(Window, WithoutScalingTheLargestWindowIsOfferedAgainAndAgain) {
  covers({"RFC 7323 §2.2", "MUST-1"});
  TcpScript t{established().peer_scale(std::nullopt)};
  for (std::uint32_t seq = 1; seq < 20'001; seq += 2'000) {
    t.peer_sends(data(seq, 1'000), data(seq + 1'000, 1'000));
    t.expect(ack(seq + 2'000).with_window(65'535)).app_reads(2'000);
    static_cast<void>(t.take_output());
  }
  t.peer_sends(data(1, 1)).expect(ack(20'001).with_window(65'535));
}

TEST_P(Window, OpensForWhoTakesWholePacketsToo) {
  covers({"MUST-39", "RFC 9293 §3.8.6.2.2"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  const std::uint32_t end = t.peer_fills_window();
  t.peer_sends(fin(end)).expect(ack(end).with_window(0)).expect_events(tcp::Events::kReadable);
  std::uint32_t taken = 0;
  while (const auto packet = t.connection().receive_packet(t.resources())) {
    taken += packet.size();
  }
  EXPECT_EQ(taken, end - 1);
  t.drain();
  t.expect(ack(end).with_window(8'192)).expect_events(0);
  t.peer_sends(fin(end)).expect(ack(end + 1)).expect_events(tcp::Events::kPeerFinished);
}

TEST_P(Window, WhoRepeatsAnOctetIsAnsweredEachTime) {  // RFC 9293 §3.10.7.4, step 1
  covers({"RFC 9293 §3.10.7.4 step 1"});
  TcpScript t{established()};
  for (unsigned i = 0; i < 3; ++i) {
    t.peer_sends(data(0, 1)).expect(ack(1)).expect_drop(DropReason::TcpDuplicateData);
  }
}

TEST_P(Window, PacketBeforeTheEndIsTakenBeforeTheEndIsTold) {
  covers({"MUST-12"});
  TcpScript t{established()};
  t.peer_sends(fin(1, 100)).expect(ack(102)).expect_events(tcp::Events::kReadable);
  EXPECT_EQ(t.connection().receive_packet(t.resources()).size(), 100U);
  t.drain();
  t.expect_events(tcp::Events::kPeerFinished);
}

TEST_P(Window, RightEdgeNeverMovesLeft) {  // RFC 9293 §3.8.6, SHLD-14
  covers({"SHLD-14", "RFC 9293 §3.8.6"});
  base::Random random = base::Random::from_seed(GetParam().irs);
  auto start = established();
  start.config.receive_buffer_bytes = 160'000;
  TcpScript t{start};
  std::uint32_t edge = 0;
  std::uint32_t sent = 1;
  std::uint32_t read = 1;
  for (unsigned i = 0; i < 2'000; ++i) {
    const std::uint32_t room = 1 + t.connection().receive_sequence().rcv_wnd() - 1;
    const std::uint32_t bytes = std::min(room, 1 + random.below(1'000));
    if (bytes > 0) {
      t.peer_sends(data(sent, bytes));
      sent += bytes;
    }
    for (const Seg& seg : t.take_output()) {
      ASSERT_GE(*seg.ack + *seg.window, edge);
      edge = *seg.ack + *seg.window;
      ASSERT_EQ(*seg.ack, sent);
      ASSERT_EQ(*seg.window, t.connection().receive_sequence().rcv_wnd());
    }
    if (random.one_in(3) && sent > read) {
      const std::uint32_t part = random.below(sent - read) + 1;
      t.app_reads(part);
      read += part;
      for (const Seg& seg : t.take_output()) {
        ASSERT_GT(*seg.ack + *seg.window, edge);
        edge = *seg.ack + *seg.window;
      }
    }
  }
}

TEST_P(Window,
       SmallSegmentsCannotFillMoreThanTheBuffer) {  // RFC 9293 §3.8.6: what is not read is bounded
  covers({"RFC 9293 §3.8.6"});
  for (const std::uint32_t bytes : {1U, 3U, 999U}) {
    auto start = established();
    start.config.receive_buffer_bytes = 400'000;
    TcpScript t{start};
    std::uint32_t sent = 1;
    while (t.connection().receive_sequence().rcv_wnd() >= bytes && sent < 1'000'000) {
      t.peer_sends(data(sent, bytes));
      static_cast<void>(t.take_output());
      sent += bytes;
    }
    EXPECT_LT(sent, 400'000U) << bytes;
    EXPECT_LE(t.budget().used(), 400'000U + 2U * 2'432U) << bytes;
  }
}

TEST_P(Window, RoundingUpDoesNotKeepItOpenForEver) {  // RFC 7323 §2.3: the field counts in steps
  covers({"RFC 7323 §2.3"});
  auto start = established();
  start.config.receive_buffer_bytes = 400'000;
  TcpScript t{start};
  std::uint32_t sent = 1;
  const auto send = [&](std::uint32_t bytes) {
    // Twice, so that each is acknowledged.
    t.peer_sends(data(sent, bytes).times(2));
    static_cast<void>(t.take_output());
    sent += bytes;
  };
  while (t.connection().receive_sequence().rcv_wnd() > 1'100) {
    send(1'100);
  }
  for (unsigned i = 0; i < 3'000 && t.connection().receive_sequence().rcv_wnd() > 0; ++i) {
    send(1);
  }
  EXPECT_EQ(t.connection().receive_sequence().rcv_wnd(), 0U);
}

TEST_P(Window, ItOpensAgainOnlyByStepsWorthHaving) {  // RFC 9293 §3.8.6.2.2, MUST-39
  covers({"MUST-39", "RFC 9293 §3.8.6.2.2"});
  auto start = established();
  start.config.receive_buffer_bytes = 32'768;
  TcpScript t{start};
  const std::uint32_t sent = t.peer_fills_window();
  t.after(40ms);
  static_cast<void>(t.take_output());
  t.peer_sends(data(sent, 1))
      .expect(ack(sent).with_window(0))
      .expect_drop(DropReason::TcpOutOfWindow);
  // A packet holds two segments: its memory comes back with the second one.
  t.app_reads(100).expect_nothing().app_reads(900).expect_nothing();
  std::uint32_t read = 1'001;
  while (t.connection().receive_sequence().rcv_wnd() == 0) {
    ASSERT_LT(read, sent);
    t.app_reads(100);
    read += 100;
    if (t.connection().receive_sequence().rcv_wnd() == 0) {
      t.expect_nothing();
    }
  }
  const std::vector<Seg> updates = t.take_output();
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_GE(updates.front().window, 2'000U);
  EXPECT_EQ(updates.front().ack, sent);
}

TEST_P(Window, WhatShrinksIsObeyedAndNothingIsLost) {  // RFC 9293 §3.8.6, MUST-34
  covers({"MUST-34", "RFC 9293 §3.8.6"});
  TcpScript t{established().peer_window(4'000)};
  t.app_sends(6'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000));
  t.at(100ms).peer_sends(ack(1'001).with_window(1'000)).expect_nothing();
  t.after(t.rto()).expect(data(1'001, 1'000));
  t.peer_sends(ack(2'001).with_window(1'500)).expect(data(2'001, 1'000), data(3'001, 500));
  t.peer_sends(ack(4'001).with_window(4'000)).expect(data(4'001, 1'000), data(5'001, 1'000));
}

TEST_P(Window, RetransmissionsStayInsideAShrunkWindow) {  // RFC 9293 §3.8.6, SHLD-16
  covers({"SHLD-16", "RFC 9293 §3.8.6"});
  TcpScript t{established().peer_window(4'000)};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(1).with_window(400)).expect_nothing();
  t.at(300ms).expect(data(1, 400)).peer_sends(ack(401).with_window(5'000));
  t.expect(data(401, 600)).peer_sends(ack(1'001)).expect(data(1'001, 1'000));
  t.peer_sends(ack(2'001)).expect_nothing().expect_silence_for_ever();
}

TEST_P(Window,
       OldSegmentDoesNotUndoANewerWindow) {  // RFC 9293 §3.10.7.4, step 5: SND.WL1 and SND.WL2
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established().peer_window(5'000)};
  t.peer_sends(data(101, 100).acks(1).with_window(9'000)).expect(ack(1));
  t.peer_sends(data(1, 100).acks(1).with_window(2'000)).expect(ack(201));
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 9'000U);
  t.peer_sends(ack(1).with_window(3'000)).expect_nothing();
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 3'000U);
}

TEST_P(Window,
       AcksOfTheFutureAndOfThePastAreChallenged) {  // RFC 9293 §3.10.7.4, step 5; RFC 5961 §5.2
  covers({"RFC 9293 §3.10.7.4", "RFC 5961 §5.2"});
  TcpScript t{established().peer_window(4'000)};
  t.app_sends(1'000).expect(data(1, 1'000));
  t.peer_sends(data(1, 10).acks(1'002)).expect(ack(1)).expect_drop(DropReason::TcpBadAck);
  t.peer_sends(ack(1'001)).expect_nothing();
  t.at(500ms);  // A connection challenges no more often.
  t.peer_sends(data(1, 10).acks(1'001 - 60'001)).expect(ack(1)).expect_drop(DropReason::TcpBadAck);
  t.peer_sends(data(1, 10).acks(1)).expect_nothing().expect_drop(std::nullopt);
}

TEST_P(Window, NothingNewIsSentIntoAWindowThatShrank) {
  covers({"MUST-34", "SHLD-15", "RFC 9293 §3.8.6"});
  TcpScript t{established().peer_window(4'000)};
  t.app_sends(7'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000));
  t.peer_sends(ack(1).with_window(2'000)).expect_nothing();
  t.peer_sends(ack(2'001).with_window(1'000)).expect_nothing();
  t.peer_sends(ack(3'001).with_window(1'000)).expect_nothing();
  t.peer_sends(ack(4'001).with_window(2'000)).expect(data(4'001, 1'000), data(5'001, 1'000));
}

TEST_P(Window, DataBeyondAShrunkWindowDoesNotTimeTheConnectionOut) {
  covers({"MUST-34", "MUST-37", "SHLD-17", "RFC 9293 §3.8.6"});
  TcpScript t{established().peer_window(4'000)};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
  t.at(100ms).peer_sends(ack(1'001).with_window(0)).expect_nothing();
  while (t.now() < 1'000s) {
    t.at(*t.deadline()).expect(data(1'001, 1)).peer_sends(ack(1'001)).expect_nothing();
  }
  t.expect_state(TcpState::Established).peer_sends(ack(1'001).with_window(4'000));
  t.expect(data(1'001, 1), data(1'002, 999));
}

TEST_P(Window, LargestWindowIsNotNegative) {
  covers({"MUST-1", "REC-1", "RFC 9293 §3.1", "RFC 7323 §2.3"});
  TcpScript t{established().peer_scale(14).peer_window(65'535U << 14U)};
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 65'535U << 14U);
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
}

TEST_P(Window, LargestUnscaledWindowIsNotNegative) {
  covers({"MUST-1", "RFC 9293 §3.1"});
  TcpScript t{established().peer_scale(std::nullopt).peer_window(65'535)};
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 65'535U);
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000));
}

TEST_P(Window, ReaderOfSingleBytesDoesNotOpenItByteByByte) {
  covers({"MUST-39", "RFC 9293 §3.8.6.2.2"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  const std::uint32_t sent = t.peer_fills_window();
  std::uint32_t updates = 0;
  for (std::uint32_t i = 1; i < sent; ++i) {
    t.app_reads(1);
    for (const Seg& seg : t.take_output()) {
      EXPECT_GE(*seg.window, 2'000U);
      ++updates;
    }
  }
  EXPECT_GE(updates, 1U);
  EXPECT_LE(updates, 4U);
}

TEST_P(Window, ShiftIsTheSmallestThatSaysTheLargestWindow) {
  covers({"RFC 7323 §2.3"});
  struct Case {
    std::uint32_t buffer;
    std::uint8_t shift;
  };
  // Half of the buffer is offered, since its charge is up to twice the payload's.
  constexpr Case kCases[] = {{16 * 1'024, 0},   {128 * 1'024 - 2, 0}, {128 * 1'024, 1},
                             {512 * 1'024, 3},  {12U << 20U, 7},      {1U << 30U, 14},
                             {0xffff'ffffU, 14}};
  for (const Case& c : kCases) {
    auto start = closed();
    start.config.receive_buffer_bytes = c.buffer;
    TcpScript active{start};
    active.open_active(180s).expect(syn().with_scale(c.shift));
    TcpScript passive{start};
    passive.open_passive(syn()).expect(syn_ack().with_scale(c.shift));
  }
}

TEST_P(Window, ShiftAboveFourteenIsTakenAsFourteen) {
  covers({"RFC 7323 §2.3"});
  // The parser has made it fourteen already.
  TcpScript t{closed().peer_scale(14)};
  t.open_active(180s).expect(syn()).peer_sends(syn_ack()).expect(ack(1));
  t.peer_sends(ack(1).with_window(0x3fff'c000)).expect_nothing();
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 0x3fff'c000U);
}

TEST_P(Window, ShiftOfZeroStillAgreesOnScaling) {
  covers({"RFC 7323 §2.2"});
  TcpScript t{closed().peer_scale(0)};
  t.open_active(180s).expect(syn().with_scale(3)).peer_sends(syn_ack()).expect(ack(1));
  t.peer_sends(data(1, 1'000), data(1'001, 1'000));
  EXPECT_GT(*t.take_output().front().window, 65'535U);
}

TEST_P(Window, LaterScaleOptionsMeanNothing) {
  covers({"RFC 7323 §2.2", "MUST-5"});
  TcpScript t{established().peer_scale(2)};
  t.peer_sends(ack(1).with_scale(9).with_window(40'000)).expect_nothing();
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 40'000U);
}

TEST_P(Window, LargestFieldIsNeverNegative) {
  covers({"MUST-1", "REC-1"});
  TcpScript t{established().peer_scale(14).peer_window(0x3fff'c000)};
  EXPECT_EQ(t.connection().send_sequence().snd_wnd, 0x3fff'c000U);
  EXPECT_EQ(t.connection().send_sequence().usable_window(), 0x3fff'c000U);
  t.app_sends(1'000).expect(data(1, 1'000));
}

TEST_P(Window, OutOfOrderDataDoesNotMoveItsRightEdge) {
  covers({"SHLD-14"});
  TcpScript t{established().selective_acks()};
  t.peer_sends(data(1, 1'000), data(1'001, 1'000)).expect(ack(2'001));
  const auto edge = t.connection().receive_sequence().rcv_adv;
  for (std::uint32_t i = 0; i < 20; ++i) {
    t.peer_sends(data(4'001 + 2'000 * i, 1'000)).expect(ack(2'001));
    ASSERT_EQ(t.connection().receive_sequence().rcv_adv, edge);
  }
}

}  // namespace

}  // namespace millrace::test
