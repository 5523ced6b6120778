// The lane for usual segments against the way that every other frame goes: bursts of generated
// segments, sound and damaged, are played to hosts with the same secrets. One gets them as they
// are; another in pieces, which the lane leaves alone; to a third they come run by run, so that it
// can be told what the lane takes. What they send, say, count and read has to be the same.
#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <sstream>
#include <type_traits>

#include "stack/stack_host.hpp"

namespace millrace::stack {
namespace {

using Bytes = std::vector<std::byte>;

/// All that can be seen of a host.
struct Outcome {
  std::deque<Bytes> sent;
  std::vector<std::string> heard;
  Bytes read;
  std::vector<std::uint64_t> counted;
  std::string told;
};

std::string hex_of(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<std::size_t>(byte >> 4U)]);
    text.push_back(kDigits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
  return text;
}

/// Makes both sums right, if lengths allow it.
void make_sums_right(Bytes& frame) {
  const auto ip = wire::read_ipv4_fields(std::span{frame}.subspan(kIpAt));
  if (!ip || ip->header_length != wire::kIpv4HeaderSize || frame.size() < kTcpAt + 20) {
    return;
  }
  fill_ip_checksum(frame);
  if (ip->total_length < wire::kIpv4HeaderSize + wire::kTcpHeaderSize ||
      kIpAt + ip->total_length > frame.size()) {
    return;
  }
  fill_tcp_checksum(std::span{frame}.subspan(kTcpAt, ip->payload_length()), ip->source,
                    ip->destination);
}

/// A frame and what its device says of it.
struct Made {
  Bytes bytes;
  std::uint64_t marks = 0;
};

class TcpBurstAlike : public StackHost {
 protected:
  enum class Way : std::uint8_t { Lane, Runs, Pieces };
  /// The other end of one connection.
  struct Other {
    Peer peer;
    SeqNum una{0};  // Of what it sent.
    bool has_timestamps = false;
    std::uint32_t ts_recent = 0;
  };

