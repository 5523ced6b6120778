// ICMP errors from the wire to the connection: which are believed, what a path's MTU does to all
// connections to its destination, and ECN's way through the IP header.
#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;
using wire::IcmpType;

constexpr std::uint8_t kPsh = wire::TcpFlags::kPsh;
constexpr std::uint8_t kEce = wire::TcpFlags::kEce;
constexpr std::uint8_t kCwr = wire::TcpFlags::kCwr;

class TcpIcmpTest : public StackHost {
 protected:
  void start_listening() {
    start();
    ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }
  /// Begins to connect and takes the SYN.
  Peer connect() {
    const auto handle =
        tcp().connect(now, {.address = kPeer, .port = Port{9'000}}, recorder, ConnectOptions{});
    EXPECT_TRUE(handle.has_value());
    turn();
    const auto syn = next_tcp();
    EXPECT_TRUE(syn && syn->tcp.flags.syn());
    return {.port = 9'000,
            .our_port = syn->tcp.source_port,
            .seq = SeqNum{5'000},
            .ack = syn->tcp.seq + 1};
  }
  /// An established connection whose peer takes segments of 1,460.
  Peer open_large(std::uint16_t port) {
    wire::TcpOptions options;
    options.mss = 1'460;
    receive({.flags = kSyn, .seq = SeqNum{1'000}, .from = port, .options = options});
    turn();
    const auto answer = next_tcp();
    EXPECT_TRUE(answer && answer->options.mss == 1'460);
    const Peer peer{.port = port, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1};
    receive(segment_of(peer));
    turn();
    return peer;
  }
  void send_bytes(std::size_t count) { send_bytes(recorder.sockets.back(), count); }
  void send_bytes(TcpSocket socket, std::size_t count) {
    const std::vector<std::byte> bytes(count, std::byte{0x5a});
    ASSERT_EQ(socket.send(bytes), count);
    turn();
  }
  /// A router takes no more than `mtu` of a datagram of that length.
  void too_large(const Peer& peer, SeqNum seq, std::uint32_t mtu, std::uint16_t length = 1'500) {
    receive(icmp_frame({.type = IcmpType::DestinationUnreachable, .code = 4, .rest = mtu},
                       tuple_of(peer), seq, length));
    turn();
  }
  /// The total lengths of all datagrams sent, which are then gone.
  std::vector<unsigned> take_lengths() {
    std::vector<unsigned> lengths;
    for (auto frame = next_frame(); frame; frame = next_frame()) {
      const auto datagram = read_ipv4(*frame);
      if (datagram) {  // And not ARP.
        EXPECT_TRUE(datagram->ip.dont_fragment);
        lengths.push_back(datagram->ip.total_length);
      }
    }
    return lengths;
  }
  using Lengths = std::vector<unsigned>;
  /// Its address has been forgotten after a long time.
  void introduce_peer() {
    receive(arp_frame({.operation = wire::ArpOperation::Request,
                       .sender_mac = kPeerMac,
                       .sender_ip = kPeer,
                       .target_mac = {},
                       .target_ip = kOurs}));
  }

  Recorder recorder;
};

// Errors.

TEST_F(TcpIcmpTest, PortUnreachableRefusesInSynSent) {
  covers({"MUST-54", "SHLD-26"});
  start();
  const Peer peer = connect();
  receive(unreachable_frame(3, tuple_of(peer), peer.ack - 1));
  turn();
  ASSERT_EQ(recorder.heard, (std::vector<std::string>{"closed"}));
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionRefused);
  EXPECT_TRUE(sent.empty());
}

TEST_F(TcpIcmpTest, PortUnreachableEndsAHalfOpenConnectionUnheard) {
  covers({"MUST-54"});
  start_listening();
  const Peer peer = half_open(40'000);
  receive(unreachable_frame(3, tuple_of(peer), peer.ack - 1));
  turn();
  EXPECT_TRUE(stack->is_empty());
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_TRUE(sent.empty());
}

struct SoftCase {
  const char* name;
  IcmpType type;
  std::uint8_t code;
  Error error;
};

TEST_F(TcpIcmpTest, ASoftErrorIsTheOutcomeOnlyOnceTheTimeIsUp) {
  covers({"MUST-54", "MUST-56", "SHLD-25"});
  config.tcp.connect_timeout = 2s;
  start();
  for (const SoftCase& each :
       {SoftCase{"network", IcmpType::DestinationUnreachable, 0, Error::NetworkUnreachable},
        SoftCase{"host", IcmpType::DestinationUnreachable, 1, Error::HostUnreachable},
        SoftCase{"source route", IcmpType::DestinationUnreachable, 5, Error::HostUnreachable},
        SoftCase{"filtered", IcmpType::DestinationUnreachable, 13, Error::HostUnreachable},
        SoftCase{"time exceeded", IcmpType::TimeExceeded, 0, Error::HostUnreachable},
        SoftCase{"parameter", IcmpType::ParameterProblem, 0, Error::HostUnreachable}}) {
    SCOPED_TRACE(each.name);
    const std::size_t before = recorder.count("closed");
    const Peer peer = connect();
    receive(icmp_frame({.type = each.type, .code = each.code}, tuple_of(peer), peer.ack - 1));
    turn();
    EXPECT_EQ(recorder.count("closed"), before);
    wait(3s);
    ASSERT_EQ(recorder.count("closed"), before + 1);
    EXPECT_EQ(recorder.outcomes.back().error(), each.error);
    sent.clear();
  }
}

TEST_F(TcpIcmpTest, AnErrorAboutWhatIsNotInFlightIsIgnored) {
  covers({"RFC 5927 §4.1"});
  start();
  const Peer peer = connect();
  receive(unreachable_frame(3, tuple_of(peer), peer.ack));
  receive(unreachable_frame(3, tuple_of(peer), peer.ack - 2));
  turn();
  EXPECT_TRUE(recorder.heard.empty());
  EXPECT_EQ(dropped(DropReason::IcmpNotInFlight), 2U);
  EXPECT_EQ(stats().tcp_path_errors, 0U);
}

TEST_F(TcpIcmpTest, EachEdgeOfWhatIsInFlight) {
  covers({"RFC 5927 §4.1"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(100);
  receive(unreachable_frame(1, tuple_of(peer), peer.ack - 1));
  receive(unreachable_frame(1, tuple_of(peer), peer.ack + 100));
  EXPECT_EQ(dropped(DropReason::IcmpNotInFlight), 2U);
  receive(unreachable_frame(1, tuple_of(peer), peer.ack));
  receive(unreachable_frame(1, tuple_of(peer), peer.ack + 99));
  EXPECT_EQ(dropped(DropReason::IcmpNotInFlight), 2U);
  EXPECT_EQ(stats().tcp_path_errors, 2U);
}

TEST_F(TcpIcmpTest, AnErrorAboutNoConnectionIsUnmatched) {
  covers({"MUST-54"});
  start_listening();
  Peer stranger = open_large(40'000);
  send_bytes(100);
  take_lengths();
  stranger.port += 1;
  receive(unreachable_frame(3, tuple_of(stranger), stranger.ack));
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 1U);
  const Peer over = open_and_time_wait(40'002, recorder);
  receive(unreachable_frame(3, tuple_of(over), over.ack - 1));
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 2U);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(TcpIcmpTest, NoErrorEndsAnEstablishedConnection) {
  covers({"MUST-56", "SHLD-26", "RFC 5927 §5.2"});
  start_listening();
  const Peer peer = open(40'000);
  send_bytes(5);
  EXPECT_EQ(next_flags(), kAck | kPsh);
  for (std::uint8_t code = 0; code < 16; ++code) {
    receive(unreachable_frame(code, tuple_of(peer), peer.ack));
  }
  receive(icmp_frame({.type = IcmpType::TimeExceeded}, tuple_of(peer), peer.ack));
  receive(icmp_frame({.type = IcmpType::ParameterProblem}, tuple_of(peer), peer.ack));
  turn();
  EXPECT_EQ(recorder.count("closed"), 0U);
  EXPECT_EQ(stack->usage().connections, 1U);
  EXPECT_EQ(stats().tcp_path_errors, 17U);
}

TEST_F(TcpIcmpTest, ASourceQuenchIsSilentlyDropped) {
  covers({"MUST-55"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(5'000);
  take_lengths();
  receive(icmp_frame({.type = IcmpType::SourceQuench}, tuple_of(peer), peer.ack));
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::IcmpSourceQuench), 1U);
  EXPECT_EQ(stats().tcp_path_errors, 0U);
  EXPECT_EQ(stats().icmp_errors_in, 0U);
}

TEST_F(TcpIcmpTest, AnErrorQuotedFromAnotherAddressIsUnmatched) {
  covers({"MUST-54", "RFC 5927 §4"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(100);
  FourTuple forged = tuple_of(peer);
  forged.local.address = kPeer;
  receive(unreachable_frame(3, forged, peer.ack));
  EXPECT_EQ(dropped(DropReason::IcmpUnmatched), 1U);
}

// Path MTU.

TEST_F(TcpIcmpTest, ALowerMtuCutsWhatIsInFlightAndWhatFollows) {
  covers({"RFC 1191 §3", "RFC 1191 §6.5"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(2'920);
  EXPECT_EQ(take_lengths(), (Lengths{1'500, 1'500}));
  too_large(peer, peer.ack, 1'000);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540, 1'000, 540}));
  EXPECT_EQ(stats().tcp_path_mtu_lowered, 1U);
  EXPECT_EQ(stats().tcp_path_errors, 0U);
  send_bytes(960);
  EXPECT_EQ(take_lengths(), (Lengths{1'000}));
}

TEST_F(TcpIcmpTest, TheSecondDatagramsComplaintIsNoNews) {
  covers({"RFC 5927 §7"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(2'920);
  take_lengths();
  too_large(peer, peer.ack, 1'000);
  take_lengths();
  too_large(peer, peer.ack + 1'460, 1'000);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::IcmpBadMtu), 1U);
  EXPECT_EQ(stats().tcp_path_mtu_lowered, 1U);
}

struct ClaimCase {
  const char* name;
  std::uint32_t mtu;
  std::uint16_t length;
};

TEST_F(TcpIcmpTest, ClaimsThatCannotBeAreDropped) {
  covers({"RFC 1191 §3", "RFC 5927 §7"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(1'460);
  take_lengths();
  std::uint64_t drops = 0;
  for (const ClaimCase& each :
       {ClaimCase{"as large as the interface's", 1'500, 1'500}, ClaimCase{"larger", 9'000, 1'500},
        ClaimCase{"no less than the datagram", 1'000, 1'000},
        ClaimCase{"of a datagram we cannot have sent", 1'400, 1'501},
        ClaimCase{"below the minimum, of a small datagram", 500, 552},
        ClaimCase{"none, of a small datagram", 0, 40}}) {
    SCOPED_TRACE(each.name);
    too_large(peer, peer.ack, each.mtu, each.length);
    EXPECT_EQ(dropped(DropReason::IcmpBadMtu), ++drops);
    EXPECT_TRUE(sent.empty());
  }
  EXPECT_EQ(stats().tcp_path_mtu_lowered, 0U);
}

TEST_F(TcpIcmpTest, NoClaimBringsAPathBelowTheMinimum) {
  covers({"RFC 1191 §3"});
  for (const std::uint32_t claim : {1U, 68U, 551U, 552U}) {
    start_listening();
    const Peer peer = open_large(40'000);
    send_bytes(1'460);
    take_lengths();
    too_large(peer, peer.ack, claim);
    EXPECT_EQ(take_lengths(), (Lengths{552, 552, 476})) << claim;
  }
}

TEST_F(TcpIcmpTest, AnOldRoutersZeroMeansTheNextPlateau) {
  covers({"RFC 1191 §5", "RFC 1191 §7.1"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(1'460);
  take_lengths();
  too_large(peer, peer.ack, 0);
  EXPECT_EQ(take_lengths(), (Lengths{1'492, 48}));
  too_large(peer, peer.ack, 0, 1'492);
  EXPECT_EQ(take_lengths(), (Lengths{1'006, 526}));
}

TEST_F(TcpIcmpTest, TheUpperHalfOfTheFieldIsNotTheMtu) {
  covers({"RFC 1191 §4"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(1'460);
  take_lengths();
  too_large(peer, peer.ack, 0xabcd'0000U + 1'000);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540}));
}

TEST_F(TcpIcmpTest, ANumberThatIsNotInFlightLowersNothing) {
  covers({"RFC 5927 §7"});
  start_listening();
  const Peer peer = open_large(40'000);
  send_bytes(1'460);
  take_lengths();
  too_large(peer, peer.ack - 1, 1'000);
  too_large(peer, peer.ack + 1'460, 1'000);
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::IcmpNotInFlight), 2U);
}

TEST_F(TcpIcmpTest, EveryConnectionToThatDestinationHearsOfIt) {
  covers({"RFC 1191 §3", "RFC 1191 §6.3"});
  start_listening();
  const Peer first = open_large(40'000);
  open_large(40'001);
  const TcpSocket second = recorder.sockets.back();
  send_bytes(recorder.sockets.front(), 1'460);
  send_bytes(second, 1'460);
  take_lengths();
  too_large(first, first.ack, 1'000);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540}));
  // What the second one has to say next is no larger, and what it had in flight is cut along.
  send_bytes(second, 960);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540, 1'000}));
  // And so for a connection that is new, either way.
  open_large(40'002);
  send_bytes(1'460);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540}));
}

TEST_F(TcpIcmpTest, AnOpenUsesWhatIsKnownAndAdvertisesWhatItTakes) {
  covers({"RFC 1191 §6.3", "RFC 1191 §3.1", "MUST-67", "SHLD-6"});
  start_listening();
  const Peer known = open_large(40'000);
  send_bytes(1'460);
  too_large(known, known.ack, 1'000);
  sent.clear();
  ASSERT_TRUE(
      tcp().connect(now, {.address = kPeer, .port = Port{9'000}}, recorder, {}).has_value());
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->options.mss, 1'460);
  PeerSegment answer{.flags = kSyn | kAck,
                     .seq = SeqNum{7},
                     .ack = syn->tcp.seq + 1,
                     .from = 9'000,
                     .to = syn->tcp.source_port};
  answer.options.mss = 1'460;
  receive(answer);
  turn();
  EXPECT_EQ(recorder.heard.back(), "connected");
  sent.clear();
  send_bytes(1'460);
  EXPECT_EQ(take_lengths(), (Lengths{1'000, 540}));
}

TEST_F(TcpIcmpTest, AfterTenMinutesItIsTriedAgain) {
  covers({"RFC 1191 §6.3"});
  start_listening();
  Peer peer = open_large(40'000);
  const TcpSocket socket = recorder.sockets.back();
  send_bytes(socket, 1'460);
  too_large(peer, peer.ack, 1'000);
  peer.ack += 1'460;
  receive(segment_of(peer));
  turn();
  sent.clear();
  wait(10min - 1s);
  introduce_peer();
  send_bytes(socket, 960);
  EXPECT_EQ(take_lengths(), (Lengths{1'000}));
  peer.ack += 960;
  receive(segment_of(peer));
  wait(1s);
  send_bytes(socket, 1'460);
  EXPECT_EQ(take_lengths(), (Lengths{1'500}));
}

TEST_F(TcpIcmpTest, NoFrameIsLargerThanThePathWhateverHappens) {
  covers({"RFC 1191 §3"});
  start_listening();
  Peer peer = open_large(40'000);
  send_bytes(14'600);
  take_lengths();
  too_large(peer, peer.ack, 1'280);
  // Nothing arrives for a while, then some of it, then duplicates, then all.
  wait(5s);
  peer.ack += 3'000;
  receive(segment_of(peer));
  turn();
  for (int i = 0; i < 5; ++i) {
    receive(segment_of(peer));
    turn();
  }
  wait(2s);
  ASSERT_TRUE(recorder.sockets.back().shutdown().has_value());
  peer.ack += 11'600;
  receive(segment_of(peer));
  turn();
  const auto lengths = take_lengths();
  EXPECT_GT(lengths.size(), 12U);
  EXPECT_LE(*std::ranges::max_element(lengths), 1'280U);
}

// ECN in the IP header.

TEST_F(TcpIcmpTest, MarksTravelBetweenIpAndTcp) {
  covers({"RFC 3168 §5", "RFC 3168 §6.1", "SHLD-8", "MAY-9"});
  start_listening();
  receive({.flags = kSyn | kEce | kCwr, .seq = SeqNum{1'000}});
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck | kEce);
  EXPECT_EQ(answer->ip.traffic_class, 0) << "never on a SYN";
  Peer peer{.port = 40'000, .seq = SeqNum{1'001}, .ack = answer->tcp.seq + 1};
  receive(segment_of(peer));
  turn();
  send_bytes(10);
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->ip.traffic_class, 2) << "ECT(0)";
  // A marked segment: the traffic class is the header's second octet.
  packet::Packet marked = frame_of(segment_of(peer, kAck, "marked"));
  const auto header = marked.data().subspan(wire::kEthernetHeaderSize, wire::kIpv4HeaderSize);
  header[1] = std::byte{0xbb};  // Congested, of a class that means nothing to us.
  header[10] = header[11] = std::byte{0};
  const std::uint16_t sum = wire::internet_checksum(header);
  header[10] = static_cast<std::byte>(sum >> 8U);
  header[11] = static_cast<std::byte>(sum & 0xffU);
  receive(std::move(marked));
  turn();
  const auto echo = next_tcp();
  ASSERT_TRUE(echo.has_value());
  EXPECT_EQ(echo->tcp.flags.bits(), kAck | kEce);
  EXPECT_EQ(echo->ip.traffic_class, 0) << "never on a pure ACK";
}

TEST_F(TcpIcmpTest, ReservedBitsOfASynAreIgnored) {
  covers({"RFC 3168 §6.1.1"});
  start_listening();
  std::vector<std::byte> bytes = tcp_bytes({.flags = kSyn | kEce | kCwr, .seq = SeqNum{1'000}});
  bytes[12] |= std::byte{0x0f};  // Accurate ECN's bit, and the three that are left.
  fill_tcp_checksum(bytes, kPeer, kOurs);
  receive(ipv4_frame(wire::IpProtocol::Tcp, bytes));
  turn();
  const auto frame = next_frame();
  ASSERT_TRUE(frame.has_value());
  const std::size_t tcp_at = wire::kEthernetHeaderSize + wire::kIpv4HeaderSize;
  EXPECT_EQ(std::to_integer<unsigned>((*frame)[tcp_at + 12]) & 0x0fU, 0U) << "none is sent back";
  EXPECT_EQ(std::to_integer<unsigned>((*frame)[tcp_at + 13]), kSyn | kAck | kEce);
}

// IP options and addresses, as far as TCP is concerned.

/// The frame with these options behind its IPv4 header, padded with "end of list".
packet::Packet with_ip_options(const packet::Packet& frame, std::vector<std::uint8_t> options) {
  options.resize((options.size() + 3) / 4 * 4);
  const auto link = frame.data().first(wire::kEthernetHeaderSize + wire::kIpv4HeaderSize);
  std::vector<std::byte> bytes{link.begin(), link.end()};
  for (const std::uint8_t octet : options) {
    bytes.push_back(std::byte{octet});
  }
  const auto rest = frame.data().subspan(link.size());
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  const std::size_t header_bytes = wire::kIpv4HeaderSize + options.size();
  const auto header = std::span{bytes}.subspan(wire::kEthernetHeaderSize, header_bytes);
  const std::size_t total = bytes.size() - wire::kEthernetHeaderSize;
  header[0] = static_cast<std::byte>(0x40U | header_bytes / 4);
  header[2] = static_cast<std::byte>(total >> 8U);
  header[3] = static_cast<std::byte>(total & 0xffU);
  header[10] = header[11] = std::byte{0};
  const std::uint16_t sum = wire::internet_checksum(header);
  header[10] = static_cast<std::byte>(sum >> 8U);
  header[11] = static_cast<std::byte>(sum & 0xffU);
  packet::Packet made = shared_pools().data.allocate();
  std::ranges::copy(bytes, made.append(static_cast<std::uint16_t>(bytes.size())).begin());
  return made;
}

struct OptionCase {
  const char* name;
  std::vector<std::uint8_t> octets;
};

TEST_F(TcpIcmpTest, IpOptionsThatTcpDoesNotUnderstandAreIgnored) {
  covers({"MUST-50", "MAY-10", "MAY-11"});
  start_listening();
  std::uint16_t port = 40'000;
  for (const OptionCase& each :
       {OptionCase{"record route", {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0}},
        OptionCase{"timestamp", {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
        OptionCase{"router alert", {148, 4, 0, 0}}, OptionCase{"security", {130, 3, 0}},
        OptionCase{"unknown", {222, 5, 1, 2, 3}}, OptionCase{"no operation", {1, 1, 1, 1}}}) {
    SCOPED_TRACE(each.name);
    Peer peer{.port = ++port, .seq = SeqNum{1'001}};
    receive(with_ip_options(frame_of({.flags = kSyn, .seq = SeqNum{1'000}, .from = port}),
                            each.octets));
    turn();
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->tcp.flags.bits(), kSyn | kAck);
    EXPECT_EQ(answer->ip.header_length, 20) << "none is recorded, stamped or sent back";
    peer.ack = answer->tcp.seq + 1;
    receive(with_ip_options(frame_of(segment_of(peer, kAck, "data")), each.octets));
    turn();
    EXPECT_EQ(recorder.sockets.back().readable(), 4U);
  }
  EXPECT_EQ(stats().tcp_bytes_in, 24U);
}

TEST_F(TcpIcmpTest, ASourceRouteIsDeclined) {
  covers({"MUST-51", "MUST-52", "MUST-53", "SHLD-24"});
  start_listening();
  std::uint64_t drops = 0;
  for (const std::uint8_t type : {std::uint8_t{131}, std::uint8_t{137}}) {
    for (const std::uint8_t pointer : {std::uint8_t{4}, std::uint8_t{8}}) {  // Begun, completed.
      receive(with_ip_options(frame_of({.flags = kSyn, .seq = SeqNum{1'000}}),
                              {type, 7, pointer, 198, 18, 0, 9}));
      turn();
      EXPECT_EQ(dropped(DropReason::Ipv4SourceRoute), ++drops);
      EXPECT_TRUE(sent.empty());
    }
  }
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpIcmpTest, ASynToManyIsSilentlyDropped) {
  covers({"MUST-57"});
  start_listening();
  for (const IpAddress& group : {kLinkBroadcast, IpAddress::v4(255, 255, 255, 255),
                                 IpAddress::v4(224, 0, 0, 1), IpAddress::v4(239, 1, 2, 3)}) {
    SCOPED_TRACE(group.to_string());
    receive({.flags = kSyn, .seq = SeqNum{1'000}, .destination = group});
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_TRUE(stack->is_empty());
  }
  EXPECT_EQ(dropped(DropReason::TcpNotUnicast), 3U);
  EXPECT_EQ(dropped(DropReason::Ipv4NotForUs), 1U) << "a group that we are not in";
}

TEST_F(TcpIcmpTest, ASynFromNobodyIsIgnored) {
  covers({"MUST-63"});
  start_listening();
  std::uint64_t drops = 0;
  for (const IpAddress& source :
       {IpAddress::v4(0, 0, 0, 0), IpAddress::v4(0, 1, 2, 3), kLinkBroadcast, kOurs, kOursToo,
        IpAddress::v4(255, 255, 255, 255), IpAddress::v4(224, 0, 0, 1),
        IpAddress::v4(127, 0, 0, 1)}) {
    SCOPED_TRACE(source.to_string());
    receive({.flags = kSyn, .seq = SeqNum{1'000}, .source = source});
    turn();
    EXPECT_EQ(dropped(DropReason::Ipv4MartianSource), ++drops);
    EXPECT_TRUE(sent.empty());
  }
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpIcmpTest, WhatWeAdvertiseFitsTheInterface) {
  covers({"MUST-67", "SHLD-6", "MUST-14"});
  for (const std::uint16_t mtu : {std::uint16_t{576}, std::uint16_t{1'400}, std::uint16_t{1'500}}) {
    setup.mtu = mtu;
    start_listening();
    receive({.flags = kSyn, .seq = SeqNum{1'000}});
    turn();
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    // A segment that needs fragments costs all of it when one is lost, so none is asked for that
    // the interface would not take whole.
    EXPECT_EQ(answer->options.mss, mtu - 40);
  }
}

TEST_F(TcpIcmpTest, ARetransmissionHasTheIdentifierOfTheFirst) {
  covers({"MAY-4", "RFC 6864 §4.1"});
  start_listening();
  open_large(40'000);
  send_bytes(100);
  const auto first = next_tcp();
  wait(10s);
  const auto again = next_tcp();
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->tcp.seq, again->tcp.seq);
  EXPECT_EQ(first->ip.identification, again->ip.identification);
  EXPECT_EQ(first->ip.identification, 0) << "an atomic datagram needs none";
}

}  // namespace
}  // namespace millrace::stack
