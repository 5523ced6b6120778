// What applications choose for listeners and connections, from the public calls to the segments,
// and what a socket tells of itself.
#include <gtest/gtest.h>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

wire::TcpOptions offering(std::uint16_t mss) {
  wire::TcpOptions options;
  options.mss = mss;
  options.window_scale = 2;
  return options;
}

class TcpTuningTest : public StackHost {
 protected:
  void listen(const ListenOptions& options) {
    start();
    listener = tcp().listen(options, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }

  Recorder recorder;
  base::SlotHandle listener;
};

TEST_F(TcpTuningTest, RefusesWhatIsOutOfRange) {
  start();
  EXPECT_EQ(tcp().listen({.port = kServerPort, .tuning = {.max_segment_bytes = 87}}, recorder),
            fail(Error::InvalidArgument));
  EXPECT_EQ(tcp().listen({.port = kServerPort, .defer_accept = -1s}, recorder),
            fail(Error::InvalidArgument));
  EXPECT_EQ(tcp().listen({.port = kServerPort, .defer_accept = 1h + 1s}, recorder),
            fail(Error::InvalidArgument));
  EXPECT_EQ(tcp().connect(now, {.address = kPeer, .port = Port{9}}, recorder,
                          {.tuning = {.window_clamp_bytes = 1}}),
            fail(Error::InvalidArgument));
  EXPECT_TRUE(stack->is_empty());
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder));
  static_cast<void>(open(40'000));
  const TcpSocket socket = recorder.sockets.back();
  ASSERT_TRUE(socket.set_tuning({.unsent_limit_bytes = 5'000}));
  EXPECT_EQ(socket.set_tuning({.send_buffer_bytes = 1}), fail(Error::InvalidArgument));
  EXPECT_EQ(socket.tuning(), (TcpTuning{.unsent_limit_bytes = 5'000}));
  ASSERT_TRUE(socket.set_tuning({}));
  EXPECT_EQ(socket.tuning(), TcpTuning{});
}

TEST_F(TcpTuningTest, StaleHandlesTellNothing) {
  const TcpSocket none;
  EXPECT_EQ(none.set_cork(true), fail(Error::StaleHandle));
  EXPECT_EQ(none.set_quick_acks(true), fail(Error::StaleHandle));
  EXPECT_EQ(none.set_tuning({}), fail(Error::StaleHandle));
  EXPECT_EQ(none.tuning(), TcpTuning{});
  EXPECT_EQ(none.unsent(), 0U);
  EXPECT_EQ(none.info().error(), Error::StaleHandle);
  EXPECT_EQ(none.congestion_control().error(), Error::StaleHandle);
  EXPECT_EQ(none.set_congestion_control("reno"), fail(Error::StaleHandle));
}

TEST_F(TcpTuningTest, CongestionControlIsChosenByName) {
  listen({.port = kServerPort});
  static_cast<void>(open(40'000));
  const TcpSocket socket = recorder.sockets.back();
  EXPECT_EQ(socket.congestion_control(), "cubic");
  const std::uint32_t window = socket.info()->cwnd;
  for (const char* const name : {"reno", "dctcp", "bbr", "cubic"}) {
    EXPECT_TRUE(socket.set_congestion_control(name));
    EXPECT_EQ(socket.congestion_control(), name);
    EXPECT_EQ(socket.info()->cwnd, window) << "what there is stays";
    EXPECT_EQ(socket.info()->pacing_rate != 0, std::string_view{name} == "bbr");
  }
  EXPECT_EQ(socket.set_congestion_control("vegas"), fail(Error::Unsupported));
  EXPECT_EQ(socket.congestion_control(), "cubic");
}

TEST_F(TcpTuningTest, ListenersPassTheirControllerOn) {
  listen({.port = kServerPort, .tuning = {.congestion_control = CongestionKind::Bbr}});
  static_cast<void>(open(40'000));
  EXPECT_EQ(recorder.sockets.back().congestion_control(), "bbr");
  EXPECT_EQ(recorder.sockets.back().tuning().congestion_control, CongestionKind::Bbr);
}

TEST_F(TcpTuningTest, ListenersPassTheirsOn) {
  covers({"MUST-14", "RFC 7323 §2.2"});
  listen(
      {.port = kServerPort, .tuning = {.receive_buffer_bytes = 16'384, .max_segment_bytes = 700}});
  receive({.flags = kSyn, .seq = SeqNum{1'000}, .options = offering(1'400)});
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->options.mss, 700);
  EXPECT_EQ(answer->options.window_scale, 0);
  EXPECT_EQ(answer->tcp.window, 8'192);
  send({.seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1});
  const TcpSocket socket = recorder.sockets.back();
  EXPECT_EQ(socket.tuning().max_segment_bytes, 700);
  EXPECT_EQ(socket.info()->send_mss, 700);
}

TEST_F(TcpTuningTest, CookiesSayTheListenersSegmentSize) {
  covers({"RFC 4987 §3.6"});
  config.tcp.syn_cookies = SynCookies::Always;
  listen({.port = kServerPort, .tuning = {.max_segment_bytes = 700}});
  for (std::uint16_t port = 40'000; port < 40'200; ++port) {
    receive({.flags = kSyn, .seq = SeqNum{1'000}, .from = port, .options = offering(1'400)});
    turn();
    const auto answer = next_tcp();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->options.mss, 700);
  }
}

TEST_F(TcpTuningTest, ActiveOpensSayWhatWasChosen) {
  covers({"MUST-14"});
  start();
  ASSERT_TRUE(tcp().connect(now, {.address = kPeer, .port = Port{9}}, recorder,
                            {.tuning = {.window_clamp_bytes = 4'000, .max_segment_bytes = 500}}));
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->options.mss, 500);
  EXPECT_EQ(syn->options.window_scale, 0);
  EXPECT_EQ(syn->tcp.window, 4'000);
}

TEST_F(TcpTuningTest, TuningsComeBackWithTheirConnections) {
  config.max_connections = 4;
  config.tcp.msl = 1ms;
  listen({.port = kServerPort, .tuning = {.max_segment_bytes = 700}});
  for (unsigned i = 0; i < 20; ++i) {
    const Peer peer = open(static_cast<std::uint16_t>(40'000 + i));
    ASSERT_TRUE(recorder.sockets.back().set_tuning({.unsent_limit_bytes = 9'000}));
    send(segment_of(peer, kRst));
    turn();
  }
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpTuningTest, DeferredAcceptWaitsForData) {
  listen({.port = kServerPort, .defer_accept = 3s});
  const Peer peer = half_open(40'000);
  send(segment_of(peer));
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_EQ(dropped(DropReason::TcpAcceptDeferred), 1U);
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 1U);
  send(segment_of(peer, kAck, "GET"));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 0U);
}

TEST_F(TcpTuningTest, DeferredAcceptEndsWithTheTime) {
  listen({.port = kServerPort, .defer_accept = 3s});
  const Peer peer = half_open(40'000);
  send(segment_of(peer));
  wait(2'999ms);
  EXPECT_TRUE(sent.empty());
  wait(2ms);
  EXPECT_EQ(next_flags(), kSyn | kAck);
  send(segment_of(peer));
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted"}));
}

TEST_F(TcpTuningTest, InfoCountsFromTheSynOn) {
  listen({.port = kServerPort});
  Peer peer = open(40'000);
  const TcpSocket socket = recorder.sockets.back();
  TcpInfo info = socket.info().value();
  EXPECT_EQ(info.segments_in, 2U);
  EXPECT_EQ(info.segments_out, 1U);
  EXPECT_EQ(info.path_mtu, 1'500U);
  EXPECT_EQ(info.bytes_acked, 0U);  // As Linux counts who was asked.
  EXPECT_EQ(info.bytes_received, 0U);
  ASSERT_TRUE(socket.send("hello"));
  turn();
  EXPECT_EQ(socket.unsent(), 0U);
  peer.ack += 5;
  send(segment_of(peer, kAck, "world!"));
  info = socket.info().value();
  EXPECT_EQ(info.bytes_acked, 5U);
  EXPECT_EQ(info.bytes_sent, 5U);
  EXPECT_EQ(info.bytes_received, 6U);
  EXPECT_EQ(info.unread_bytes, 6U);
  EXPECT_EQ(info.segments_in, 3U);
  EXPECT_EQ(info.delivered, 1U);
}

TEST_F(TcpTuningTest, InfoOfAnActiveOpenCountsTheSyn) {
  start();
  const auto handle = tcp().connect(now, {.address = kPeer, .port = Port{9}}, recorder, {}).value();
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn);
  EXPECT_EQ(socket_of(handle).info()->bytes_received, 0U);
  send({.flags = kSyn | kAck,
        .seq = SeqNum{0xffff'ffff},
        .ack = syn->tcp.seq + 1,
        .from = 9,
        .to = syn->tcp.source_port});
  const TcpInfo info = socket_of(handle).info().value();
  EXPECT_EQ(info.state, TcpState::Established);
  EXPECT_EQ(info.bytes_acked, 1U);  // As Linux counts who asked.
  EXPECT_EQ(info.bytes_received, 0U);
  EXPECT_EQ(info.segments_in, 1U);
  EXPECT_EQ(info.segments_out, 2U);
}

TEST_F(TcpTuningTest, UnsentLimitTellsTheApplicationInTheTurn) {
  listen({.port = kServerPort});
  static_cast<void>(open(40'000));
  const TcpSocket socket = recorder.sockets.back();
  ASSERT_TRUE(socket.set_tuning({.unsent_limit_bytes = 4'000}));
  const std::string text(60'000, 'x');
  const auto first = socket.send(text);
  ASSERT_TRUE(first);
  EXPECT_LT(*first, 10'000U);
  recorder.heard.clear();
  turn();  // All of it fits into the initial window.
  EXPECT_EQ(socket.unsent(), 0U);
  turn();
  EXPECT_EQ(recorder.count("writable"), 1U);
  EXPECT_TRUE(socket.send(text));
}

}  // namespace
}  // namespace millrace::stack
