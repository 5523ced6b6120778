// millrace-loopback's frames, what is made of those that arrive, and the verdict: values alone, no
// port beneath.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loopback/flow_track.hpp"
#include "loopback/pace.hpp"
#include "loopback/report.hpp"
#include "loopback/test_frame.hpp"
#include "loopback/verifier.hpp"

namespace loopback {
namespace {

using Place = FlowTrack::Place;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kSeed = 7;
const Path kPath{
    .source = {millrace::MacAddress{{2, 0, 0, 0, 0, 1}}, millrace::IpAddress::v4(198, 18, 0, 1)},
    .destination = {millrace::MacAddress{{2, 0, 0, 0, 0, 2}},
                    millrace::IpAddress::v4(198, 18, 0, 2)}};

Bytes frame_of(const Stamp& stamp, std::uint16_t size = 64, Carrier carrier = Carrier::Udp) {
  Bytes frame(2'048);
  const FrameMaker maker{kPath, carrier, kSeed, {size}};
  frame.resize(maker.write(frame, stamp, 0));
  return frame;
}

FrameReader reader(std::optional<Path> path = kPath, std::uint16_t flows = 4,
                   std::uint64_t seed = kSeed) {
  return FrameReader{Carrier::Udp, seed, perf::Verify::All, flows, path};
}

/// "i": in order, "l": late, "r": repeated; then what is missing.
std::string tracked(const std::vector<std::uint64_t>& sequences) {
  FlowTrack track;
  std::string text;
  for (const std::uint64_t sequence : sequences) {
    const Place place = track.take(sequence);
    text += place == Place::InOrder ? "i" : place == Place::Late ? "l" : "r";
  }
  return text + " " + std::to_string(track.missing());
}

TEST(FlowTrack, TellsMissingLateAndRepeatedApart) {
  EXPECT_EQ(tracked({0, 1, 2}), "iii 0");
  EXPECT_EQ(tracked({0, 2}), "ii 1");
  EXPECT_EQ(tracked({0, 2, 1}), "iil 0");
  EXPECT_EQ(tracked({0, 2, 1, 1, 2, 0}), "iilrrr 0");
  EXPECT_EQ(tracked({3}), "i 3");
  EXPECT_EQ(tracked({3, 0, 1, 2, 3}), "illlr 0");
  EXPECT_EQ(tracked({63, 0}), "il 62") << "as far back as it remembers";
  EXPECT_EQ(tracked({64, 0}), "ir 64") << "further back it cannot tell";
  EXPECT_EQ(tracked({0, 100, 101, 99}), "iiil 98");
  EXPECT_EQ(tracked({0, 64, 0}), "iir 63");
}

TEST(FlowTrack, WhatWasSentAndHasNotComeIsMissingUntilItComes) {
  FlowTrack track;
  EXPECT_EQ(track.take(0), Place::InOrder);
  track.expect(3);
  EXPECT_EQ(track.missing(), 2U);
  EXPECT_EQ(track.take(1), Place::Late);
  EXPECT_EQ(track.take(0), Place::Repeated);
  track.expect(2);
  EXPECT_EQ(track.missing(), 1U) << "an older word says nothing";
  track.expect(200);
  EXPECT_EQ(track.missing(), 198U);
  EXPECT_EQ(track.take(200), Place::InOrder);
}

TEST(TestFrame, ArrivesAsItWasSent) {
  for (const std::uint16_t size : {std::uint16_t{60}, std::uint16_t{61}, std::uint16_t{1'514}}) {
    const Stamp stamp{.sequence = 0x1'0000'0001U, .flow = 3, .ends_of = 0};
    const Bytes frame = frame_of(stamp, size);
    ASSERT_EQ(frame.size(), size);
    const Seen seen = reader().read(frame);
    EXPECT_EQ(seen.what, Seen::What::Good) << size;
    EXPECT_EQ(seen.stamp, stamp);
  }
}

TEST(TestFrame, NoBitMayChange) {
  for (const std::uint16_t size : {kFrameBytesMin, std::uint16_t{64}, std::uint16_t{81}}) {
    const Bytes sent = frame_of({.sequence = 5, .flow = 1}, size);
    for (std::size_t bit = 0; bit < 8 * sent.size(); ++bit) {
      Bytes frame = sent;
      frame[bit / 8] ^= std::byte{1} << (bit % 8);
      EXPECT_EQ(reader().read(frame).what, Seen::What::Damaged) << size << ", bit " << bit;
    }
  }
}

TEST(TestFrame, NoByteMayBeMissingOrAdded) {
  const Bytes sent = frame_of({.sequence = 5, .flow = 1}, 80);
  Bytes shorter = sent;
  shorter.pop_back();
  EXPECT_EQ(reader().read(shorter).what, Seen::What::Damaged);
  Bytes longer = sent;
  longer.push_back(std::byte{0});
  EXPECT_EQ(reader().read(longer).what, Seen::What::Damaged);
}

TEST(TestFrame, OfAnotherPathFlowOrSeedIsNotAsItShouldBe) {
  const Bytes frame = frame_of({.sequence = 5, .flow = 1});
  Path other = kPath;
  std::swap(other.source.mac, other.destination.mac);
  EXPECT_EQ(reader(other).read(frame).what, Seen::What::Damaged);
  EXPECT_EQ(reader(std::nullopt).read(frame).what, Seen::What::Good) << "who only receives";
  EXPECT_EQ(reader(kPath, 1).read(frame).what, Seen::What::Damaged);
  EXPECT_EQ(reader(kPath, 4, kSeed + 1).read(frame).what, Seen::What::Damaged);
}

TEST(TestFrame, OthersAreForeign) {
  EXPECT_EQ(reader().read(Bytes(60)).what, Seen::What::Foreign);
  EXPECT_EQ(reader().read(Bytes{}).what, Seen::What::Foreign);
  Bytes frame = frame_of({});
  frame[42] ^= std::byte{1};  // Neither mark nor port.
  frame[37] ^= std::byte{1};
  EXPECT_EQ(reader().read(frame).what, Seen::What::Foreign);
}

/// Sends an echo there and back, as the far end turns it around.
Bytes echoed(const Stamp& stamp) {
  Bytes frame = frame_of(stamp, 98, Carrier::Echo);
  std::ranges::swap_ranges(std::span{frame}.first(6), std::span{frame}.subspan(6, 6));
  std::ranges::swap_ranges(std::span{frame}.subspan(26, 4), std::span{frame}.subspan(30, 4));
  frame[34] = std::byte{0};
  // The type stands in the high half of a word: the checksum grows by that, around the end.
  unsigned sum =
      (std::to_integer<unsigned>(frame[36]) << 8U) + std::to_integer<unsigned>(frame[37]);
  sum += 0x800;
  sum = (sum & 0xffffU) + (sum >> 16U);
  frame[36] = static_cast<std::byte>(sum >> 8U);
  frame[37] = static_cast<std::byte>(sum & 0xffU);
  return frame;
}

TEST(TestFrame, EchoesComeBackAsReplies) {
  const Path back{.source = kPath.destination, .destination = kPath.source};
  const FrameReader echoes{Carrier::Echo, kSeed, perf::Verify::All, 4, back};
  for (std::uint64_t sequence = 0; sequence < 300; ++sequence) {
    const Seen seen = echoes.read(echoed({.sequence = sequence, .flow = 2}));
    ASSERT_EQ(seen.what, Seen::What::Good) << sequence;
    ASSERT_EQ(seen.stamp.sequence, sequence);
  }
  EXPECT_EQ(echoes.read(frame_of({}, 98, Carrier::Echo)).what, Seen::What::Foreign)
      << "a request is for somebody else to answer";
  Bytes damaged = echoed({.sequence = 9, .flow = 2});
  damaged[70] ^= std::byte{4};
  EXPECT_EQ(echoes.read(damaged).what, Seen::What::Damaged);
}

TEST(Verifier, CountsEachFrameOnceAndKnowsWhatIsLost) {
  Verifier verifier{reader(), 4};
  for (const std::uint64_t sequence : {0, 1, 4, 3, 4}) {
    EXPECT_TRUE(verifier.take(frame_of({.sequence = sequence, .flow = 2})));
  }
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 0, .flow = 0})));
  EXPECT_FALSE(verifier.take(Bytes(64)));
  verifier.expect(2, 7);
  const Verification seen = verifier.result();
  EXPECT_EQ(seen.received, 5U);
  EXPECT_EQ(seen.late, 1U);
  EXPECT_EQ(seen.repeated, 1U);
  EXPECT_EQ(seen.lost, 3U);
  EXPECT_EQ(verifier.accounted(), 8U);
}

TEST(Verifier, ADamagedFrameIsNotCountedAsLostBeside) {
  Verifier verifier{reader(), 4};
  Bytes damaged = frame_of({.sequence = 0, .flow = 0});
  damaged.back() ^= std::byte{1};
  EXPECT_TRUE(verifier.take(damaged));
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 1, .flow = 0})));
  verifier.expect(0, 3);
  EXPECT_EQ(verifier.result().damaged, 1U);
  EXPECT_EQ(verifier.result().lost, 1U);
}

