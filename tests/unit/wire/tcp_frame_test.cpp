// TcpFrame: the bytes that the emit functions of each header write, whatever the setting.
#include "wire/tcp_frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include "test_bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/word_sum.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;

struct Random {
  std::mt19937 engine{1};

  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine()); }
  bool one_in(std::uint32_t n) { return engine() % n == 0; }
  std::uint8_t octet() { return static_cast<std::uint8_t>(engine()); }
  std::uint16_t word() { return static_cast<std::uint16_t>(engine()); }
  MacAddress mac() { return MacAddress{{octet(), octet(), octet(), octet(), octet(), octet()}}; }
  Endpoint endpoint() {
    // Sums of zeros and of ones are where one's complement is easily got wrong.
    const IpAddress address = one_in(8)   ? IpAddress::v4(0, 0, 0, 0)
                              : one_in(8) ? IpAddress::v4(255, 255, 255, 255)
                                          : IpAddress::v4(octet(), octet(), octet(), octet());
    return {.address = address, .port = Port{one_in(8) ? std::uint16_t{0xffff} : word()}};
  }
};

/// A segment and what it has in common with others.
struct Case {
  explicit Case(Random& random)
      : tuple{.local = random.endpoint(), .remote = random.endpoint()},
        link{.source = random.mac(),
             .destination = random.mac(),
             .vlan = static_cast<std::uint16_t>(random.one_in(2) ? 1 + random() % 4'094 : 0),
             .has_ipv4_checksum = random.one_in(2),
             .has_tcp_checksum = random.one_in(2)},
        setting{.tuple = tuple,
                .ttl = random.octet(),
                .traffic_class = random.octet(),
                .ack = SeqNum{random()},
                .window = random.word(),
                .timestamps = random.one_in(4) ? std::nullopt
                                               : std::optional{TcpTimestamps{random(), random()}}} {
  }

  FourTuple tuple;
  TcpFrameLink link;
  TcpFrameSetting setting;
};

Bytes emitted(const TcpFrameLink& link, const TcpFrameSetting& setting, SeqNum seq, TcpFlags flags,
              const Bytes& payload) {
  TcpOptions options;
  options.timestamps = setting.timestamps;
  const std::size_t tcp_bytes = kTcpHeaderSize + tcp_options_size(options, false);
  const std::size_t link_bytes = kEthernetHeaderSize + (link.vlan == 0 ? 0 : kVlanTagSize);
  Bytes frame(link_bytes + kIpv4HeaderSize + tcp_bytes);
  frame.insert(frame.end(), payload.begin(), payload.end());
  const std::span<std::byte> bytes{frame};
  emit_ethernet(bytes, {.destination = link.destination,
                        .source = link.source,
                        .type = link.vlan == 0 ? EtherType::Ipv4 : EtherType::Vlan});
  if (link.vlan != 0) {
    emit_vlan_tag(bytes.subspan(kEthernetHeaderSize), {.vlan = link.vlan});
  }
  const auto datagram = bytes.subspan(link_bytes);
  emit_ipv4(datagram,
            {.source = setting.tuple.local.address,
             .destination = setting.tuple.remote.address,
             .ttl = setting.ttl,
             .traffic_class = setting.traffic_class,
             .dont_fragment = true,
             .total_length = static_cast<std::uint16_t>(datagram.size())},
            link.has_ipv4_checksum);
  const auto segment = datagram.subspan(kIpv4HeaderSize);
  emit_tcp(segment, {.source_port = setting.tuple.local.port.number(),
                     .destination_port = setting.tuple.remote.port.number(),
                     .seq = seq,
                     .ack = setting.ack,
                     .flags = flags,
                     .window = setting.window,
                     .header_length = static_cast<std::uint16_t>(tcp_bytes)});
  emit_tcp_options(segment.subspan(kTcpHeaderSize), options, false);
  Checksum sum;
  sum.add_pseudo_header(setting.tuple.local.address, setting.tuple.remote.address, IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment.size()));
  if (link.has_tcp_checksum) {
    sum.add(segment);
  }
  set_tcp_checksum(segment, link.has_tcp_checksum ? sum.finish() : sum.folded());
  return frame;
}

Bytes written(TcpFrame& layout, SeqNum seq, TcpFlags flags, const Bytes& payload) {
  constexpr std::byte kUntouched{0xa5};
  const std::size_t headers = layout.link_bytes() + kIpv4HeaderSize + layout.tcp_bytes();
  // With room before it, and something behind the headers that must stay.
  const std::size_t before = TcpFrame::kBytesBefore - layout.link_bytes();
  Bytes memory(before + headers, kUntouched);
  memory.insert(memory.end(), payload.begin(), payload.end());
  layout.write(memory.data() + TcpFrame::kBytesBefore, seq, flags,
               static_cast<std::uint16_t>(payload.size()), sum_words(payload));
  return {memory.begin() + static_cast<std::ptrdiff_t>(before), memory.end()};
}

TEST(TcpFrame, WritesWhatTheEmitFunctionsWrite) {
  Random random;
  TcpFrame kept;  // What another connection has left in it must not show.
  TcpFrameLink kept_link;
  kept.set_link(kept_link);
  for (int i = 0; i < 3'000; ++i) {
    const Case chosen{random};
    TcpFrame fresh;
    TcpFrameLink fresh_link;
    TcpFrame& layout = random.one_in(4) ? fresh : kept;
    // Others leave by the same link.
    TcpFrameLink& link = &layout == &kept ? kept_link : fresh_link;
    if (&layout == &fresh || random.one_in(3)) {
      link = chosen.link;
      layout.set_link(link);
    }
    layout.begin(chosen.setting);
    // Segments of one layout, of the same length and of others.
    for (int segment = 0; segment < 4; ++segment) {
      Bytes payload(segment == 2 ? random() % 3 : random() % 1'500);
      std::ranges::generate(payload, [&] { return std::byte{random.octet()}; });
      const SeqNum seq{random()};
      const TcpFlags flags{random.octet()};
      for (int again = 0; again < 2; ++again) {
        ASSERT_EQ(written(layout, seq + again, flags, payload),
                  emitted(link, chosen.setting, seq + again, flags, payload))
            << "case " << i << ", segment " << segment;
      }
    }
  }
}

TEST(TcpFrame, SumsThatAreZeroOrAllOnes) {
  // Payloads that make the checksum run through both of one's complement's zeros.
  Random random;
  const Case chosen{random};
  TcpFrameLink link = chosen.link;
  link.has_tcp_checksum = true;
  TcpFrame layout;
  layout.set_link(link);
  layout.begin(chosen.setting);
  for (std::uint32_t value = 0; value <= 0xffff; ++value) {
    const Bytes payload{static_cast<std::byte>(value >> 8U), static_cast<std::byte>(value)};
    ASSERT_EQ(written(layout, SeqNum{1}, TcpFlags{TcpFlags::kAck}, payload),
              emitted(link, chosen.setting, SeqNum{1}, TcpFlags{TcpFlags::kAck}, payload));
  }
}

}  // namespace
}  // namespace millrace::wire