  Outcome play(std::uint32_t seed, Way way) {
    random.seed(seed);
    alike = 0;
    now = Instant{1'000s};
    sent.clear();
    outcome = {};
    others.clear();
    Recorder recorder;
    recorder.react = [this](std::string_view event, TcpSocket socket) { react(event, socket); };
    start();
    EXPECT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
    for (std::uint16_t i = 0; i < 6; ++i) {
      open_other(static_cast<std::uint16_t>(40'000 + i));
    }
    for (int i = 0; i < 60; ++i) {
      play_burst(way);
      hear();
      wait(std::chrono::milliseconds{random() % 4 == 0 ? random() % 3'000 : random() % 3});
      hear();
    }
    outcome.heard = recorder.heard;
    note_counters();
    note_sockets(recorder);
    stack.reset();
    return std::move(outcome);
  }

  std::uint64_t taken_by_the_lane = 0;
  std::uint64_t repeats = 0;

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); }

  // The application.
  void react(std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      std::array<std::byte, 4'096> bytes{};
      const auto count = socket.receive(std::span{bytes}.first(1 + below(4'096)));
      outcome.read.insert(outcome.read.end(), bytes.begin(),
                          bytes.begin() + static_cast<std::ptrdiff_t>(count.value_or(0)));
      if (below(2) == 0) {
        static_cast<void>(socket.send(std::span{bytes}.first(1 + below(4'000))));
      }
    } else if (event == "finished" && below(2) == 0) {
      static_cast<void>(socket.close());
    }
  }

  // The other ends.
  void open_other(std::uint16_t port) {
    PeerSegment syn{.flags = kSyn, .seq = SeqNum{static_cast<std::uint32_t>(random())}};
    syn.from = port;
    if (port % 3 != 0) {
      syn.options.timestamps = wire::TcpTimestamps{.value = timestamp(), .echo = 0};
    }
    syn.options.sack_permitted = port % 2 == 0;
    syn.options.window_scale = 7;
    others.push_back({.peer = {.port = port, .seq = syn.seq + 1}, .una = syn.seq + 1});
    others.back().has_timestamps = syn.options.timestamps.has_value();
    receive(syn);
    turn();
    hear();
    receive(segment_at(others.back(), others.back().peer.seq, kAck, 0));
    turn();
  }
  std::uint32_t timestamp() const {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  }
  PeerSegment segment_at(const Other& other, SeqNum seq, std::uint8_t flags, std::uint32_t bytes) {
    PeerSegment made{.flags = flags, .seq = seq, .ack = other.peer.ack, .from = other.peer.port};
    made.payload.resize(bytes);
    std::ranges::generate(made.payload, [&] { return static_cast<std::byte>(random()); });
    if (other.has_timestamps) {
      made.options.timestamps = wire::TcpTimestamps{.value = timestamp(), .echo = other.ts_recent};
    }
    return made;
  }
  /// Notes what the host has sent, and what the other ends learn of it.
  void hear() {
    for (const Bytes& frame : sent) {
      const auto datagram = read_ipv4(frame);
      const auto tcp =
          datagram ? wire::parse_tcp(datagram->payload) : fail(DropReason::TcpTooShort);
      if (tcp) {
        hear(*tcp, datagram->payload);
      }
      outcome.sent.push_back(frame);
    }
    sent.clear();
  }
  void hear(const wire::TcpHeader& tcp, std::span<const std::byte> segment) {
    for (Other& other : others) {
      if (other.peer.port != tcp.destination_port) {
        continue;
      }
      const auto options = wire::TcpOptions::parse(
          segment.subspan(wire::kTcpHeaderSize, tcp.header_length - wire::kTcpHeaderSize));
      if (options && options->timestamps) {
        other.ts_recent = options->timestamps->value;
      }
      const auto length = static_cast<std::uint32_t>(segment.size() - tcp.header_length) +
                          (tcp.flags.syn() || tcp.flags.fin() ? 1U : 0U);
      if (tcp.flags.syn() || (tcp.seq + length).is_after(other.peer.ack)) {
        other.peer.ack = tcp.seq + length;
      }
      if (tcp.flags.ack() && tcp.ack.is_after(other.una)) {
        other.una = tcp.ack;
      }
    }
  }

  // Bursts.
  void play_burst(Way way) {
    packet::Burst burst;
    const std::uint32_t frames = 1 + below(packet::Burst::kCapacity);
    std::uint32_t chosen = below(6);
    for (std::uint32_t i = 0; i < frames; ++i) {
      chosen = alike == 0 && below(4) == 0 ? below(6) : chosen;
      alike = alike == 0 && below(24) == 0 ? 2 + below(12) : alike;
      const Made made = next_frame_of(others[chosen]);
      packet::Packet frame = packet_of(made.bytes);
      frame.get()->ol_flags |= made.marks;
      if (way == Way::Pieces) {
        break_up(frame);
      }
      burst.push_back(std::move(frame));
    }
    if (way == Way::Lane) {
      stack->receive(now, 0, burst);
    } else {
      receive_by_runs(burst);
    }
    EXPECT_TRUE(burst.empty());
    turn();
  }
  /// As `Stack::receive`; what the lane leaves comes in pieces, so that it is not asked again.
  void receive_by_runs(packet::Burst& burst) {
    const net::Interface& interface = stack->interfaces().front();
    LookAhead ahead;
    tcp().look_ahead(interface, burst, ahead);
    for (std::uint16_t i = 0; i < burst.size();) {
      const std::uint64_t bytes_before = bytes_from(burst, i);
      const std::uint16_t taken = tcp().receive_run(now, interface, ahead, burst, i);
      if (taken == 0) {
        packet::Packet frame = burst.take(i++);
        if (frame.is_contiguous()) {
          break_up(frame);
        }
        receive(std::move(frame));
        continue;
      }
      i = static_cast<std::uint16_t>(i + taken);
      stats().rx_frames += taken;
      stats().rx_bytes += bytes_before - bytes_from(burst, i);
      taken_by_the_lane += taken;
      repeats += static_cast<std::uint64_t>(
          std::count(&ahead.repeats[i - taken], &ahead.repeats[i - 1] + 1, true));
    }
    burst.forget();
  }
  static std::uint64_t bytes_from(const packet::Burst& burst, std::uint16_t first) {
    std::uint64_t bytes = 0;
    for (std::uint16_t i = first; i < burst.size(); ++i) {
      bytes += burst.bytes_of(i);
    }
    return bytes;
  }
  /// The same bytes in two segments.
  static void break_up(packet::Packet& frame) {
    const std::size_t front = frame.data().size() / 2;
    packet::Packet tail = packet_of(frame.data().subspan(front));
    frame.truncate(static_cast<std::uint32_t>(front));
    ASSERT_TRUE(frame.chain(tail));
  }

  Made next_frame_of(Other& other) {
    const PeerSegment segment = next_segment_of(other);
    Made made;
    const packet::Packet frame = frame_of(segment);
    made.bytes.assign(frame.data().begin(), frame.data().end());
    constexpr std::uint64_t kIpGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    constexpr std::uint64_t kTcpGood = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    constexpr std::uint64_t kMarks[] = {kIpGood | kTcpGood,
                                        kIpGood | kTcpGood,
                                        0,
                                        0,
                                        kIpGood,
                                        kTcpGood,
                                        kIpGood | RTE_MBUF_F_RX_L4_CKSUM_BAD,
                                        RTE_MBUF_F_RX_IP_CKSUM_BAD | kTcpGood};
    made.marks = kMarks[below(below(4) == 0 ? 8 : 6)];
    if (below(alike > 0 ? 20 : 5) == 0) {
      damage(made);
    }
    return made;
  }
  PeerSegment next_segment_of(Other& other) {
    SeqNum& seq = other.peer.seq;
    if (alike > 0) {
      // Full segments behind each other, as they come from whoever has much to say.
      --alike;
      const bool is_last = alike == 0;
      const auto last_flags =
          static_cast<std::uint8_t>(kAck | (is_last ? wire::TcpFlags::kPsh : 0));
      PeerSegment full = segment_at(other, seq, last_flags, kFull);
      seq += kFull;
      return full;
    }
    const std::uint32_t bytes = below(4) == 0 ? 1'000 + below(400) : below(100);
    const std::uint8_t push = below(2) == 0 ? wire::TcpFlags::kPsh : std::uint8_t{0};
    const auto flags = static_cast<std::uint8_t>(kAck | push);
    PeerSegment made = segment_at(other, seq, flags, bytes);
    const std::uint32_t kind = below(48);
    if (kind < 26) {
      seq += bytes;
    } else if (kind < 30) {  // What has not been acknowledged, anew.
      made.seq = other.una;
    } else if (kind < 33) {
      made = segment_at(other, seq, flags, 0);
    } else if (kind < 35) {  // Acknowledges less.
      made.ack = made.ack - below(2'000);
    } else if (kind < 38) {  // Beyond a hole.
      made.seq = seq + 1 + below(3'000);
    } else if (kind < 40) {  // Old.
      made.seq = seq - below(3'000);
    } else {
      change(made, kind, other);
    }
    return made;
  }
  void change(PeerSegment& made, std::uint32_t kind, Other& other) {
    const std::uint32_t bytes = static_cast<std::uint32_t>(made.payload.size());
    switch (kind) {
      case 40: made.window = static_cast<std::uint16_t>(below(3) * 10); break;
      case 41: made.ack = made.ack + below(100); break;
      case 42:
        static_cast<void>(made.options.sack.push_back({made.ack + 1, made.ack + 1 + below(900)}));
        break;
      case 43: made.flags = static_cast<std::uint8_t>(made.flags | wire::TcpFlags::kUrg); break;
      case 44: made.flags = static_cast<std::uint8_t>(random()); break;
      case 45: made.options.timestamps.reset(); break;
      case 46:
        if (below(4) == 0) {
          made.flags = static_cast<std::uint8_t>(made.flags | kFin);
          other.peer.seq += bytes + 1;
        }
        break;
      default:
        if (below(8) == 0) {
          made.flags = below(2) == 0 ? kRst : kSyn;
        }
        break;
    }
  }

  void damage(Made& made) {
    Bytes& frame = made.bytes;
    switch (below(12)) {
      case 0:
      case 1: flip(frame, 1 + below(2)); break;
      case 2:
      case 3:
      case 4:
        flip(frame, 1 + below(2));
        make_sums_right(frame);
        break;
      case 5: frame.resize(frame.size() - std::min<std::size_t>(frame.size(), below(30))); break;
      case 6: frame.resize(frame.size() + 1 + below(20), std::byte{0x55}); break;
      case 7: tag(frame); break;
      case 8:
        std::fill_n(frame.begin(), MacAddress::kSize,
                    below(2) == 0 ? std::byte{0xff} : std::byte{2});
        break;
      case 9:
        frame[kIpAt + 6 + below(2)] ^= static_cast<std::byte>(1U << below(8));
        make_sums_right(frame);
        break;
      case 10: readdress(frame); break;
      default:
        frame[kIpAt + 1] = static_cast<std::byte>(random());  // Its traffic class, and marks.
        make_sums_right(frame);
        break;
    }
  }
  void flip(Bytes& frame, std::uint32_t bits) {
    for (; bits > 0; --bits) {
      frame[random() % std::min<std::size_t>(frame.size(), 66)] ^=
          static_cast<std::byte>(1U << below(8));
    }
  }
  void tag(Bytes& frame) {
    const Bytes header{std::byte{0x81}, std::byte{0}, std::byte{0},
                       static_cast<std::byte>(below(2))};
    frame.insert(frame.begin() + 12, header.begin(), header.end());
  }
  void readdress(Bytes& frame) {
    const IpAddress strange[] = {kOurs,
                                 kOursToo,
                                 kAbsent,
                                 kLinkBroadcast,
                                 IpAddress::v4(0, 1, 2, 3),
                                 IpAddress::v4(127, 0, 0, 1),
                                 IpAddress::v4(224, 0, 0, 1),
                                 IpAddress::v4(255, 255, 255, 255)};
    const auto bytes = strange[below(8)].v4_bytes();
    const auto octets = std::as_bytes(std::span{bytes});
    std::ranges::copy(octets, frame.begin() + kIpAt + (below(2) == 0 ? 12 : 16));
    make_sums_right(frame);
  }

  // What is to be compared.
  void note_counters() {
    static_assert(std::has_unique_object_representations_v<CoreStats>);
    using Words = std::array<std::uint64_t, sizeof(CoreStats) / sizeof(std::uint64_t)>;
    const auto words = std::bit_cast<Words>(stats());
    outcome.counted.assign(words.begin(), words.end());
  }
  void note_sockets(const Recorder& recorder) {
    std::ostringstream text;
    for (const TcpSocket& socket : recorder.sockets) {
      const auto info = socket.info();
      if (!info) {
        text << "gone\n";
        continue;
      }
      text << static_cast<int>(info->state) << ' ' << info->segments_in << ' '
           << info->data_segments_in << ' ' << info->bytes_received << ' ' << info->bytes_acked
           << ' ' << info->delivered << ' ' << info->duplicate_reports << ' '
           << info->out_of_order_in << ' ' << info->since_data_received.count() << ' '
           << info->since_ack_received.count() << ' ' << info->segments_out << '\n';
    }
    outcome.told = text.str();
  }

  static constexpr std::uint32_t kFull = 1'400;
  std::mt19937 random;
  std::uint32_t alike = 0;  // So many full segments follow.
  std::vector<Other> others;
  Outcome outcome;
};

void expect_same(const Outcome& outcome, const Outcome& pieces) {
  ASSERT_EQ(outcome.counted, pieces.counted);
  ASSERT_EQ(outcome.heard, pieces.heard);
  ASSERT_TRUE(outcome.read == pieces.read);
  ASSERT_EQ(outcome.told, pieces.told);
  ASSERT_EQ(outcome.sent.size(), pieces.sent.size());
  for (std::size_t i = 0; i < outcome.sent.size(); ++i) {
    ASSERT_EQ(hex_of(outcome.sent[i]), hex_of(pieces.sent[i])) << i;
  }
}

TEST_F(TcpBurstAlike, ComesToTheSameAsTheWayOfEveryOtherFrame) {
  std::uint64_t segments_in = 0;
  std::uint64_t bytes_read = 0;
  std::map<std::size_t, std::uint64_t> drops;  // By place among the counters.
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Outcome lane = play(seed, Way::Lane);
    const Outcome runs = play(seed, Way::Runs);
    const std::uint64_t taken = taken_by_the_lane;
    const Outcome pieces = play(seed, Way::Pieces);
    EXPECT_EQ(taken_by_the_lane, taken) << "pieces were taken for usual frames";
    ASSERT_NO_FATAL_FAILURE(expect_same(lane, pieces));
    ASSERT_NO_FATAL_FAILURE(expect_same(runs, pieces));
    bytes_read += lane.read.size();
    for (std::size_t i = 0; i < lane.counted.size(); ++i) {
      drops[i] += lane.counted[i];
    }
  }
  // Most frames are the lane's, data gets through, and much of what can be wrong has been.
  segments_in = drops[offsetof(CoreStats, tcp_segments_in) / sizeof(std::uint64_t)];
  EXPECT_GT(segments_in, 40'000U);
  EXPECT_GT(taken_by_the_lane, segments_in / 2);
  EXPECT_GT(repeats, segments_in / 100);
  EXPECT_GT(bytes_read, 200'000U);
  constexpr std::size_t kFirstDrop = offsetof(CoreStats, drops) / sizeof(std::uint64_t);
  for (const DropReason reason :
       {DropReason::EthernetNotForUs, DropReason::Ipv4BadVersion, DropReason::Ipv4BadTotalLength,
        DropReason::Ipv4BadChecksum, DropReason::Ipv4MartianSource, DropReason::Ipv4NotForUs,
        DropReason::TcpBadChecksum, DropReason::TcpBadDataOffset, DropReason::TcpBadOptions,
        DropReason::TcpNotUnicast, DropReason::TcpNoConnection, DropReason::TcpOutOfWindow,
        DropReason::TcpBadAck, DropReason::TcpDuplicateData, DropReason::TcpOldTimestamp,
        DropReason::TcpNoTimestamp, DropReason::TcpUnexpectedSyn, DropReason::TcpBadReset}) {
    EXPECT_GT(drops[kFirstDrop + static_cast<std::size_t>(reason)], 0U) << to_string(reason);
  }
}

}  // namespace
}  // namespace millrace::stack