TEST(Verifier, EndsWhenEveryFlowHasEnded) {
  Verifier verifier{reader(std::nullopt), 4};
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 0, .flow = 0})));
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 2, .flow = 0, .ends_of = 2})));
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 2, .flow = 0, .ends_of = 2})));
  EXPECT_FALSE(verifier.has_ended());
  EXPECT_TRUE(verifier.take(frame_of({.sequence = 4, .flow = 1, .ends_of = 2})));
  EXPECT_TRUE(verifier.has_ended());
  EXPECT_EQ(verifier.result().received, 1U);
  EXPECT_EQ(verifier.result().lost, 5U);
}

TEST(Pace, AllowsTheRateAndNoLongBurstAfterAPause) {
  Pace pace{1'000};
  millrace::Instant now{};
  EXPECT_EQ(pace.allowed(now, 100), 1U);
  pace.note_sent(1);
  EXPECT_EQ(pace.allowed(now, 100), 0U);
  now += std::chrono::milliseconds{10};
  EXPECT_EQ(pace.allowed(now, 100), 10U);
  EXPECT_EQ(pace.allowed(now, 4), 4U);
  pace.note_sent(4);
  EXPECT_EQ(pace.allowed(now, 100), 6U);
  now += std::chrono::hours{1};
  EXPECT_EQ(pace.allowed(now, 100'000), 256U);
  EXPECT_EQ(Pace{}.allowed(now, 12), 12U);
}

TEST(Report, EachKindOfLossFailsAndSaysWhere) {
  Options options;
  const auto failure_of = [&options](const PortCounts& counts, const Verification& seen) {
    Report report{.options = options};
    report.ports.push_back({.name = "ring", .mac = {}, .counts = counts});
    report.verification = seen;
    const auto failures = failures_of(report);
    return failures.empty() ? std::string{} : failures.front();
  };
  const Verification good{.sent = 9, .received = 9};
  EXPECT_EQ(failure_of({}, good), "");
  EXPECT_EQ(failure_of({.rx_missed = 1}, good), "ring: 1 frames missed: the receive ring was full");
  EXPECT_EQ(failure_of({.rx_errors = 2}, good), "ring: 2 frames with receive errors");
  EXPECT_EQ(failure_of({.tx_errors = 3}, good), "ring: 3 frames with transmit errors");
  EXPECT_EQ(failure_of({.rx_no_buffer = 4}, good),
            "ring: 4 times no packet buffer to receive into");
  EXPECT_EQ(failure_of({.tx_no_buffer = 5}, good), "ring: 5 times no packet buffer to send in");
  EXPECT_EQ(failure_of({}, {.received = 1, .lost = 1}), "verification: 1 frames lost");
  EXPECT_EQ(failure_of({}, {.received = 1, .damaged = 2}), "verification: 2 frames damaged");
  EXPECT_EQ(failure_of({}, {.received = 1, .repeated = 3}), "verification: 3 frames repeated");
  EXPECT_EQ(failure_of({}, {.received = 1, .late = 3}), "") << "a different order is no loss";
  EXPECT_EQ(failure_of({}, {}), "no frame of the test has arrived");
  options.mode = Mode::Tcp;
  EXPECT_EQ(failure_of({.rx_missed = 1}, good), "") << "TCP repairs it";
}

TEST(Report, ShowsPortStatisticsAsTestpmdNamesThem) {
  const std::vector<PortReport> ports{{.name = "ring",
                                       .mac = millrace::MacAddress{{2, 0, 0, 0, 0, 1}},
                                       .counts = {.rx_frames = 3'000'000,
                                                  .rx_bytes = 192'000'000,
                                                  .tx_frames = 4,
                                                  .tx_bytes = 256,
                                                  .rx_missed = 5,
                                                  .rx_errors = 6,
                                                  .rx_no_buffer = 7,
                                                  .tx_errors = 8,
                                                  .tx_no_buffer = 9}}};
  const std::string text = port_statistics(ports, 2);
  for (const char* const part :
       {"statistics of port 0, ring, 02:00:00:00:00:01", "rx-packets: 3000000 ",
        "rx-bytes: 192000000 ", "rx-missed: 5 ", "rx-errors: 6 ", "rx-nombuf: 7\n",
        "tx-packets: 4 ", "tx-bytes: 256 ", "tx-errors: 8 ", "tx-nombuf: 9\n", "rx-pps:    1.50 M",
        "rx-bps:     768 M"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(Report, IntervalsAreDifferences) {
  const PortCounts earlier{.rx_frames = 10, .rx_bytes = 640, .rx_missed = 1};
  const PortCounts later{.rx_frames = 30, .rx_bytes = 1'920, .rx_missed = 3};
  const std::string line = interval_lines({.from = 1, .to = 1.5, .ports = {later - earlier}});
  EXPECT_NE(line.find("  1.50 s  port 0  rx-pps:       40   rx-bps:    20.5 k  "),
            std::string::npos)
      << line;
  EXPECT_NE(line.find("missed: 2 "), std::string::npos) << line;
}

}  // namespace
}  // namespace loopback
