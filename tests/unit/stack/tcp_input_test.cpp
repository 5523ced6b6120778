// What becomes of a segment: every reason to drop it, the answers to those that belong to nothing,
// and TIME-WAIT.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

class TcpInputTest : public StackHost {
 protected:
  void listen() { ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value()); }
  void start_listening() {
    start();
    listen();
  }
  /// Begins to connect and takes the SYN. The peer's sequence numbers start at 5'000.
  Peer connect() {
    const auto handle =
        tcp().connect(now, {.address = kPeer, .port = Port{9'000}}, recorder, ConnectOptions{});
    EXPECT_TRUE(handle.has_value());
    turn();
    const auto syn = next_tcp();
    EXPECT_TRUE(syn && syn->tcp.flags.bits() == kSyn);
    return {.port = 9'000,
            .our_port = syn->tcp.source_port,
            .seq = SeqNum{5'000},
            .ack = syn->tcp.seq + 1};
  }
  /// Sends the segment and takes a turn.
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  /// The one frame sent is a segment with these flags.
  void expect_answer(std::uint8_t flags) {
    EXPECT_EQ(next_flags(), flags);
    EXPECT_TRUE(sent.empty());
  }
  /// That reason was counted once, and no other.
  void expect_only(DropReason reason) {
    std::uint64_t in_all = 0;
    for (const std::uint64_t count : stats().drops) {
      in_all += count;
    }
    EXPECT_EQ(dropped(reason), 1U) << to_string(reason);
    EXPECT_EQ(in_all, 1U);
  }

  Recorder recorder;
};

// Format.

TEST_F(TcpInputTest, ASegmentShorterThanItsHeader) {
  start_listening();
  receive(ipv4_frame(wire::IpProtocol::Tcp, std::vector<std::byte>(19)));
  turn();
  expect_only(DropReason::TcpTooShort);
  EXPECT_TRUE(sent.empty());
}

TEST_F(TcpInputTest, ADataOffsetPastTheEnd) {
  start_listening();
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn});
  bytes[12] = std::byte{0xf0};
  fill_tcp_checksum(bytes, kPeer, kOurs);
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  turn();
  expect_only(DropReason::TcpBadDataOffset);
}

TEST_F(TcpInputTest, AWrongChecksum) {
  test::covers({"MUST-3"});
  start_listening();
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn, .payload = bytes_of_text("odd")});
  bytes.back() ^= std::byte{1};
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  turn();
  expect_only(DropReason::TcpBadChecksum);
  EXPECT_TRUE(sent.empty());
}

std::vector<std::byte> with_partial_checksum(std::vector<std::byte> bytes) {
  wire::Checksum sum;
  sum.add_pseudo_header(kPeer, kOurs, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(bytes.size()));
  wire::set_tcp_checksum(bytes, sum.folded());
  return bytes;
}

TEST_F(TcpInputTest, AChecksumThatANicWasToFinish) {
  start_listening();
  receive(ipv4_frame(wire::IpProtocol::Tcp,
                     with_partial_checksum(tcp_bytes({.flags = kSyn, .payload = {}}))));
  turn();
  expect_only(DropReason::TcpPartialChecksum);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(stack->take_unfinished(),
            (UnfinishedFrames{.interface_index = 0, .reason = DropReason::TcpPartialChecksum}));
}

TEST_F(TcpInputTest, UnfinishedChecksumsAreToldOfOnceInALongWhile) {
  start_listening();
  const auto receive_one = [this] {
    receive(ipv4_frame(wire::IpProtocol::Tcp, with_partial_checksum(tcp_bytes({.flags = kSyn}))));
  };
  EXPECT_FALSE(stack->take_unfinished().has_value());
  receive_one();
  receive_one();
  EXPECT_TRUE(stack->take_unfinished().has_value());
  EXPECT_FALSE(stack->take_unfinished().has_value());
  wait(OffloadWatch::kQuiet - 1s);
  receive_one();
  EXPECT_FALSE(stack->take_unfinished().has_value());
  wait(1s);
  receive_one();
  EXPECT_TRUE(stack->take_unfinished().has_value());
  EXPECT_EQ(dropped(DropReason::TcpPartialChecksum), 4U);
}

