// UsualFrame against the parsers of each header: which frames are usual, what is read from them,
// and whether their sums are right, for usual frames and such with bytes overwritten.
#include "wire/usual_frame.hpp"

#include <algorithm>
#include <random>
#include <span>

#include <gtest/gtest.h>

#include "test_bytes.hpp"
#include "wire/checksum.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::random_bytes;

constexpr MacAddress kOurs{{0x02, 0xfe, 0, 1, 2, 3}};
const IpAddress kLocal = IpAddress::v4(198, 18, 0, 2);
const IpAddress kRemote = IpAddress::v4(10, 200, 255, 1);
constexpr std::size_t kIpAt = kEthernetHeaderSize;
constexpr std::size_t kTcpAt = kEthernetHeaderSize + kIpv4HeaderSize;

/// A usual frame, its sums right.
Bytes frame_with(std::mt19937& random, const TcpOptions& options, std::size_t payload_bytes) {
  const std::size_t header = kTcpHeaderSize + tcp_options_size(options, false);
  Bytes frame = random_bytes(random, kTcpAt + header + payload_bytes);
  const std::span<std::byte> bytes{frame};
  emit_ethernet(bytes, {.destination = kOurs, .source = {}, .type = EtherType::Ipv4});
  emit_ipv4(bytes.subspan(kIpAt),
            {.source = kRemote,
             .destination = kLocal,
             .traffic_class = static_cast<std::uint8_t>(random()),
             .identification = static_cast<std::uint16_t>(random()),
             .dont_fragment = random() % 2 == 0,
             .total_length = static_cast<std::uint16_t>(frame.size() - kIpAt)},
            true);
  const auto segment = bytes.subspan(kTcpAt);
  emit_tcp(segment, {.source_port = static_cast<std::uint16_t>(random()),
                     .destination_port = static_cast<std::uint16_t>(random()),
                     .seq = SeqNum{static_cast<std::uint32_t>(random())},
                     .ack = SeqNum{static_cast<std::uint32_t>(random())},
                     .flags = TcpFlags{static_cast<std::uint8_t>(random())},
                     .window = static_cast<std::uint16_t>(random()),
                     .urgent_pointer = static_cast<std::uint16_t>(random()),
                     .header_length = static_cast<std::uint16_t>(header)});
  emit_tcp_options(segment.subspan(kTcpHeaderSize), options, false);
  Checksum sum;
  sum.add_pseudo_header(kRemote, kLocal, IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  set_tcp_checksum(segment, sum.finish());
  return frame;
}

/// What the parsers say of the same question.
bool is_usual(std::span<const std::byte> frame) {
  const auto ethernet = parse_ethernet(frame);
  const auto ip = read_ipv4_fields(frame.subspan(kIpAt));
  return ethernet->destination == kOurs && ethernet->type == EtherType::Ipv4 && ip &&
         ip->header_length == kIpv4HeaderSize && !ip->is_fragment() &&
         ip->protocol == IpProtocol::Tcp;
}

void expect_read_alike(std::span<const std::byte> frame, const UsualFrame& view) {
  const auto ip = read_ipv4_fields(frame.subspan(kIpAt));
  const auto raw = read_raw<detail::RawTcp>(frame.subspan(kTcpAt));
  EXPECT_EQ(view.total_length(), ip->total_length);
  EXPECT_EQ(view.traffic_class(), ip->traffic_class);
  EXPECT_EQ(view.tcp_header_length(), (raw.data_offset >> 4U) * 4U);
  EXPECT_EQ(view.seq().value(), raw.seq.value());
  EXPECT_EQ(view.ack().value(), raw.ack.value());
  EXPECT_EQ(view.flags().bits(), raw.flags);
  EXPECT_EQ(view.window(), raw.window.value());
  EXPECT_EQ(view.urgent_pointer(), raw.urgent_pointer.value());
  EXPECT_EQ(view.key(),
            TupleKey::of(
                {.local = {.address = ip->destination, .port = Port{raw.destination_port.value()}},
                 .remote = {.address = ip->source, .port = Port{raw.source_port.value()}}}));
}

void expect_summed_alike(std::span<const std::byte> frame, const UsualFrame& view) {
  EXPECT_EQ(view.has_valid_ip_checksum(),
            has_valid_ipv4_checksum(frame.subspan(kIpAt, kIpv4HeaderSize)));
  const auto ip = read_ipv4_fields(frame.subspan(kIpAt));
  if (ip->total_length >= kIpv4HeaderSize + kTcpHeaderSize &&
      kIpAt + ip->total_length <= frame.size()) {
    EXPECT_EQ(view.has_valid_tcp_checksum(),
              has_valid_transport_checksum(ip->source, ip->destination, IpProtocol::Tcp,
                                           frame.subspan(kTcpAt, ip->payload_length())));
  }
}

TEST(UsualFrame, IsReadAsTheParsersReadIt) {
  std::mt19937 random{1};
  TcpOptions timestamps;
  timestamps.timestamps = TcpTimestamps{.value = 0x0102'0304, .echo = 0xfffe'fdfc};
  const StationWord station{kOurs};
  unsigned usual = 0;
  unsigned sound = 0;
  for (int i = 0; i < 60'000; ++i) {
    Bytes frame = frame_with(random, random() % 2 == 0 ? TcpOptions{} : timestamps, random() % 200);
    const std::size_t headers = kTcpAt + kTcpHeaderSize;
    for (std::size_t changes = random() % 3; changes > 0; --changes) {
      frame[random() % headers] ^= static_cast<std::byte>(1U << random() % 8);
    }
    const UsualFrame view{frame.data()};
    ASSERT_EQ(view.is_usual(station), is_usual(frame)) << i;
    if (view.is_usual(station)) {
      ++usual;
      sound += view.has_valid_ip_checksum() && view.has_valid_tcp_checksum() ? 1U : 0U;
      expect_read_alike(frame, view);
      expect_summed_alike(frame, view);
    }
    ASSERT_FALSE(HasFailure()) << i;
  }
  // Neither all nor nothing has been compared.
  EXPECT_GT(usual, 20'000U);
  EXPECT_LT(usual, 55'000U);
  EXPECT_GT(sound, 15'000U);
  EXPECT_LT(sound, usual);
}

TEST(UsualFrame, EveryBitOfWhatMakesItUsualCounts) {
  std::mt19937 random{2};
  const StationWord station{kOurs};
  const Bytes usual = frame_with(random, {}, 10);
  ASSERT_TRUE(UsualFrame{usual.data()}.is_usual(station));
  for (std::size_t at = 0; at < usual.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes frame = usual;
      frame[at] ^= static_cast<std::byte>(1U << bit);
      EXPECT_EQ(UsualFrame{frame.data()}.is_usual(station), is_usual(frame)) << at << ' ' << bit;
    }
  }
}

/// The bits of the byte at `at` that a frame must have as the one that it repeats.
std::byte repeated_bits(std::size_t at, bool has_options) {
  const auto lies = [at](std::size_t first, std::size_t end) { return first <= at && at < end; };
  const bool is_source = lies(6, 12);
  const bool is_identification = lies(kIpAt + 4, kIpAt + 6);
  const bool is_ttl_or_sum = at == kIpAt + 8 || lies(kIpAt + 10, kIpAt + 12);
  const bool is_seq = lies(kTcpAt + 4, kTcpAt + 8);
  const bool is_sum_or_urgent_pointer = lies(kTcpAt + 16, kTcpAt + 20);
  const bool is_text = at >= kTcpAt + kTcpHeaderSize + (has_options ? 12 : 0);
  if (is_source || is_identification || is_ttl_or_sum || is_seq || is_sum_or_urgent_pointer ||
      is_text) {
    return std::byte{0};
  }
  if (at == kIpAt + 6) {
    return std::byte{0x3f};  // Whether it might have been cut on its way is all the same.
  }
  return at == kTcpAt + 13 ? ~std::byte{TcpFlags::kPsh} : std::byte{0xff};
}

TEST(UsualFrame, EveryBitThatItRepeatsCounts) {
  std::mt19937 random{5};
  TcpOptions timestamps;
  timestamps.timestamps = TcpTimestamps{.value = 0x8102'0304, .echo = 0xfffe'fdfc};
  for (const bool has_options : {false, true}) {
    const Bytes before = frame_with(random, has_options ? timestamps : TcpOptions{}, 40);
    ASSERT_TRUE(UsualFrame{before.data()}.repeats(UsualFrame{before.data()}));
    for (std::size_t at = 0; at < before.size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        Bytes frame = before;
        const std::byte changed{static_cast<std::uint8_t>(1U << bit)};
        frame[at] ^= changed;
        const bool is_compared = (repeated_bits(at, has_options) & changed) != std::byte{0};
        EXPECT_EQ(UsualFrame{frame.data()}.repeats(UsualFrame{before.data()}), !is_compared)
            << at << ' ' << bit;
      }
    }
  }
}

TEST(UsualFrame, RepeatsNoneWithOtherOptions) {
  std::mt19937 random{6};
  TcpOptions options;
  static_cast<void>(options.sack.push_back({SeqNum{1}, SeqNum{2}}));
  options.timestamps = TcpTimestamps{.value = 1, .echo = 2};
  const Bytes long_options = frame_with(random, options, 40);
  EXPECT_FALSE(UsualFrame{long_options.data()}.repeats(UsualFrame{long_options.data()}));
  options = {};
  options.user_timeout = UserTimeoutOption{.bits = 30};
  const Bytes short_options = frame_with(random, options, 40);
  EXPECT_FALSE(UsualFrame{short_options.data()}.repeats(UsualFrame{short_options.data()}));
}

TEST(UsualFrame, SumsAnyLength) {
  std::mt19937 random{3};
  for (std::size_t payload_bytes = 0; payload_bytes < 1'500; payload_bytes += 7) {
    Bytes frame = frame_with(random, {}, payload_bytes);
    EXPECT_TRUE(UsualFrame{frame.data()}.has_valid_ip_checksum());
    EXPECT_TRUE(UsualFrame{frame.data()}.has_valid_tcp_checksum()) << payload_bytes;
    frame[kIpAt + 1 + random() % 7] ^= std::byte{4};
    frame.back() ^= std::byte{0x10};
    expect_summed_alike(frame, UsualFrame{frame.data()});
    EXPECT_FALSE(UsualFrame{frame.data()}.has_valid_ip_checksum());
  }
}

TEST(UsualFrame, KnowsTimestampsBehindTwoFillers) {
  std::mt19937 random{4};
  TcpOptions options;
  options.timestamps = TcpTimestamps{.value = 0x8102'0304, .echo = 0xfffe'fdfc};
  Bytes frame = frame_with(random, options, 0);
  const UsualFrame view{frame.data()};
  ASSERT_EQ(view.tcp_header_length(), UsualFrame::kHeaderWithTimestamps);
  ASSERT_TRUE(view.has_timestamps_alone());
  EXPECT_EQ(view.timestamps(), *options.timestamps);
  for (std::size_t at = 0; at < 4; ++at) {
    Bytes other = frame;
    other[kTcpAt + kTcpHeaderSize + at] ^= std::byte{2};
    EXPECT_FALSE(UsualFrame{other.data()}.has_timestamps_alone()) << at;
  }
}

}  // namespace
}  // namespace millrace::wire
