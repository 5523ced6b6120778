// LISTEN: RFC 9293 §3.10.7.2, who may be spoken to (§3.9.1.1, §3.9.2.3), and that opens do not
// disturb each other.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

constexpr std::uint8_t kPsh = wire::TcpFlags::kPsh;
constexpr std::uint8_t kUrg = wire::TcpFlags::kUrg;
constexpr std::uint8_t kEce = wire::TcpFlags::kEce;
constexpr std::uint8_t kCwr = wire::TcpFlags::kCwr;

class ListenerInput : public StackHost {
 protected:
  void start_listening() {
    start();
    listener = tcp().listen({.port = kServerPort}, recorder).value();
  }
  void send(const PeerSegment& segment) {
    receive(segment);
    turn();
  }
  Result<base::SlotHandle> connect(const IpAddress& to, const ConnectOptions& options = {}) {
    return tcp().connect(now, {.address = to, .port = Port{9'000}}, recorder, options);
  }

  Recorder recorder;
  base::SlotHandle listener;
};

struct ListenCase {
  const char* name;
  std::uint8_t flags;
  std::uint8_t answer;  ///< 0: none.
  DropReason reason;
};

constexpr ListenCase kCases[] = {
    {"nothing", 0, 0, DropReason::TcpBadFlags},
    {"RST", kRst, 0, DropReason::TcpNoConnection},
    {"RST,ACK", kRst | kAck, 0, DropReason::TcpNoConnection},
    {"RST,SYN", kRst | kSyn, 0, DropReason::TcpNoConnection},
    {"everything", kRst | kSyn | kAck | kFin, 0, DropReason::TcpNoConnection},
    {"ACK", kAck, kRst, DropReason::TcpNoConnection},
    {"SYN,ACK", kSyn | kAck, kRst, DropReason::TcpNoConnection},
    {"FIN,ACK", kFin | kAck, kRst, DropReason::TcpNoConnection},
    {"SYN,FIN,ACK", kSyn | kFin | kAck, kRst, DropReason::TcpNoConnection},
    {"FIN", kFin, 0, DropReason::TcpBadFlags},
    {"SYN,FIN", kSyn | kFin, 0, DropReason::TcpBadFlags},
    {"PSH,URG", kPsh | kUrg, 0, DropReason::TcpBadFlags},
};

TEST_F(ListenerInput, AnswersWhatIsNoSynByTheTable) {
  covers({"RFC 9293 §3.10.7.2"});
  start_listening();
  for (const ListenCase& each : kCases) {
    SCOPED_TRACE(each.name);
    for (const std::string_view text : {"", "data"}) {
      const std::uint64_t before = dropped(each.reason);
      send({.flags = each.flags,
            .seq = SeqNum{100},
            .ack = SeqNum{200},
            .payload = bytes_of_text(text)});
      EXPECT_EQ(dropped(each.reason), before + 1);
      const auto answer = next_tcp();
      ASSERT_EQ(answer.has_value(), each.answer != 0);
      if (answer) {
        EXPECT_EQ(answer->tcp.flags.bits(), each.answer);
        EXPECT_EQ(answer->tcp.seq, SeqNum{200});
      }
    }
  }
  EXPECT_TRUE(stack->is_empty());
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(ListenerInput, TakesASynWithOtherBits) {
  covers({"RFC 9293 §3.10.7.2", "SHLD-8"});
  start_listening();
  std::uint16_t port = 40'000;
  for (const std::uint8_t bits : {kPsh, kUrg, kEce, kCwr, std::uint8_t{kEce | kCwr},
                                  std::uint8_t{kPsh | kUrg | kEce | kCwr}}) {
    SCOPED_TRACE(unsigned{bits});
    send({.flags = static_cast<std::uint8_t>(kSyn | bits), .from = port++});
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->tcp.flags.has(kSyn | kAck));
  }
}

TEST_F(ListenerInput, LeavesDataOnASynToBeSentAgain) {
  covers({"RFC 9293 §3.10.7.2", "RFC 9293 §3.4"});
  start_listening();
  send({.flags = kSyn, .seq = SeqNum{1'000}, .payload = bytes_of_text("early"), .from = 40'000});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.ack, SeqNum{1'001});
  const Peer peer{.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1};
  send(segment_of(peer));
  EXPECT_EQ(recorder.count("readable"), 0U);
  send(segment_of(peer, kAck, "early"));
  EXPECT_EQ(recorder.count("readable"), 1U);
}

TEST_F(ListenerInput, ASynForANewStartReplacesAHalfOpenConnection) {
  covers({"MUST-11", "RFC 9293 §3.10.7.4 step 4"});
  start_listening();
  half_open(40'000, SeqNum{1'000});
  // The peer was started anew and took the same port.
  send({.flags = kSyn, .seq = SeqNum{2'000}, .from = 40'000});
  EXPECT_TRUE(sent.empty());
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 0U);
  const Peer peer = half_open(40'000, SeqNum{2'000});
  send(segment_of(peer));
  EXPECT_EQ(recorder.count("accepted"), 1U);
}

TEST_F(ListenerInput, AListenDisturbsNothingThatIsThere) {
  covers({"MUST-41"});
  start_listening();
  const Peer peer = open(40'000);
  EXPECT_EQ(tcp().listen({.port = kServerPort}, recorder).error(), Error::AddressInUse);
  EXPECT_EQ(tcp().listen({.port = kServerPort, .address = kOurs}, recorder).error(),
            Error::AddressInUse);
  send(segment_of(peer, kAck, "still here"));
  EXPECT_EQ(recorder.count("readable"), 1U);
  open(40'001);
  EXPECT_EQ(recorder.count("accepted"), 2U);
}

TEST_F(ListenerInput, EachPassiveOpenHasItsOwnRecord) {
  covers({"MUST-41"});
  start_listening();
  Peer first = open(40'000);
  const Peer second = open(40'001);
  send(segment_of(second, kRst));
  EXPECT_EQ(recorder.count("closed"), 1U);
  send(segment_of(first, kAck, "untouched"));
  EXPECT_EQ(recorder.count("readable"), 1U);
  EXPECT_TRUE(tcp().listen({.port = Port{81}}, recorder).has_value());
  first.seq += 9;
  send(segment_of(first, kAck, "as before"));
  EXPECT_EQ(recorder.count("readable"), 2U);
}

TEST_F(ListenerInput, APortInSynSentCanBeListenedOn) {
  covers({"MUST-42"});
  start();
  ASSERT_TRUE(connect(kPeer, {.local_port = kServerPort}).has_value());
  turn();
  ASSERT_EQ(next_flags(), kSyn);
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  const Peer peer = open(40'000);
  EXPECT_EQ(recorder.count("accepted"), 1U);
  EXPECT_EQ(peer.our_port, kServerPort.number());
  EXPECT_EQ(stack->usage().connections, 2U);
}

TEST_F(ListenerInput, APortInSynReceivedCanBeListenedOn) {
  covers({"MUST-42"});
  start();
  ASSERT_TRUE(connect(kPeer, {.local_port = kServerPort}).has_value());
  turn();
  ASSERT_EQ(next_flags(), kSyn);
  send({.flags = kSyn, .seq = SeqNum{7}, .from = 9'000});
  ASSERT_EQ(next_flags(), kSyn | kAck);
  ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  open(40'000);
  EXPECT_EQ(recorder.count("accepted"), 1U);
}

TEST_F(ListenerInput, ASegmentGoesToItsConnectionBeforeTheListener) {
  covers({"MUST-42", "MUST-10"});
  start_listening();
  ASSERT_TRUE(connect(kPeer, {.local_port = kServerPort}).has_value());
  turn();
  ASSERT_EQ(next_flags(), kSyn);
  // A SYN from there is the other half of a simultaneous open, not a new connection.
  send({.flags = kSyn, .seq = SeqNum{7}, .from = 9'000});
  EXPECT_EQ(next_flags(), kSyn | kAck);
  EXPECT_EQ(stack->usage().connections, 1U);
  EXPECT_EQ(tcp().find_listener(listener)->half_open(), 0U);
}

TEST_F(ListenerInput, AnOpenMayNameItsLocalAddress) {
  covers({"MUST-43"});
  start();
  ASSERT_TRUE(connect(kPeer, {.local_address = kOursToo}).has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.source, kOursToo);
  EXPECT_EQ(connect(kPeer, {.local_address = kPeer}).error(), Error::AddressNotAvailable);
  ASSERT_TRUE(tcp().listen({.port = Port{80}, .address = kOursToo}, recorder).has_value());
  send({.flags = kSyn, .destination = kOurs});
  EXPECT_EQ(next_flags(), kRst | kAck);
  send({.flags = kSyn, .destination = kOursToo});
  EXPECT_EQ(next_flags(), kSyn | kAck);
}

TEST_F(ListenerInput, TheLocalAddressIsChosenBeforeTheFirstSynAndKept) {
  covers({"MUST-44", "MUST-45"});
  setup.addresses = {IpPrefix::make(IpAddress::v4(198, 18, 9, 1), 24).value(),
                     IpPrefix::make(kOurs, 24).value()};
  start();
  const auto handle = connect(kPeer);
  ASSERT_TRUE(handle.has_value());
  EXPECT_EQ(tcp().find(*handle)->connection.tuple().local.address, kOurs)
      << "the address on the peer's network";
  turn();
  wait(1'500ms);
  unsigned syns = 0;
  while (const auto frame = next_frame()) {
    const auto datagram = read_ipv4(*frame);
    if (datagram && datagram->ip.protocol == wire::IpProtocol::Tcp) {
      EXPECT_EQ(datagram->ip.source, kOurs);
      ++syns;
    }
  }
  EXPECT_EQ(syns, 2U) << "sent, and sent again";
}

TEST_F(ListenerInput, AnAcceptedConnectionKeepsTheAddressItWasCalledBy) {
  covers({"MUST-45"});
  start_listening();
  send({.flags = kSyn, .seq = SeqNum{1'000}, .from = 40'000, .destination = kOursToo});
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->ip.source, kOursToo);
  PeerSegment ack{.seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1, .from = 40'000};
  ack.destination = kOursToo;
  send(ack);
  ASSERT_EQ(recorder.count("accepted"), 1U);
  ASSERT_TRUE(recorder.sockets.back().send("hello").has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.source, kOursToo);
  EXPECT_EQ(recorder.sockets.back().endpoints()->local.address, kOursToo);
}

TEST_F(ListenerInput, NobodyButOneHostIsConnectedTo) {
  covers({"MUST-46"});
  start();
  for (const IpAddress& address :
       {IpAddress{}, IpAddress::v4(0, 0, 0, 0), IpAddress::v4(224, 0, 0, 1),
        IpAddress::v4(239, 255, 255, 255), IpAddress::v4(255, 255, 255, 255), kLinkBroadcast,
        IpAddress::parse("ff02::1").value()}) {
    EXPECT_EQ(connect(address).error(), Error::InvalidArgument) << address.to_string();
  }
  EXPECT_FALSE(connect(kOurs).has_value());
  EXPECT_TRUE(stack->is_empty());
  turn();
  EXPECT_TRUE(sent.empty());
}

TEST_F(ListenerInput, ASynToManyIsDroppedInSilence) {
  covers({"MUST-57"});
  start_listening();
  for (const IpAddress& destination :
       {kLinkBroadcast, IpAddress::v4(255, 255, 255, 255), IpAddress::v4(224, 0, 0, 1)}) {
    SCOPED_TRACE(destination.to_string());
    send({.flags = kSyn, .destination = destination});
    EXPECT_TRUE(sent.empty());
    EXPECT_TRUE(stack->is_empty());
  }
  EXPECT_EQ(dropped(DropReason::TcpNotUnicast) + dropped(DropReason::Ipv4NotForUs), 3U);
  EXPECT_GE(dropped(DropReason::TcpNotUnicast), 2U);
}

TEST_F(ListenerInput, ASynInALinkBroadcastIsDroppedInSilence) {
  covers({"MUST-57"});
  start_listening();
  receive(frame_of({.flags = kSyn}, MacAddress::broadcast()));
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpNotUnicast), 1U);
}

TEST_F(ListenerInput, NothingElseToManyIsAnsweredEither) {
  covers({"MUST-57"});
  start();
  for (const std::uint8_t flags : {kSyn, kAck, kFin, std::uint8_t{kSyn | kAck}}) {
    send({.flags = flags, .destination = kLinkBroadcast});
    EXPECT_TRUE(sent.empty());
  }
  EXPECT_EQ(dropped(DropReason::TcpNotUnicast), 4U);
}

TEST_F(ListenerInput, ASynFromNobodyIsIgnored) {
  covers({"MUST-63"});
  start_listening();
  std::uint64_t count = 0;
  for (const IpAddress& source :
       {IpAddress::v4(0, 0, 0, 0), IpAddress::v4(127, 0, 0, 1), IpAddress::v4(224, 0, 0, 1),
        IpAddress::v4(239, 1, 2, 3), IpAddress::v4(255, 255, 255, 255), kLinkBroadcast, kOurs,
        kOursToo}) {
    SCOPED_TRACE(source.to_string());
    send({.flags = kSyn, .source = source});
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(dropped(DropReason::Ipv4MartianSource), ++count);
  }
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(stats().tcp_segments_in, 0U);
}

TEST_F(ListenerInput, InitialSequenceNumbersFollowClockAndTuple) {
  covers({"MUST-8", "MUST-9", "SHLD-1", "RFC 6528 §3"});
  config.tcp.syn_ack_retries = 0;
  start_listening();
  const Peer first = half_open(40'000);
  const Peer other = half_open(40'001);
  EXPECT_NE(other.ack, first.ack);
  receive(segment_of(first, kRst));
  turn();
  now += 64us;
  const Peer again = half_open(40'000);
  EXPECT_EQ(again.ack - first.ack, 1'000) << "the clock has ticked a thousand times";
}

}  // namespace
}  // namespace millrace::stack