TEST_F(TcpInputTest, AWrongChecksumIsNotToldOf) {
  start_listening();
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn});
  bytes.back() ^= std::byte{1};
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  EXPECT_FALSE(stack->take_unfinished().has_value());
}

TEST_F(TcpInputTest, FramesThatWereJoinedAndCutOffAreToldOf) {
  start_listening();
  packet::Packet frame = ipv4_frame(wire::IpProtocol::Tcp, tcp_bytes({.flags = kSyn}));
  frame.data()[wire::kEthernetHeaderSize + 2] = std::byte{0xff};
  receive(std::move(frame));
  expect_only(DropReason::Ipv4Truncated);
  EXPECT_EQ(stack->take_unfinished(),
            (UnfinishedFrames{.interface_index = 0, .reason = DropReason::Ipv4Truncated}));
}

TEST_F(TcpInputTest, OptionsOfAnImpossibleLength) {
  test::covers({"MUST-7"});
  start_listening();
  wire::TcpOptions options;
  options.mss = 1'460;
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn, .options = options});
  bytes[wire::kTcpHeaderSize + 1] = std::byte{0};
  fill_tcp_checksum(bytes, kPeer, kOurs);
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  turn();
  expect_only(DropReason::TcpBadOptions);
  EXPECT_TRUE(sent.empty());
}

TEST_F(TcpInputTest, OptionsMayComeWithAnySegment) {
  test::covers({"MUST-5"});
  start_listening();
  Peer peer = open(40'000);
  PeerSegment data = segment_of(peer, kAck, "hello");
  data.options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 2};
  std::vector<std::byte> bytes = tcp_bytes(data);
  // The no-operations before the timestamps make room for an option that nobody knows.
  bytes[wire::kTcpHeaderSize] = std::byte{253};
  bytes[wire::kTcpHeaderSize + 1] = std::byte{2};
  fill_tcp_checksum(bytes, kPeer, kOurs);
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  turn();
  EXPECT_EQ(recorder.sockets.back().readable(), 5U);
  peer.seq += 5;
  PeerSegment last = segment_of(peer, kAck | kFin);
  last.options.timestamps = wire::TcpTimestamps{.value = 3, .echo = 4};
  send(last);
  EXPECT_EQ(recorder.sockets.back().state(), TcpState::CloseWait);
}

TEST_F(TcpInputTest, ASynToManyIsIgnored) {
  test::covers({"MUST-57"});
  start_listening();
  for (const IpAddress& many : {kLinkBroadcast, IpAddress::v4(255, 255, 255, 255)}) {
    const std::uint64_t before = dropped(DropReason::TcpNotUnicast);
    send({.flags = kSyn, .destination = many});
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(dropped(DropReason::TcpNotUnicast), before + 1);
  }
  EXPECT_EQ(stack->usage().connections, 0U);
}

TEST_F(TcpInputTest, APortOfZero) {
  start_listening();
  send({.flags = kSyn, .from = 0});
  expect_only(DropReason::TcpBadPort);
  EXPECT_TRUE(sent.empty());
}

TEST_F(TcpInputTest, TheDevicesVerdictIsBelieved) {
  test::covers({"MUST-3"});
  start_listening();
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn});
  bytes[16] ^= std::byte{1};
  packet::Packet frame = ipv4_frame(wire::IpProtocol::Tcp, bytes);
  frame.get()->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  receive(std::move(frame));
  turn();
  expect_answer(kSyn | kAck);
  frame = frame_of({.flags = kSyn, .from = 40'001});
  frame.get()->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD;
  receive(std::move(frame));
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpBadChecksum), 1U);
}

// No connection and no listener: RFC 9293 §3.10.7.1.

