// Fast Open: RFC 7413 §4.2, a server that is asked, and a client that asks.
#include "fast_open_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class FastOpen : public FastOpenHost {};

TEST_F(FastOpen, AServerGivesACookieToWhoAsks) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  EXPECT_EQ(ask_for_cookie().size(), 8U);
  EXPECT_EQ(stats().tcp_fast_opens_refused, 0U);
}

TEST_F(FastOpen, AServerThatDoesNotOfferItSaysNothing) {
  covers({"RFC 7413 §4.2.2"});
  start_listening(0);
  send(fast_syn(40'000, a_cookie(), "hello"));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->options.fast_open.has_value());
  EXPECT_EQ(answer->tcp.ack, SeqNum{1'001});
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(FastOpen, DataWithAGoodCookieIsReadBeforeTheHandshakeIsOver) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  const FastOpenCookie cookie = ask_for_cookie();
  send(fast_syn(40'000, cookie, "hello"));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  EXPECT_EQ(recorder.sockets.back().readable(), 5U);
  EXPECT_EQ(recorder.sockets.back().state(), TcpState::SynReceived);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(answer->tcp.ack, SeqNum{1'006});
  EXPECT_FALSE(answer->options.fast_open.has_value()) << "its cookie is good";
  EXPECT_EQ(stats().tcp_fast_opens_in, 1U);
}

TEST_F(FastOpen, DataOfTheSynDoesNotCountForTheNextAck) {
  covers({"RFC 7413 §4.2.2", "SHLD-19"});
  start_listening();
  const std::string text(1'000, 'x');
  Peer peer = fast_open(40'000, ask_for_cookie(), text);
  wait(100ms);
  EXPECT_TRUE(sent.empty()) << "the SYN,ACK was its acknowledgment";
  send(segment_of(peer, kAck, text));
  EXPECT_TRUE(sent.empty()) << "the SYN,ACK acknowledged the first, so this one waits for another";
  peer.seq += 1'000;
  send(segment_of(peer, kAck, text));
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(FastOpen, TheServerMayAnswerAtOnce) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.send("good day").has_value());
    }
  };
  const FastOpenCookie cookie = ask_for_cookie();
  Peer peer = fast_open(40'000, cookie, "hello");
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->payload, bytes_of_text("good day"));
  EXPECT_EQ(data->tcp.seq, peer.ack);
  peer.ack += 8;
  send(segment_of(peer));
  EXPECT_EQ(recorder.sockets.back().state(), TcpState::Established);
  EXPECT_EQ(recorder.sockets.back().unacknowledged(), 0U);
  EXPECT_EQ(recorder.count("connected"), 0U) << "it was accepted";
}

TEST_F(FastOpen, AnAnswerThatIsLostIsSentAgainBehindTheHandshake) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.send("good day").has_value());
    }
  };
  const FastOpenCookie cookie = ask_for_cookie();
  const Peer peer = fast_open(40'000, cookie, "hello");
  ASSERT_TRUE(next_tcp().has_value());
  send(segment_of(peer));
  EXPECT_TRUE(sent.empty());
  wait(1'100ms);
  const auto again = next_tcp();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->payload, bytes_of_text("good day"));
}

TEST_F(FastOpen, LingerOfWhatWasClosedEarlyOutlastsTheHandshake) {
  covers({"RFC 7413 §4.2.2", "RFC 9293 §3.10.4"});
  start_listening();
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.receive_buffer().has_value());
      EXPECT_TRUE(socket.send("good day").has_value());
      EXPECT_TRUE(socket.set_linger(2s).has_value());
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  const FastOpenCookie cookie = ask_for_cookie();
  send(segment_of(fast_open(40'000, cookie, "hello")));
  EXPECT_EQ(recorder.sockets.back().state(), TcpState::FinWait1);
  wait(1'900ms);
  sent.clear();
  wait(200ms);
  EXPECT_EQ(next_flags(), kRst | kAck);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(FastOpen, TheSynAckIsRepeatedAndStillAcknowledgesTheData) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  fast_open(40'000, ask_for_cookie(), "hello");
  wait(1'100ms);
  const auto again = next_tcp();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(again->tcp.ack, SeqNum{1'006});
}

TEST_F(FastOpen, TheSynAckOffersNoMoreThanIsTaken) {
  covers({"RFC 7413 §4.2.2", "SHLD-14"});
  start_listening();
  const FastOpenCookie cookie = ask_for_cookie();
  send(fast_syn(40'000, cookie, "hello"));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  const base::SlotHandle handle{recorder.sockets.back().index(),
                                recorder.sockets.back().generation()};
  EXPECT_EQ(answer->tcp.ack + answer->tcp.window,
            tcp().find(handle)->connection.receive_sequence().rcv_adv);
}

TEST_F(FastOpen, LingeringOutlivesTheHandshake) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.set_linger(2s).has_value());
      std::array<std::byte, 5> text{};
      EXPECT_EQ(socket.receive(text).value_or(0), 5U);
      EXPECT_TRUE(socket.send("good day").has_value());
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  const Peer peer = fast_open(40'000, ask_for_cookie(), "hello");
  send(segment_of(peer));
  wait(3s);
  EXPECT_TRUE(stack->is_empty()) << "the peer never acknowledged anything";
  ASSERT_FALSE(recorder.outcomes.empty());
  EXPECT_EQ(recorder.outcomes.back().error(), Error::ConnectionAborted);
}

TEST_F(FastOpen, AWrongCookieFallsBackAndGetsAGoodOne) {
  covers({"RFC 7413 §4.2.2"});
  start_listening();
  const FastOpenCookie good = ask_for_cookie();
  send(fast_syn(40'000, a_cookie(), "hello"));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.ack, SeqNum{1'001}) << "the data is to be sent again";
  EXPECT_EQ(answer->options.fast_open, good);
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_EQ(stats().tcp_fast_opens_refused, 1U);
  const Peer peer{.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1};
  send(segment_of(peer, kAck, "hello"));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
}

TEST_F(FastOpen, ACookieOfTheKeyBeforeIsGoodAndReplaced) {
  covers({"RFC 7413 §4.1.2"});
  config.tcp.fast_open_key_lifetime = 10s;
  start_listening();
  const FastOpenCookie old = ask_for_cookie();
  now += 11s;
  send(fast_syn(40'000, old, "hello"));
  EXPECT_EQ(recorder.count("readable"), 1U);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.fast_open);
  EXPECT_NE(answer->options.fast_open, old);
}

TEST_F(FastOpen, NoMoreThanTheLimitAreLetInEarly) {
  covers({"RFC 7413 §5.1"});
  start_listening(2);
  const FastOpenCookie cookie = ask_for_cookie();
  const Peer first = fast_open(40'000, cookie, "one");
  fast_open(40'001, cookie, "two");
  fast_open(40'002, cookie, "three");
  EXPECT_EQ(recorder.count("accepted"), 2U);
  EXPECT_EQ(stats().tcp_fast_opens_refused, 1U);
  send(segment_of(first));
  fast_open(40'003, cookie, "four");
  EXPECT_EQ(recorder.count("accepted"), 3U);
}

TEST_F(FastOpen, AResetCountsForAMinute) {
  covers({"RFC 7413 §5.1"});
  start_listening(1);
  const FastOpenCookie cookie = ask_for_cookie();
  Peer peer = fast_open(40'000, cookie, "one");
  send(segment_of(peer, kRst));
  EXPECT_EQ(recorder.count("closed"), 1U);
  fast_open(40'001, cookie, "two");
  EXPECT_EQ(recorder.count("accepted"), 1U);
  now += 61s;
  receive(arp_frame({.operation = wire::ArpOperation::Request,
                     .sender_mac = kPeerMac,
                     .sender_ip = kPeer,
                     .target_mac = {},
                     .target_ip = kOurs}));
  turn();
  sent.clear();
  fast_open(40'002, cookie, "three");
  EXPECT_EQ(recorder.count("accepted"), 2U);
}

TEST_F(FastOpen, AConnectionLetInEarlyThatIsNeverCompletedIsGivenUp) {
  covers({"RFC 7413 §5.1"});
  config.tcp.syn_ack_retries = 1;
  start_listening();
  fast_open(40'000, ask_for_cookie(), "hello");
  wait(10s);
  ASSERT_EQ(recorder.count("closed"), 1U);
  EXPECT_EQ(recorder.outcomes[0].error(), Error::TimedOut);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(FastOpen, AStrangeSynDoesNotEndWhatTheApplicationKnowsOf) {
  covers({"RFC 5961 §4.2"});
  start_listening();
  const Peer peer = fast_open(40'000, ask_for_cookie(), "hello");
  send({.flags = kSyn, .seq = peer.seq + 50, .from = peer.port});
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(recorder.count("closed"), 0U);
}

TEST_F(FastOpen, AClientAsksForACookieFirst) {
  covers({"RFC 7413 §4.2.1"});
  start();
  connect("hello");
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->tcp.flags.bits(), kSyn);
  EXPECT_TRUE(syn->payload.empty());
  ASSERT_TRUE(syn->options.fast_open.has_value());
  EXPECT_TRUE(syn->options.fast_open->empty());
  send(answer_to(*syn, 0, a_cookie()));
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->payload, bytes_of_text("hello"));
  EXPECT_EQ(data->tcp.seq, syn->tcp.seq + 1);
}

TEST_F(FastOpen, WithACookieDataLeavesWithTheSyn) {
  covers({"RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  TcpSocket socket = connect("hello");
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->tcp.flags.bits() & kSyn, kSyn);
  EXPECT_EQ(syn->payload, bytes_of_text("hello"));
  EXPECT_EQ(syn->options.fast_open, a_cookie());
  EXPECT_TRUE(sent.empty());
  send(answer_to(*syn, 5));
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"connected"}));
  EXPECT_EQ(socket.unacknowledged(), 0U);
  EXPECT_EQ(stats().tcp_fast_opens_out, 1U);
}

TEST_F(FastOpen, DataThatTheServerDidNotTakeFollowsAtOnce) {
  covers({"RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  connect("hello");
  const auto syn = next_tcp();
  send(answer_to(*syn, 0));
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->payload, bytes_of_text("hello"));
  EXPECT_EQ(data->tcp.seq, syn->tcp.seq + 1);
  EXPECT_EQ(stats().tcp_fast_opens_out, 0U);
}

TEST_F(FastOpen, OnlyWhatFitsIntoASegmentLeavesWithTheSyn) {
  covers({"RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  const std::string text(4'000, 'x');
  connect(text);
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->payload.size(), 1'420U);
  EXPECT_LE(syn->ip.total_length, 1'500);
  EXPECT_TRUE(sent.empty());
  send(answer_to(*syn, 1'420));
  std::size_t bytes = 1'420;
  while (const auto data = next_tcp()) {
    EXPECT_EQ(data->tcp.seq, syn->tcp.seq + 1 + static_cast<std::uint32_t>(bytes));
    bytes += data->payload.size();
  }
  EXPECT_EQ(bytes, 4'000U);
}

TEST_F(FastOpen, WhatRoutersTakeBoundsTheSynAsWell) {
  covers({"RFC 7413 §4.2.1", "RFC 1191 §6.3"});
  start();
  learn_cookie();
  const std::string text(4'000, 'x');
  connect(text);
  const auto first = next_tcp();
  ASSERT_TRUE(first.has_value());
  ASSERT_EQ(first->ip.total_length, 1'492);
  const FourTuple tuple{.local = {.address = kOurs, .port = Port{first->tcp.source_port}},
                        .remote = {.address = kPeer, .port = Port{kOpenPort}}};
  receive(icmp_frame({.type = wire::IcmpType::DestinationUnreachable, .code = 4, .rest = 1'000},
                     tuple, first->tcp.seq, 1'492));
  turn();
  EXPECT_EQ(stats().tcp_path_mtu_lowered, 1U);
  connect(text);
  const auto second = next_tcp();
  ASSERT_TRUE(second && second->options.fast_open);
  EXPECT_FALSE(second->payload.empty());
  EXPECT_LE(second->ip.total_length, 1'000);
}

TEST_F(FastOpen, WhatIsSentAgainIsAPlainSyn) {
  covers({"RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  connect("hello");
  ASSERT_TRUE(next_tcp().has_value());
  wait(1'100ms);
  const auto again = next_tcp();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->tcp.flags.bits(), kSyn);
  EXPECT_TRUE(again->payload.empty());
  EXPECT_FALSE(again->options.fast_open.has_value());
  send(answer_to(*again, 0));
  EXPECT_EQ(next_tcp().value().payload, bytes_of_text("hello"));
  EXPECT_EQ(stats().tcp_fast_opens_lost, 1U);
}

TEST_F(FastOpen, AfterALossTheDestinationIsLeftAlone) {
  covers({"RFC 7413 §4.1.3.1"});
  start();
  learn_cookie();
  connect("hello");
  ASSERT_TRUE(next_tcp().has_value());
  wait(1'100ms);
  send(answer_to(next_tcp().value(), 0));
  sent.clear();
  connect("hello");
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_FALSE(syn->options.fast_open.has_value());
  EXPECT_TRUE(syn->payload.empty());
}

TEST_F(FastOpen, NobodyIsAskedUnlessTheApplicationAsks) {
  covers({"RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  const auto data = std::as_bytes(std::span{std::string_view{"hello"}});
  ASSERT_TRUE(
      tcp()
          .connect(now, {.address = kPeer, .port = Port{kOpenPort}}, recorder, {.data = data})
          .has_value());
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_FALSE(syn->options.fast_open.has_value());
  EXPECT_TRUE(syn->payload.empty());
  send(answer_to(*syn, 0));
  EXPECT_EQ(next_tcp().value().payload, bytes_of_text("hello"));
}

TEST_F(FastOpen, TooMuchDataIsRefusedAndNothingKept) {
  start();
  const std::vector<std::byte> data(16 * 1024 + 1);
  EXPECT_EQ(tcp()
                .connect(now, {.address = kPeer, .port = Port{kOpenPort}}, recorder, {.data = data})
                .error(),
            Error::InvalidArgument);
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(shared_pools().data.in_use(), 0U);
}

TEST_F(FastOpen, AnOpenThatIsRefusedGivesItsDataBack) {
  start();
  learn_cookie();
  connect("hello");
  const auto syn = next_tcp();
  send({.flags = kRst | kAck,
        .ack = syn->tcp.seq + 6,
        .from = kOpenPort,
        .to = syn->tcp.source_port});
  EXPECT_EQ(recorder.outcomes.back().error(), Error::ConnectionRefused);
  turn();
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(FastOpen, CrossingSynsKeepTheData) {
  covers({"MUST-10", "RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  connect("hello");
  const auto syn = next_tcp();
  PeerSegment crossing = answer_to(*syn, 0);
  crossing.flags = kSyn;
  send(crossing);
  EXPECT_EQ(next_flags(), kSyn | kAck);
  PeerSegment done = answer_to(*syn, 0);
  send(done);
  std::vector<std::byte> data;
  while (const auto segment = next_tcp()) {
    data.insert(data.end(), segment->payload.begin(), segment->payload.end());
  }
  EXPECT_EQ(data, bytes_of_text("hello"));
}

TEST_F(FastOpen, CrossingSynsTeachTheCookieAndThatTheDataWasTaken) {
  covers({"MUST-10", "RFC 7413 §4.1.3"});
  start();
  learn_cookie();
  connect("hello");
  const auto syn = next_tcp();
  PeerSegment crossing = answer_to(*syn, 0);
  crossing.flags = kSyn;
  send(crossing);
  EXPECT_EQ(stats().tcp_fast_opens_out, 0U);
  FastOpenCookie other = a_cookie();
  other[0] = std::byte{0xee};
  send(answer_to(*syn, 5, other));
  EXPECT_EQ(stats().tcp_fast_opens_out, 1U);
  sent.clear();
  connect("again");
  const auto next = next_tcp();
  ASSERT_TRUE(next && next->options.fast_open);
  EXPECT_EQ(*next->options.fast_open, other);
}

TEST_F(FastOpen, AnAckAloneMayEndTheCrossing) {
  covers({"MUST-10", "RFC 7413 §4.2.1"});
  start();
  learn_cookie();
  connect("hello");
  const auto syn = next_tcp();
  PeerSegment crossing = answer_to(*syn, 0);
  crossing.flags = kSyn;
  send(crossing);
  sent.clear();
  PeerSegment done = answer_to(*syn, 0);
  done.flags = kAck;
  done.seq = done.seq + 1;
  send(done);
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value()) << "at once: the peer has left it out";
  EXPECT_EQ(data->payload, bytes_of_text("hello"));
}

TEST_F(FastOpen, ADestinationThatRefusesASynWithDataIsLeftAlone) {
  covers({"RFC 7413 §4.1.3.1"});
  start();
  learn_cookie();
  connect("hello");
  PeerSegment refusal = answer_to(next_tcp().value(), 0);
  refusal.flags = kRst | kAck;
  send(refusal);
  ASSERT_EQ(recorder.outcomes.back().error(), Error::ConnectionRefused);
  connect("hello");
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_FALSE(syn->options.fast_open.has_value());
  EXPECT_TRUE(syn->payload.empty());
  // What refuses a plain SYN says nothing of Fast Open.
  refusal = answer_to(*syn, 0);
  refusal.flags = kRst | kAck;
  send(refusal);
  now += config.tcp.fast_open_pause;
  receive(arp_frame({.operation = wire::ArpOperation::Request,
                     .sender_mac = kPeerMac,
                     .sender_ip = kPeer,
                     .target_mac = {},
                     .target_ip = kOurs}));
  turn();
  sent.clear();
  connect("hello");
  const auto later = next_tcp();
  ASSERT_TRUE(later.has_value());
  EXPECT_TRUE(later->options.fast_open.has_value());
}

TEST_F(FastOpen, LingerThatEndsBeforeTheHandshakeTellsThePeer) {
  covers({"RFC 7413 §4.2.2", "RFC 9293 §3.10.5"});
  start_listening();
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.receive_buffer().has_value());
      EXPECT_TRUE(socket.set_linger(500ms).has_value());
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  fast_open(40'000, ask_for_cookie(), "hello");
  EXPECT_EQ(recorder.sockets.back().state(), TcpState::SynReceived);
  wait(499ms);
  EXPECT_TRUE(sent.empty());
  wait(2ms);
  EXPECT_EQ(next_flags(), kRst | kAck);
  EXPECT_EQ(recorder.outcomes.back().error(), Error::ConnectionAborted);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(FastOpen, OnlyThePeersResetCounts) {
  covers({"RFC 7413 §5.1"});
  config.tcp.syn_ack_retries = 1;
  start_listening(1);
  const FastOpenCookie cookie = ask_for_cookie();
  fast_open(40'000, cookie, "one");
  ASSERT_TRUE(recorder.sockets.back().abort().has_value());
  turn();
  EXPECT_EQ(next_flags(), kRst | kAck);
  fast_open(40'001, cookie, "two");
  EXPECT_EQ(recorder.count("accepted"), 2U) << "what the application ended is its own affair";
  wait(10s);
  ASSERT_EQ(recorder.outcomes.back().error(), Error::TimedOut);
  sent.clear();
  fast_open(40'002, cookie, "three");
  EXPECT_EQ(recorder.count("accepted"), 3U) << "it took its place for as long as it lasted";
}

}  // namespace
}  // namespace millrace::stack
