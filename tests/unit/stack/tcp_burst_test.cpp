// The lane for usual segments: what it takes, where a run ends, and what it leaves to be looked at
// closely. That both ways come to the same is tcp_burst_alike_test.cpp's.
#include <algorithm>
#include <functional>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"
#include "wire/vlan.hpp"

namespace millrace::stack {
namespace {

using Bytes = std::vector<std::byte>;

class TcpBurstTest : public StackHost {
 protected:
  TcpBurstTest() {
    start();
    EXPECT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }

  const net::Interface& interface() { return stack->interfaces().front(); }
  /// The peer's next segment of that connection.
  packet::Packet next(Peer& peer, std::string_view text, std::uint8_t flags = kAck) {
    packet::Packet frame = frame_of(segment_of(peer, flags, text));
    peer.seq += static_cast<std::uint32_t>(text.size()) + ((flags & kFin) != 0 ? 1 : 0);
    return frame;
  }
  void look() { tcp().look_ahead(interface(), burst, ahead); }
  std::uint16_t run_from(std::uint16_t first) {
    return tcp().receive_run(now, interface(), ahead, burst, first);
  }
  /// Whether the lane takes that frame, alone in its burst. If not, it is as it was.
  bool takes(packet::Packet frame) {
    const Bytes before{frame.data().begin(), frame.data().end()};
    burst.push_back(std::move(frame));
    look();
    const bool is_taken = run_from(0) == 1;
    if (!is_taken) {
      const auto after = burst.contiguous(0);
      EXPECT_TRUE(after.empty() || std::ranges::equal(after, before));
    }
    burst.clear();
    return is_taken;
  }
  std::string read(TcpSocket socket) {
    std::array<std::byte, 256> bytes;
    const auto count = socket.receive(bytes);
    std::string text;
    for (std::size_t i = 0; i < count.value_or(0); ++i) {
      text.push_back(static_cast<char>(bytes[i]));
    }
    return text;
  }