struct StrayCase {
  const char* name;
  std::uint8_t flags;
  std::size_t payload_bytes;
  std::uint8_t answer;  ///< 0: none.
  std::uint32_t seq;    ///< Of the answer.
  std::uint32_t ack;
};

TEST_F(TcpInputTest, WhatBelongsToNothingIsAnsweredByAReset) {
  test::covers({"RFC 9293 §3.10.7.1"});
  start();
  const std::vector<StrayCase> cases{
      {"SYN", kSyn, 0, kRst | kAck, 0, 101},
      {"SYN with data", kSyn, 10, kRst | kAck, 0, 111},
      {"SYN and FIN", kSyn | kFin, 0, kRst | kAck, 0, 102},
      {"data without ACK", 0, 10, kRst | kAck, 0, 110},
      {"ACK", kAck, 0, kRst, 200, 0},
      {"SYN,ACK", kSyn | kAck, 0, kRst, 200, 0},
      {"FIN,ACK", kFin | kAck, 3, kRst, 200, 0},
      {"RST", kRst, 0, 0, 0, 0},
      {"RST,ACK", kRst | kAck, 0, 0, 0, 0},
  };
  for (const StrayCase& each : cases) {
    SCOPED_TRACE(each.name);
    const std::uint64_t before = dropped(DropReason::TcpNoConnection);
    send({.flags = each.flags,
          .seq = SeqNum{100},
          .ack = SeqNum{200},
          .payload = std::vector<std::byte>(each.payload_bytes)});
    EXPECT_EQ(dropped(DropReason::TcpNoConnection), before + 1);
    const auto answer = next_tcp();
    ASSERT_EQ(answer.has_value(), each.answer != 0);
    if (answer) {
      EXPECT_EQ(answer->tcp.flags.bits(), each.answer);
      EXPECT_EQ(answer->tcp.seq.value(), each.seq);
      EXPECT_EQ(answer->tcp.ack.value(), each.ack);
      EXPECT_EQ(answer->tcp.source_port, kServerPort.number());
      EXPECT_EQ(answer->ethernet.destination, kPeerMac);
    }
  }
}

// LISTEN: RFC 9293 §3.10.7.2.

