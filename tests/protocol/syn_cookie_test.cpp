// SYN cookies at a listener: RFC 4987 §3.6. Nothing is kept of a SYN, and the ACK alone builds the
// connection.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class SynCookie : public StackHost {
 protected:
  /// A SYN queue of one place, which is taken.
  void start_full(SynCookies mode = SynCookies::Auto) {
    config.tcp.syn_backlog = 1;
    config.tcp.syn_cookies = mode;
    start_listening();
    half_open(39'999);
  }
  void start_always() {
    config.tcp.syn_cookies = SynCookies::Always;
    start_listening();
  }
  void start_listening(std::uint32_t backlog = 511) {
    start();
    listener = tcp().listen({.port = kServerPort, .backlog = backlog}, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  /// So long that the peer's MAC address is forgotten, and told again.
  void wait_long(Duration duration) {
    wait(duration);
    receive(arp_frame({.operation = wire::ArpOperation::Request,
                       .sender_mac = kPeerMac,
                       .sender_ip = kPeer,
                       .target_mac = {},
                       .target_ip = kOurs}));
    turn();
    sent.clear();
  }

  Recorder recorder;
  base::SlotHandle listener;
};

TEST_F(SynCookie, AFullSynQueueAnswersAndKeepsNothing) {
  covers({"RFC 4987 §3.6"});
  start_full();
  half_open(40'000);
  EXPECT_EQ(stack->usage().connections, 1U) << "the one that was there";
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 1U);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 1U);
  EXPECT_EQ(dropped(DropReason::TcpSynQueueFull), 0U);
}

TEST_F(SynCookie, WhileThereIsRoomNoneAreSent) {
  covers({"RFC 4987 §3.6"});
  config.tcp.syn_backlog = 2;
  start_listening();
  half_open(40'000);
  half_open(40'001);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 0U);
  EXPECT_EQ(stack->usage().connections, 2U);
}

TEST_F(SynCookie, TheAckBuildsTheConnection) {
  covers({"RFC 4987 §3.6"});
  start_full();
  const Peer peer = half_open(40'000);
  send(segment_of(peer));
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted"}));
  EXPECT_EQ(stats().tcp_syn_cookies_accepted, 1U);
  EXPECT_EQ(stats().tcp_passive_opens, 1U);
  EXPECT_EQ(stats().tcp_accepted, 1U);
  EXPECT_EQ(stack->usage().connections, 2U);
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 1U);
  EXPECT_EQ(tcp().find_listener(listener)->waiting(), 0U);
}

TEST_F(SynCookie, DataFlowsBothWaysAfterwards) {
  start_full();
  Peer peer = half_open(40'000);
  send(segment_of(peer));
  send(segment_of(peer, kAck, "hello"));
  EXPECT_EQ(recorder.count("readable"), 1U);
  ASSERT_TRUE(recorder.sockets.back().send("good day").has_value());
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->payload, bytes_of_text("good day"));
  EXPECT_EQ(answer->tcp.seq, peer.ack);
  EXPECT_EQ(answer->tcp.ack, peer.seq + 5);
}

TEST_F(SynCookie, DataThatComesWithTheAckIsTaken) {
  covers({"RFC 9293 §3.10.7.4 step 7"});
  start_full();
  const Peer peer = half_open(40'000);
  send(segment_of(peer, kAck, "hello"));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  EXPECT_EQ(recorder.sockets.back().readable(), 5U);
}

TEST_F(SynCookie, AFinThatComesWithTheAckIsTaken) {
  covers({"RFC 9293 §3.10.7.4 step 8"});
  start_full();
  const Peer peer = half_open(40'000);
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(5).has_value());
    }
  };
  send(segment_of(peer, kAck | kFin, "hello"));
  turn();
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable", "finished"}));
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(SynCookie, ALostAckIsMadeGoodByTheFirstData) {
  start_full();
  const Peer peer = half_open(40'000);
  // Not the bare ACK, but what followed it, half a minute later.
  wait(30s);
  sent.clear();
  send(segment_of(peer, kAck, "late"));
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(SynCookie, SwitchedOffAFullQueueDrops) {
  start_full(SynCookies::Off);
  send({.flags = kSyn, .from = 40'000});
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpSynQueueFull), 1U);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 0U);
}

TEST_F(SynCookie, SwitchedOffNoAckIsTakenForACookie) {
  config.tcp.syn_cookies = SynCookies::Off;
  start_listening();
  send({.flags = kAck, .seq = SeqNum{5}, .ack = SeqNum{7}});
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 0U);
}

TEST_F(SynCookie, AlwaysMeansForTheFirstSyn) {
  start_always();
  const Peer peer = half_open(40'000);
  EXPECT_TRUE(stack->is_empty());
  send(segment_of(peer));
  EXPECT_EQ(recorder.count("accepted"), 1U);
}

TEST_F(SynCookie, TheAnswerIsSentOnce) {
  covers({"RFC 4987 §3.6"});
  start_always();
  half_open(40'000);
  wait(30s);
  EXPECT_TRUE(sent.empty());
  EXPECT_FALSE(stack->has_work());
}

TEST_F(SynCookie, ARepeatedSynGetsTheSameCookie) {
  start_always();
  const Peer first = half_open(40'000);
  wait(1s);
  const Peer again = half_open(40'000);
  EXPECT_EQ(first.ack, again.ack);
  send(segment_of(first));
  EXPECT_EQ(recorder.count("accepted"), 1U);
}

TEST_F(SynCookie, SequenceNumbersMayWrap) {
  start_always();
  for (const std::uint32_t iss : {0xffff'ffffU, 0xffff'fffeU, 0x7fff'ffffU, 0U}) {
    const Peer peer = half_open(static_cast<std::uint16_t>(40'000 + iss % 1'000), SeqNum{iss});
    send(segment_of(peer, kAck, "x"));
  }
  EXPECT_EQ(recorder.count("accepted"), 4U);
  EXPECT_EQ(recorder.count("readable"), 4U);
}

TEST_F(SynCookie, AWrongCookieIsAnsweredByAReset) {
  covers({"RFC 4987 §3.6", "RFC 9293 §3.10.7.2"});
  start_full();
  Peer peer = half_open(40'000);
  peer.ack += 100;
  send(segment_of(peer));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kRst);
  EXPECT_EQ(answer->tcp.seq, peer.ack);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 1U);
  EXPECT_EQ(dropped(DropReason::TcpNoConnection), 1U);
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(SynCookie, ACookieOfAnotherPortIsWrong) {
  start_full();
  Peer peer = half_open(40'000);
  peer.port = 40'001;
  send(segment_of(peer));
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 1U);
}

TEST_F(SynCookie, AnExpiredCookieIsWrong) {
  covers({"RFC 4987 §3.6"});
  start_always();
  const Peer old = half_open(40'000);
  wait_long(100s);
  half_open(40'001);
  wait_long(60s);
  send(segment_of(old));
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 1U);
}

TEST_F(SynCookie, OnlyAfterAnOverflowAreAcksLookedAt) {
  covers({"RFC 4987 §3.6"});
  start_full();
  send({.flags = kAck, .seq = SeqNum{5}, .ack = SeqNum{7}, .from = 40'005});
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 0U) << "none is out yet";
  half_open(40'000);
  send({.flags = kAck, .seq = SeqNum{5}, .ack = SeqNum{7}, .from = 40'005});
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 1U);
}

TEST_F(SynCookie, AndNotForLongerThanACookieLives) {
  covers({"RFC 4987 §3.6"});
  start_always();
  const Peer peer = half_open(40'000);
  wait_long(128s);
  send(segment_of(peer));
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 0U);
}

TEST_F(SynCookie, OtherListenersExpectNone) {
  start_full();
  ASSERT_TRUE(tcp().listen({.port = Port{81}}, recorder).has_value());
  half_open(40'000);
  send({.flags = kAck, .seq = SeqNum{5}, .ack = SeqNum{7}, .to = 81});
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 0U);
}

TEST_F(SynCookie, NeitherSynAckNorResetBringsOne) {
  covers({"RFC 9293 §3.10.7.2"});
  start_always();
  Peer peer = half_open(40'000);
  send(segment_of(peer, kRst | kAck));
  EXPECT_TRUE(sent.empty());
  send(segment_of(peer, kSyn | kAck));
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(stats().tcp_syn_cookies_failed, 0U);
}

TEST_F(SynCookie, AFullAcceptQueueSendsNone) {
  config.tcp.syn_cookies = SynCookies::Always;
  start_listening(0);
  tcp().find_listener(listener)->pause();
  send(segment_of(half_open(40'000)));
  send({.flags = kSyn, .from = 40'001});
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpAcceptQueueFull), 1U);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 1U);
}

TEST_F(SynCookie, AFullAcceptQueueTakesNone) {
  config.tcp.syn_cookies = SynCookies::Always;
  start_listening(0);
  tcp().find_listener(listener)->pause();
  const Peer late = half_open(40'001);
  send(segment_of(half_open(40'000)));
  send(segment_of(late));
  EXPECT_TRUE(sent.empty()) << "a reset would break what the peer takes for open";
  EXPECT_EQ(dropped(DropReason::TcpAcceptQueueFull), 1U);
  EXPECT_EQ(tcp().find_listener(listener)->waiting(), 1U);
  tcp().find_listener(listener)->resume();
  tcp().resume_listener(listener);
  turn();
  // What the peer sends next asks again.
  send(segment_of(late, kAck, "still there?"));
  EXPECT_EQ(recorder.count("accepted"), 2U);
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(SynCookie, WithoutAConnectionToSpareTheAckIsDropped) {
  config.max_connections = 1;
  config.tcp.syn_cookies = SynCookies::Always;
  start_listening();
  const Peer second = half_open(40'001);
  send(segment_of(half_open(40'000)));
  send(segment_of(second));
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpOutOfConnections), 1U);
  EXPECT_EQ(stack->usage().connections, 1U);
}

TEST_F(SynCookie, AClosedListenersCookiesAreWorthNothing) {
  start_always();
  const Peer peer = half_open(40'000);
  tcp().close_listener(listener);
  send(segment_of(peer));
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(SynCookie, TheAnswerSaysNothingThatCannotBeRemembered) {
  covers({"RFC 4987 §3.6", "RFC 7323 §2.2"});
  start_always();
  wire::TcpOptions options;
  options.mss = 1'460;
  options.window_scale = 7;
  options.sack_permitted = true;
  send({.flags = kSyn, .options = options});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(answer->options.mss, 1'460);
  EXPECT_EQ(answer->options.window_scale, std::nullopt);
  EXPECT_FALSE(answer->options.sack_permitted);
  EXPECT_EQ(answer->options.timestamps, std::nullopt);
}

TEST_F(SynCookie, WithoutTimestampsWindowsAreNotScaled) {
  covers({"RFC 7323 §2.2"});
  start_always();
  wire::TcpOptions options;
  options.window_scale = 7;
  send({.flags = kSyn, .seq = SeqNum{1'000}, .from = 40'000, .options = options});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  const Peer peer{.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1};
  PeerSegment ack = segment_of(peer);
  ack.window = 1'000;
  send(ack);
  ASSERT_EQ(recorder.count("accepted"), 1U);
  const base::SlotHandle handle{recorder.sockets.back().index(),
                                recorder.sockets.back().generation()};
  EXPECT_EQ(tcp().find(handle)->connection.send_sequence().snd_wnd, 1'000U);
}

TEST_F(SynCookie, WithTimestampsOptionsSurvive) {
  covers({"RFC 4987 §3.6", "RFC 7323 §2.2", "RFC 2018 §2"});
  start_always();
  PeerSegment syn{.flags = kSyn, .seq = SeqNum{1'000}, .from = 40'000};
  syn.options.mss = 1'460;
  syn.options.window_scale = 7;
  syn.options.sack_permitted = true;
  syn.options.timestamps = wire::TcpTimestamps{.value = 77, .echo = 0};
  send(syn);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.timestamps);
  EXPECT_TRUE(answer->options.window_scale.has_value());
  EXPECT_TRUE(answer->options.sack_permitted);
  EXPECT_EQ(answer->options.timestamps->echo, 77U);
  EXPECT_TRUE(stack->is_empty());
  PeerSegment ack =
      segment_of({.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1}, kAck, "hello");
  ack.window = 1'000;
  ack.options.timestamps =
      wire::TcpTimestamps{.value = 78, .echo = answer->options.timestamps->value};
  send(ack);
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  const base::SlotHandle handle{recorder.sockets.back().index(),
                                recorder.sockets.back().generation()};
  const tcp::Connection& connection = tcp().find(handle)->connection;
  EXPECT_EQ(connection.send_sequence().snd_wnd, 128'000U);
  EXPECT_TRUE(connection.has_selective_acks());
  ASSERT_TRUE(recorder.sockets.back().send("good day").has_value());
  turn();
  const auto data = next_tcp();
  ASSERT_TRUE(data && data->options.timestamps);
  EXPECT_EQ(data->options.timestamps->echo, 78U);
  EXPECT_FALSE(
      tcp::is_timestamp_before(data->options.timestamps->value, answer->options.timestamps->value))
      << "or the peer would take it for an old one";
}

TEST_F(SynCookie, WhatWasSaidOfMarksHolds) {
  covers({"RFC 3168 §6.1.1", "RFC 3168 §6.1.3", "RFC 4987 §3.6"});
  constexpr std::uint8_t kEce = wire::TcpFlags::kEce;
  start_always();
  PeerSegment syn{.flags = kSyn | kEce | wire::TcpFlags::kCwr, .seq = SeqNum{1'000}};
  syn.options.timestamps = wire::TcpTimestamps{.value = 77, .echo = 0};
  send(syn);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.timestamps);
  ASSERT_EQ(answer->tcp.flags.bits(), kSyn | kAck | kEce);
  PeerSegment ack =
      segment_of({.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1}, kAck, "hello");
  ack.options.timestamps =
      wire::TcpTimestamps{.value = 78, .echo = answer->options.timestamps->value};
  send(ack);
  EXPECT_EQ(stats().tcp_ecn_connections, 1U);
  ASSERT_TRUE(recorder.sockets.back().send("good day").has_value());
  turn();
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->ip.traffic_class & 3U, std::to_underlying(wire::Ecn::Capable0));
}

TEST_F(SynCookie, WithoutTimestampsOfOursTheyAreForgotten) {
  covers({"RFC 4987 §3.6"});
  config.tcp.timestamps = false;
  start_always();
  PeerSegment syn{.flags = kSyn, .seq = SeqNum{1'000}, .from = 40'000};
  syn.options.window_scale = 7;
  syn.options.sack_permitted = true;
  syn.options.timestamps = wire::TcpTimestamps{.value = 77, .echo = 0};
  send(syn);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->options.timestamps.has_value());
  EXPECT_FALSE(answer->options.window_scale.has_value());
  EXPECT_FALSE(answer->options.sack_permitted);
}

TEST_F(SynCookie, ThePeersMssIsRoundedDown) {
  covers({"RFC 4987 §3.6", "MUST-16"});
  start_always();
  wire::TcpOptions options;
  options.mss = 1'300;
  send({.flags = kSyn, .seq = SeqNum{1'000}, .from = 40'000, .options = options});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  send(segment_of({.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1}));
  const base::SlotHandle handle{recorder.sockets.back().index(),
                                recorder.sockets.back().generation()};
  EXPECT_EQ(tcp().find(handle)->connection.mss(), 1'220);
}

TEST_F(SynCookie, TheHandshakeGivesNoRoundTripTime) {
  covers({"MUST-18"});
  start_always();
  const Peer peer = half_open(40'000);
  now += 20s;
  send(segment_of(peer));
  const base::SlotHandle handle{recorder.sockets.back().index(),
                                recorder.sockets.back().generation()};
  EXPECT_FALSE(tcp().find(handle)->connection.rtt().has_sample());
  ASSERT_TRUE(recorder.sockets.back().send("hello").has_value());
  turn();
  ASSERT_NE(next_flags(), 0);
  wait(999ms);
  EXPECT_TRUE(sent.empty());
  wait(2ms);
  const auto again = next_tcp();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->payload, bytes_of_text("hello"));
}

TEST_F(SynCookie, AFloodShutsNobodyOut) {
  covers({"RFC 4987 §3.6"});
  config.tcp.syn_backlog = 8;
  start_listening();
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    receive(
        {.flags = kSyn, .seq = SeqNum{i * 77'777}, .from = static_cast<std::uint16_t>(1'024 + i)});
    if (i % 64 == 0) {
      turn();
      sent.clear();
    }
  }
  turn();
  sent.clear();
  EXPECT_EQ(stack->usage().connections, 8U);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 4'992U);
  const Peer peer = half_open(40'000);
  send(segment_of(peer, kAck, "let me in"));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
}

TEST_F(SynCookie, WhenTheQueueHasDrainedSynsAreRememberedAgain) {
  config.tcp.syn_ack_retries = 1;
  start_full();
  half_open(40'000);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 1U);
  wait(10s);
  sent.clear();
  half_open(40'001);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 1U);
  EXPECT_EQ(stack->usage().connections, 1U);
}

TEST_F(SynCookie, ATupleInTimeWaitIsNotReopenedByACookie) {
  covers({"MAY-2"});
  config.tcp.syn_backlog = 1;
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  half_open(39'999);
  send({.flags = kSyn, .seq = old.seq + 1, .from = old.port});
  // Its numbers would not be beyond the old connection's.
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(stats().tcp_syn_cookies_out, 0U);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

}  // namespace
}  // namespace millrace::stack