  Recorder recorder;
  packet::Burst burst;
  LookAhead ahead;
};

TEST_F(TcpBurstTest, TakesRunsOfOneConnectionAfterTheOther) {
  Peer a = open(40'001);
  Peer b = open(40'002);
  turn();
  recorder.heard.clear();
  recorder.sockets.clear();
  const std::uint64_t before = stats().tcp_segments_in;
  for (const std::string_view text : {"one ", "two ", "three"}) {
    burst.push_back(next(a, text));
  }
  burst.push_back(next(b, "four "));
  burst.push_back(next(b, "five"));
  burst.push_back(next(a, " six"));
  look();
  EXPECT_EQ(run_from(0), 3);
  EXPECT_EQ(run_from(3), 2);
  EXPECT_EQ(run_from(5), 1);
  burst.clear();
  EXPECT_EQ(stats().tcp_segments_in, before + 6);
  turn();
  // One word each, whatever came in how many pieces.
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"readable", "readable"}));
  EXPECT_EQ(read(recorder.sockets[0]), "one two three six");
  EXPECT_EQ(read(recorder.sockets[1]), "four five");
  const TcpInfo info = recorder.sockets[0].info().value();
  EXPECT_EQ(info.bytes_received, 17U);
  EXPECT_EQ(info.segments_in, 6U);  // The two of the handshake among them.
  EXPECT_EQ(info.data_segments_in, 4U);
}

TEST_F(TcpBurstTest, StopsAtAFrameThatNeedsALook) {
  Peer peer = open(40'001);
  burst.push_back(next(peer, "a"));
  burst.push_back(next(peer, "b"));
  packet::Packet damaged = next(peer, "c");
  damaged.data().back() ^= std::byte{1};
  const Bytes before{damaged.data().begin(), damaged.data().end()};
  burst.push_back(std::move(damaged));
  burst.push_back(next(peer, "d"));
  look();
  EXPECT_EQ(run_from(0), 2);
  EXPECT_EQ(run_from(2), 0);
  EXPECT_TRUE(std::ranges::equal(burst.contiguous(2), before));
  EXPECT_EQ(run_from(3), 1);
  EXPECT_EQ(dropped(DropReason::TcpBadChecksum), 0U);
  burst.clear();
}

TEST_F(TcpBurstTest, StopsAtTextThatRepeatsButIsNotSound) {
  test::covers({"MUST-3"});
  const std::string full(1'400, 'x');
  const std::vector<std::function<void(packet::Packet&)>> oddities{
      [](packet::Packet& frame) { frame.data().back() ^= std::byte{1}; },
      [](packet::Packet& frame) { frame.truncate(frame.size() - 1); },
      [](packet::Packet& frame) { frame.get()->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD; },
  };
  for (std::size_t i = 0; i < oddities.size(); ++i) {
    Peer peer = open(static_cast<std::uint16_t>(40'001 + i));
    turn();
    for (int frame = 0; frame < 6; ++frame) {
      packet::Packet made = next(peer, full);
      if (frame == 3) {
        oddities[i](made);
      }
      burst.push_back(std::move(made));
    }
    look();
    EXPECT_TRUE(ahead.repeats[1] && ahead.repeats[2] && ahead.repeats[5]);
    EXPECT_EQ(run_from(0), 3) << i;
    EXPECT_EQ(run_from(3), 0) << i;
    EXPECT_EQ(run_from(4), 2) << i;  // Behind a hole now.
    burst.clear();
    const TcpSocket socket = recorder.sockets.back();
    turn();
    EXPECT_EQ(socket.readable(), 3 * full.size());
    EXPECT_EQ(socket.info().value().data_segments_in, 5U);
    EXPECT_TRUE(socket.abort().has_value());
    turn();
    sent.clear();
  }
}

TEST_F(TcpBurstTest, OnlyWhatIsNotCopiedMayRepeat) {
  for (const std::uint32_t bytes : {tcp::ReceiveQueue::kCopyMax, tcp::ReceiveQueue::kCopyMax + 1}) {
    Peer peer = open(static_cast<std::uint16_t>(40'000 + bytes));
    turn();
    const std::string text(bytes, 'x');
    for (int frame = 0; frame < 4; ++frame) {
      burst.push_back(next(peer, text));
    }
    look();
    for (std::uint16_t i = 1; i < 4; ++i) {
      EXPECT_TRUE(ahead.continues(i));
      EXPECT_EQ(ahead.repeats[i], bytes > tcp::ReceiveQueue::kCopyMax) << bytes;
    }
    EXPECT_EQ(run_from(0), 4);
    burst.clear();
    turn();
    EXPECT_EQ(recorder.sockets.back().readable(), 4 * bytes);
    EXPECT_TRUE(recorder.sockets.back().abort().has_value());
    turn();
    sent.clear();
  }
}

TEST_F(TcpBurstTest, EndsARunWhereTheStateChanges) {
  Peer peer = open(40'001);
  burst.push_back(next(peer, "a"));
  burst.push_back(next(peer, "", kFin | kAck));
  burst.push_back(next(peer, ""));
  look();
  EXPECT_EQ(run_from(0), 2);
  EXPECT_EQ(run_from(2), 1);
  burst.clear();
  turn();
  EXPECT_EQ(read(recorder.sockets.back()), "a");
  turn();
  EXPECT_EQ(recorder.count("finished"), 1U);
}

TEST_F(TcpBurstTest, TakesNothingForTimeWait) {
  Peer peer = open(40'001);
  turn();
  ASSERT_TRUE(recorder.sockets.back().close().has_value());
  turn();
  ASSERT_EQ(next_flags(), kFin | kAck);
  peer.ack += 1;
  burst.push_back(next(peer, ""));               // Acknowledges our FIN: FIN-WAIT-2.
  burst.push_back(next(peer, "", kFin | kAck));  // TIME-WAIT.
  burst.push_back(next(peer, "", kFin | kAck));
  look();
  EXPECT_EQ(run_from(0), 1);
  EXPECT_EQ(run_from(1), 1);
  EXPECT_EQ(run_from(2), 0);
  burst.clear();
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(TcpBurstTest, TakesNothingForWhatIsOver) {
  Peer peer = open(40'001);
  turn();
  burst.push_back(next(peer, "", kRst));
  burst.push_back(next(peer, ""));
  look();
  EXPECT_EQ(run_from(0), 1);
  EXPECT_EQ(run_from(1), 0);
  burst.clear();
  EXPECT_EQ(stats().tcp_resets_in, 1U);
}

TEST_F(TcpBurstTest, LeavesHandshakesAlone) {
  Peer peer = half_open(40'001);
  EXPECT_FALSE(takes(frame_of({.flags = kSyn, .from = 40'002})));
  EXPECT_FALSE(takes(next(peer, "")));
  receive(segment_of(peer));
  EXPECT_TRUE(takes(next(peer, "now")));
}

TEST_F(TcpBurstTest, LeavesOpeningsAlone) {
  ASSERT_TRUE(
      tcp().connect(now, {.address = kPeer, .port = Port{9'000}}, recorder, {}).has_value());
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  Peer peer{.port = 9'000,
            .our_port = syn->tcp.source_port,
            .seq = SeqNum{5'000},
            .ack = syn->tcp.seq + 1};
  EXPECT_FALSE(takes(next(peer, "", kSyn | kAck)));
  receive(segment_of(peer, kSyn | kAck));
  peer.seq += 1;
  EXPECT_TRUE(takes(next(peer, "now")));
}

TEST_F(TcpBurstTest, AsksWhichInterfaceItCameBy) {
  // What another interface would have to say about these addresses nobody knows yet.
  Peer peer = open(40'001);
  net::Interface other;
  other.index = 1;
  other.mac = kOurMac;
  burst.push_back(next(peer, "a"));
  tcp().look_ahead(other, burst, ahead);
  EXPECT_EQ(tcp().receive_run(now, other, ahead, burst, 0), 0);
  EXPECT_EQ(run_from(0), 1);
  burst.clear();
}

TEST_F(TcpBurstTest, TakesTheDevicesWordForSums) {
  test::covers({"MUST-3"});
  Peer peer = open(40'001);
  const auto marked = [&](std::uint64_t marks, bool is_damaged) {
    packet::Packet frame = frame_of(segment_of(peer, kAck, "text"));
    frame.get()->ol_flags |= marks;
    frame.data().back() ^= is_damaged ? std::byte{1} : std::byte{0};
    return frame;
  };
  constexpr std::uint64_t kIpGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  constexpr std::uint64_t kTcpGood = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  EXPECT_FALSE(takes(marked(0, true)));
  EXPECT_FALSE(takes(marked(kIpGood, true)));
  EXPECT_FALSE(takes(marked(kIpGood | RTE_MBUF_F_RX_L4_CKSUM_BAD, false)));
  EXPECT_FALSE(takes(marked(RTE_MBUF_F_RX_IP_CKSUM_BAD | kTcpGood, false)));
  EXPECT_TRUE(takes(marked(0, false)));
  EXPECT_TRUE(takes(marked(kTcpGood, true)));
  EXPECT_TRUE(takes(marked(kIpGood | kTcpGood, true)));
}

TEST_F(TcpBurstTest, CutsOffWhatPadsAShortFrame) {
  Peer peer = open(40'001);
  turn();
  packet::Packet frame = next(peer, "abc");
  std::ranges::fill(frame.append(3), std::byte{'x'});
  EXPECT_TRUE(takes(std::move(frame)));
  turn();
  EXPECT_EQ(read(recorder.sockets.back()), "abc");
}

TEST_F(TcpBurstTest, ReadsOptionsOfAnyKind) {
  PeerSegment syn{.flags = kSyn, .seq = SeqNum{999}, .from = 40'001};
  syn.options.timestamps = wire::TcpTimestamps{.value = 1, .echo = 0};
  syn.options.sack_permitted = true;
  receive(syn);
  turn();
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.timestamps);
  Peer peer{.port = 40'001, .seq = SeqNum{1'000}, .ack = answer->tcp.seq + 1};
  const auto segment = [&](std::string_view text, const wire::TcpOptions& options) {
    PeerSegment made = segment_of(peer, kAck, text);
    made.options = options;
    peer.seq += static_cast<std::uint32_t>(text.size());
    return frame_of(made);
  };
  wire::TcpOptions options;
  options.timestamps = wire::TcpTimestamps{.value = 2, .echo = answer->options.timestamps->value};
  receive(segment("", options));
  turn();
  wire::TcpOptions with_sack = options;
  ASSERT_TRUE(with_sack.sack.push_back({peer.ack, peer.ack + 1}));
  burst.push_back(segment("a", options));
  burst.push_back(segment("b", with_sack));
  burst.push_back(segment("c", options));
  burst.push_back(segment("d", {}));  // Those that were agreed on are missing.
  burst.push_back(segment("e", options));
  look();
  EXPECT_EQ(run_from(0), 5);
  burst.clear();
  EXPECT_EQ(dropped(DropReason::TcpNoTimestamp), 1U);
  turn();
  EXPECT_EQ(read(recorder.sockets.back()), "abc");
}

/// What is done to the bytes of a usual frame so that somebody else has to look at it.
struct Oddity {
  const char* name;
  Bytes (*make)(Bytes);
};

/// Writes a byte and makes the IPv4 header's sum right again.
Bytes with_ip_byte(Bytes frame, std::size_t at, unsigned value) {
  frame[kIpAt + at] = static_cast<std::byte>(value);
  fill_ip_checksum(frame);
  return frame;
}

struct Odd {
  static Bytes to_broadcast(Bytes frame) {
    std::fill_n(frame.begin(), MacAddress::kSize, std::byte{0xff});
    return frame;
  }
  static Bytes to_another(Bytes frame) {
    frame[5] = std::byte{9};
    return frame;
  }
  static Bytes with_tag(Bytes frame) {
    const Bytes tag{std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{0}};
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
  }
  static Bytes ipv6(Bytes frame) {
    frame[12] = std::byte{0x86};
    frame[13] = std::byte{0xdd};
    return frame;
  }
  static Bytes version_6(Bytes frame) { return with_ip_byte(std::move(frame), 0, 0x65); }
  static Bytes with_ip_options(Bytes frame) { return with_ip_byte(std::move(frame), 0, 0x46); }
  static Bytes first_fragment(Bytes frame) { return with_ip_byte(std::move(frame), 6, 0x20); }
  static Bytes later_fragment(Bytes frame) { return with_ip_byte(std::move(frame), 7, 0x01); }
  static Bytes udp(Bytes frame) { return with_ip_byte(std::move(frame), 9, 17); }
  static Bytes too_long(Bytes frame) { return with_ip_byte(std::move(frame), 2, 0x05); }
  static Bytes shorter_than_its_headers(Bytes frame) {
    return with_ip_byte(std::move(frame), 3, 39);
  }
  static Bytes from_another(Bytes frame) { return with_ip_byte(std::move(frame), 15, 7); }
  static Bytes to_another_address(Bytes frame) { return with_ip_byte(std::move(frame), 19, 3); }
  static Bytes wrong_ip_sum(Bytes frame) {
    frame[kIpAt + 8] ^= std::byte{1};
    return frame;
  }
  static Bytes wrong_tcp_sum(Bytes frame) {
    frame[kTcpAt + 15] ^= std::byte{1};
    return frame;
  }
  static Bytes with_data_offset(Bytes frame, unsigned words) {
    frame[kTcpAt + 12] = static_cast<std::byte>(words << 4U);
    fill_tcp_checksum(std::span{frame}.subspan(kTcpAt), kPeer, kOurs);
    return frame;
  }
  static Bytes header_too_short(Bytes frame) { return with_data_offset(std::move(frame), 4); }
  static Bytes header_past_its_end(Bytes frame) { return with_data_offset(std::move(frame), 15); }
  // The payload is text, whose second octet is no length that an option could have here.
  static Bytes impossible_options(Bytes frame) { return with_data_offset(std::move(frame), 6); }
  static Bytes cut_short(Bytes frame) {
    frame.pop_back();
    return frame;
  }
  static Bytes shorter_than_headers(Bytes frame) {
    frame.resize(kTcpAt + wire::kTcpHeaderSize - 1);
    return frame;
  }
};

class TcpBurstOddities : public TcpBurstTest, public ::testing::WithParamInterface<Oddity> {};

TEST_P(TcpBurstOddities, AreLeftToOthers) {
  Peer peer = open(40'001);
  const packet::Packet usual = frame_of(segment_of(peer, kAck, "text"));
  const Bytes bytes{usual.data().begin(), usual.data().end()};
  EXPECT_FALSE(takes(packet_of(GetParam().make(bytes))));
  EXPECT_TRUE(takes(packet_of(bytes)));
}

INSTANTIATE_TEST_SUITE_P(
    , TcpBurstOddities,
    ::testing::Values(
        Oddity{"to_broadcast", Odd::to_broadcast}, Oddity{"to_another", Odd::to_another},
        Oddity{"with_tag", Odd::with_tag}, Oddity{"ipv6", Odd::ipv6},
        Oddity{"version_6", Odd::version_6}, Oddity{"with_ip_options", Odd::with_ip_options},
        Oddity{"first_fragment", Odd::first_fragment},
        Oddity{"later_fragment", Odd::later_fragment}, Oddity{"udp", Odd::udp},
        Oddity{"too_long", Odd::too_long},
        Oddity{"shorter_than_its_headers", Odd::shorter_than_its_headers},
        Oddity{"from_another", Odd::from_another},
        Oddity{"to_another_address", Odd::to_another_address},
        Oddity{"wrong_ip_sum", Odd::wrong_ip_sum}, Oddity{"wrong_tcp_sum", Odd::wrong_tcp_sum},
        Oddity{"header_too_short", Odd::header_too_short},
        Oddity{"header_past_its_end", Odd::header_past_its_end},
        Oddity{"impossible_options", Odd::impossible_options}, Oddity{"cut_short", Odd::cut_short},
        Oddity{"shorter_than_headers", Odd::shorter_than_headers}),
    [](const ::testing::TestParamInfo<Oddity>& chosen) { return chosen.param.name; });

TEST_F(TcpBurstTest, LeavesChainsToOthers) {
  Peer peer = open(40'001);
  packet::Packet frame = frame_of(segment_of(peer, kAck, "text"));
  packet::Packet tail = packet_of(Bytes(6));
  ASSERT_TRUE(frame.chain(tail));
  EXPECT_FALSE(takes(std::move(frame)));
}

}  // namespace
}  // namespace millrace::stack