TEST_F(TcpInputTest, ASynToAListenerIsAnswered) {
  test::covers({"MUST-14", "MUST-67", "SHLD-5", "MAY-3", "RFC 9293 §3.10.7.2"});
  start_listening();
  wire::TcpOptions options;
  options.mss = 1'460;
  options.window_scale = 7;
  send({.flags = kSyn, .seq = SeqNum{0xffff'ffff}, .options = options});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(answer->tcp.ack, SeqNum{0});
  EXPECT_EQ(answer->options.mss, 1'460);
  EXPECT_TRUE(answer->options.window_scale.has_value());
  EXPECT_FALSE(answer->options.sack_permitted);
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(TcpInputTest, AListenerIgnoresResetsAndAnswersAcks) {
  test::covers({"RFC 9293 §3.10.7.2"});
  start_listening();
  send({.flags = kRst});
  EXPECT_TRUE(sent.empty());
  send({.flags = kAck, .ack = SeqNum{200}});
  expect_answer(kRst);
  EXPECT_EQ(dropped(DropReason::TcpNoConnection), 2U);
}

TEST_F(TcpInputTest, AListenerTakesNoStrangeFlags) {
  start_listening();
  for (const std::uint8_t flags : {std::uint8_t{0}, kFin, std::uint8_t{kSyn | kFin}}) {
    SCOPED_TRACE(flags);
    send({.flags = flags});
    EXPECT_TRUE(sent.empty());
  }
  EXPECT_EQ(dropped(DropReason::TcpBadFlags), 3U);
  EXPECT_TRUE(stack->is_empty());
}

// SYN-RECEIVED.

TEST_F(TcpInputTest, ARepeatedSynGetsItsAnswerAgain) {
  start_listening();
  const Peer peer = half_open(40'000);
  send({.flags = kSyn, .seq = peer.seq - 1, .from = peer.port});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_EQ(answer->tcp.seq, peer.ack - 1);
  EXPECT_EQ(stack->usage().connections, 1U);
}

TEST_F(TcpInputTest, AWrongAckInSynReceivedIsAnsweredByAReset) {
  start_listening();
  Peer peer = half_open(40'000);
  peer.ack += 1;
  send(segment_of(peer));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kRst);
  EXPECT_EQ(answer->tcp.seq, peer.ack);
  expect_only(DropReason::TcpBadHandshakeAck);
  EXPECT_EQ(stack->usage().connections, 1U) << "the right ACK may still come";
}

TEST_F(TcpInputTest, AResetInSynReceivedIsHeardOfByNobody) {
  test::covers({"MUST-11"});
  start_listening();
  const Peer peer = half_open(40'000);
  send(segment_of(peer, kRst));
  EXPECT_TRUE(sent.empty());
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpInputTest, DataAndFinMayComeWithTheLastAckOfTheHandshake) {
  start_listening();
  const Peer peer = half_open(40'000);
  recorder.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(5).has_value());
    }
  };
  send(segment_of(peer, kAck | kFin, "hello"));
  turn();
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable", "finished"}));
}

// SYN-SENT: RFC 9293 §3.10.7.3.

TEST_F(TcpInputTest, AnAckOfSomethingElseInSynSentIsAnsweredByAReset) {
  test::covers({"RFC 9293 §3.10.7.3"});
  start();
  Peer peer = connect();
  peer.ack += 1;
  send(segment_of(peer, kSyn | kAck));
  expect_answer(kRst);
  expect_only(DropReason::TcpBadHandshakeAck);
  // The attempt goes on.
  peer.ack = peer.ack - 1;
  send(segment_of(peer, kSyn | kAck));
  expect_answer(kAck);
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"connected"}));
}

TEST_F(TcpInputTest, AResetThatAcknowledgesOurSynRefuses) {
  test::covers({"RFC 9293 §3.10.7.3"});
  start();
  const Peer peer = connect();
  send(segment_of(peer, kRst | kAck));
  EXPECT_TRUE(sent.empty());
  ASSERT_EQ(recorder.heard, (std::vector<std::string>{"closed"}));
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionRefused);
  EXPECT_EQ(stats().tcp_failed_opens, 1U);
}

TEST_F(TcpInputTest, AResetThatAcknowledgesNothingIsIgnoredInSynSent) {
  test::covers({"RFC 9293 §3.10.7.3"});
  start();
  const Peer peer = connect();
  send(segment_of(peer, kRst));
  EXPECT_TRUE(recorder.heard.empty());
  expect_only(DropReason::TcpBadReset);
}

TEST_F(TcpInputTest, AnAckWithoutSynMeansNothingInSynSent) {
  start();
  const Peer peer = connect();
  send(segment_of(peer, kAck));
  EXPECT_TRUE(sent.empty());
  expect_only(DropReason::TcpBadFlags);
}

// Synchronized states.

TEST_F(TcpInputTest, ASegmentOutsideOfTheWindowIsAnsweredByAnAck) {
  start_listening();
  Peer peer = open(40'000);
  peer.seq = peer.seq + 10'000'000;
  send(segment_of(peer, kAck, "far away"));
  expect_answer(kAck);
  expect_only(DropReason::TcpOutOfWindow);
}

TEST_F(TcpInputTest, AResetOutsideOfTheWindowIsIgnored) {
  test::covers({"RFC 5961 §3.2"});
  start_listening();
  Peer peer = open(40'000);
  peer.seq = peer.seq - 1;
  send(segment_of(peer, kRst));
  EXPECT_TRUE(sent.empty());
  expect_only(DropReason::TcpOutOfWindow);
}

TEST_F(TcpInputTest, AResetNextToTheRightPlaceIsAskedAbout) {
  test::covers({"RFC 5961 §3.2"});
  start_listening();
  Peer peer = open(40'000);
  peer.seq += 1;
  send(segment_of(peer, kRst));
  expect_answer(kAck);
  expect_only(DropReason::TcpBadReset);
  // RFC 5961 §3.2: a peer that means it answers with the exact one.
  peer.seq = peer.seq - 1;
  send(segment_of(peer, kRst));
  EXPECT_EQ(recorder.heard.back(), "closed");
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionReset);
  EXPECT_EQ(stats().tcp_resets_in, 1U);
}

TEST_F(TcpInputTest, ASynInTheWindowIsAskedAbout) {
  test::covers({"RFC 5961 §4.2"});
  start_listening();
  const Peer peer = open(40'000);
  send(segment_of(peer, kSyn));
  expect_answer(kAck);
  expect_only(DropReason::TcpUnexpectedSyn);
  EXPECT_EQ(stack->usage().connections, 1U);
}

TEST_F(TcpInputTest, ASegmentWithoutAckIsDropped) {
  start_listening();
  const Peer peer = open(40'000);
  send(segment_of(peer, 0, "data"));
  EXPECT_TRUE(sent.empty());
  expect_only(DropReason::TcpNoAck);
  EXPECT_EQ(recorder.count("readable"), 0U);
}

TEST_F(TcpInputTest, AnAckOfTheUnsentIsAskedAbout) {
  test::covers({"RFC 5961 §5.2", "MAY-12"});
  start_listening();
  Peer peer = open(40'000);
  peer.ack += 1;
  send(segment_of(peer, kAck, "data"));
  expect_answer(kAck);
  expect_only(DropReason::TcpBadAck);
  EXPECT_EQ(recorder.count("readable"), 0U);
}

TEST_F(TcpInputTest, AnAckOlderThanAnyWindowIsAskedAbout) {
  test::covers({"RFC 5961 §5.2", "MAY-12"});
  start_listening();
  Peer peer = open(40'000);
  peer.ack = peer.ack - 200'000;
  send(segment_of(peer, kAck, "data"));
  expect_answer(kAck);
  expect_only(DropReason::TcpBadAck);
}

TEST_F(TcpInputTest, RepeatedDataIsAcknowledgedAgain) {
  start_listening();
  const Peer peer = open(40'000);
  send(segment_of(peer, kAck, "data"));
  EXPECT_TRUE(sent.empty()) << "the ACK is delayed";
  send(segment_of(peer, kAck, "data"));
  expect_answer(kAck);
  expect_only(DropReason::TcpDuplicateData);
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(TcpInputTest, OutOfOrderDataBeyondTheLimitIsDropped) {
  config.tcp.reassembly_segments_max = 1;
  start_listening();
  Peer peer = open(40'000);
  peer.seq += 10;
  send(segment_of(peer, kAck, "kept"));
  expect_answer(kAck);
  peer.seq += 10;
  send(segment_of(peer, kAck, "not kept"));
  expect_answer(kAck);
  expect_only(DropReason::TcpReassemblyFull);
  EXPECT_EQ(stats().tcp_out_of_order_segments, 2U);
}

TEST_F(TcpInputTest, DataBeyondTheCoresBudgetIsDropped) {
  packet::CorePools small = test::make_core_pools({.data = 31, .headers = 127, .references = 31});
  start(small);
  listen();
  Peer peer = open(40'000);
  // Too large to be copied into the packet before, so each holds a buffer: 23 of the 31 may wait.
  const std::string text(1'100, 'x');
  for (int i = 0; i < 24; ++i) {
    receive(segment_of(peer, kAck, text));
    peer.seq += 1'100;
  }
  turn();
  expect_only(DropReason::TcpReceiveFull);
  EXPECT_EQ(recorder.sockets.back().readable(), 23U * 1'100U);
  // When the application reads, what was dropped is taken.
  EXPECT_TRUE(recorder.sockets.back().consume(1'100).has_value());
  turn();
  sent.clear();
  peer.seq = peer.seq - 1'100;
  send(segment_of(peer, kAck, text));
  EXPECT_EQ(recorder.sockets.back().readable(), 23U * 1'100U);
  stack.reset();
  EXPECT_EQ(small.in_use(), 0U);
}

TEST_F(TcpInputTest, DataForAnApplicationThatHasClosedIsAnsweredByAReset) {
  test::covers({"SHLD-3", "MAY-1"});
  start_listening();
  Peer peer = open(40'000);
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  expect_answer(kFin | kAck);
  peer.ack += 1;
  send(segment_of(peer, kAck, "too late"));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->tcp.flags.rst());
  expect_only(DropReason::TcpAfterClose);
  EXPECT_EQ(recorder.outcomes.back().error(), Error::ConnectionAborted);
  EXPECT_TRUE(stack->is_empty());
}

// TIME-WAIT.

TEST_F(TcpInputTest, ARepeatedFinIsAcknowledgedAndWaitedForAgain) {
  test::covers({"MUST-13"});
  config.tcp.msl = 5s;
  start_listening();
  Peer peer = open_and_time_wait(40'000, recorder);
  wait(8s);
  sent.clear();
  peer.seq = peer.seq - 1;
  send(segment_of(peer, kFin | kAck));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kAck);
  EXPECT_EQ(answer->tcp.seq, peer.ack);
  EXPECT_EQ(answer->tcp.ack, peer.seq + 1);
  expect_only(DropReason::TcpTimeWait);
  wait(9s);
  EXPECT_EQ(stack->usage().time_wait, 1U);
  wait(2s);
  EXPECT_EQ(stack->usage().time_wait, 0U);
}

TEST_F(TcpInputTest, AResetDoesNotEndTimeWait) {
  test::covers({"RFC 1337 §3"});
  start_listening();
  const Peer peer = open_and_time_wait(40'000, recorder);
  send(segment_of(peer, kRst));
  EXPECT_TRUE(sent.empty());
  expect_only(DropReason::TcpTimeWait);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(TcpInputTest, APureAckIsNotAnsweredInTimeWait) {
  start_listening();
  const Peer peer = open_and_time_wait(40'000, recorder);
  send(segment_of(peer));
  EXPECT_TRUE(sent.empty());
  expect_only(DropReason::TcpTimeWait);
}

TEST_F(TcpInputTest, ANewSynReopensAConnectionInTimeWait) {
  test::covers({"MAY-2"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  send({.flags = kSyn, .seq = old.seq + 1, .from = old.port});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
  EXPECT_TRUE(answer->tcp.seq.is_after(old.ack)) << "beyond all that the old one has sent";
  EXPECT_EQ(stack->usage().time_wait, 0U);
  send(segment_of({.port = old.port, .seq = old.seq + 2, .ack = answer->tcp.seq + 1}));
  EXPECT_EQ(recorder.count("accepted"), 2U);
}

TEST_F(TcpInputTest, AnOldSynDoesNotReopenAConnectionInTimeWait) {
  test::covers({"MAY-2"});
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder, SeqNum{0xffff'fff0});
  send({.flags = kSyn, .seq = old.seq, .from = old.port});
  expect_answer(kAck);
  expect_only(DropReason::TcpTimeWait);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(TcpInputTest, ATupleInTimeWaitIsNotConnectedFrom) {
  start_listening();
  const Peer old = open_and_time_wait(40'000, recorder);
  const auto again = tcp().connect(now, {.address = kPeer, .port = Port{old.port}}, recorder,
                                   {.local_address = kOurs, .local_port = kServerPort});
  EXPECT_EQ(again.error(), Error::AddressInUse);
}

// Resources.

TEST_F(TcpInputTest, AnAnswerThatFindsNoPacketIsCounted) {
  packet::CorePools small = test::make_core_pools({.data = 15, .headers = 15, .references = 15});
  start(small);
  while (packet::Packet packet = small.headers.allocate()) {
    held.push_back(std::move(packet));
  }
  send({.flags = kSyn});
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::OutOfPackets), 1U);
  held.clear();
  stack.reset();
  EXPECT_EQ(small.in_use(), 0U);
}

}  // namespace
}  // namespace millrace::stack
