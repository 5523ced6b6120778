// The stamp: a mark, the number in the flow, the flow, and whether the flow ends here.
#include "loopback/test_frame.hpp"

#include <algorithm>
#include <cstring>

#include "base/big_endian.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"
#include "wire/raw.hpp"
#include "wire/udp.hpp"

namespace loopback {
namespace {

namespace wire = millrace::wire;
using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;
template <class T>
using Field = millrace::base::BigEndian<T>;

constexpr std::uint32_t kMark = 0x4d69'4c42U;
constexpr std::size_t kIpStart = wire::kEthernetHeaderSize;
constexpr std::size_t kTransportStart = kIpStart + wire::kIpv4HeaderSize;
static_assert(kHeaderBytes == kTransportStart + wire::kUdpHeaderSize);
static_assert(wire::kUdpHeaderSize == wire::kIcmpHeaderSize);

struct RawStamp {
  Field<std::uint32_t> mark;
  Field<std::uint64_t> sequence;
  Field<std::uint16_t> flow;
  Field<std::uint16_t> ends_of;
};
static_assert(sizeof(RawStamp) == 16);
constexpr std::size_t kPatternStart = kHeaderBytes + sizeof(RawStamp);
static_assert(kPatternStart < kFrameBytesMin);

/// Neighboring frames have different bytes everywhere, and so have flows.
perf::Pattern pattern_of(std::uint64_t seed, const Stamp& stamp) noexcept {
  constexpr std::uint64_t kFlowStep = 0xd1b5'4a32'd192'ed03U;
  return perf::Pattern{seed + kFlowStep * (std::uint64_t{stamp.flow} + 1)};
}
constexpr std::uint64_t position_of(const Stamp& stamp) noexcept {
  return 8 * (stamp.sequence + stamp.ends_of);
}

std::uint32_t echo_rest(const Stamp& stamp) noexcept {
  return std::uint32_t{stamp.flow} << 16U | static_cast<std::uint16_t>(stamp.sequence);
}

std::uint16_t source_port(const Stamp& stamp) noexcept {
  return static_cast<std::uint16_t>(kFirstSourcePort + stamp.flow);
}

wire::IpProtocol protocol_of(Carrier carrier) noexcept {
  return carrier == Carrier::Udp ? wire::IpProtocol::Udp : wire::IpProtocol::Icmp;
}

}  // namespace

FrameMaker::FrameMaker(const Path& path, Carrier carrier, std::uint64_t seed,
                       const std::vector<std::uint16_t>& sizes)
    : path_{path}, carrier_{carrier}, seed_{seed} {
  for (const std::uint16_t size : sizes) {
    Model& model = models_.emplace_back();
    model.bytes = size;
    const Bytes header{model.header};
    wire::emit_ethernet(header, {.destination = path.destination.mac,
                                 .source = path.source.mac,
                                 .type = wire::EtherType::Ipv4});
    wire::emit_ipv4(header.subspan(kIpStart),
                    {.source = path.source.ip,
                     .destination = path.destination.ip,
                     .protocol = protocol_of(carrier),
                     .dont_fragment = true,
                     .total_length = static_cast<std::uint16_t>(size - kIpStart)},
                    true);
  }
}

std::uint16_t FrameMaker::write(Bytes room, const Stamp& stamp,
                                std::size_t size_index) const noexcept {
  const Model& model = models_[size_index];
  const Bytes frame = room.first(model.bytes);
  std::ranges::copy(model.header, frame.begin());
  wire::write_raw(frame.subspan(kHeaderBytes),
                  RawStamp{.mark = Field<std::uint32_t>{kMark},
                           .sequence = Field<std::uint64_t>{stamp.sequence},
                           .flow = Field<std::uint16_t>{stamp.flow},
                           .ends_of = Field<std::uint16_t>{stamp.ends_of}});
  pattern_of(seed_, stamp).fill(position_of(stamp), frame.subspan(kPatternStart));
  const Bytes transport = frame.subspan(kTransportStart);
  if (carrier_ == Carrier::Echo) {
    wire::emit_icmp(transport,
                    {.type = wire::IcmpType::EchoRequest, .code = 0, .rest = echo_rest(stamp)});
  } else {
    const auto bytes = static_cast<std::uint16_t>(transport.size());
    wire::emit_udp(
        transport,
        {.source_port = source_port(stamp), .destination_port = kUdpPort, .length = bytes});
    // The pattern of a short frame has too few bytes to tell of all of the stamp.
    wire::Checksum sum;
    sum.add_pseudo_header(path_.source.ip, path_.destination.ip, wire::IpProtocol::Udp, bytes);
    sum.add(transport);
    wire::set_udp_checksum(transport, sum.finish());
  }
  return model.bytes;
}

void FrameMaker::set_destination(const millrace::MacAddress& mac) noexcept {
  for (Model& model : models_) {
    std::ranges::copy(std::as_bytes(std::span{mac.bytes()}), model.header.begin());
  }
}

Seen FrameReader::read(ConstBytes frame) const noexcept {
  if (frame.size() < kFrameBytesMin || !looks_like_ours(frame)) {
    return {};
  }
  const auto raw = wire::read_raw<RawStamp>(frame.subspan(kHeaderBytes));
  const Stamp stamp{
      .sequence = raw.sequence.value(), .flow = raw.flow.value(), .ends_of = raw.ends_of.value()};
  const bool is_right = raw.mark.value() == kMark && stamp.flow < flows_ && is_whole(frame, stamp);
  return is_right ? Seen{Seen::What::Good, stamp} : Seen{Seen::What::Damaged, {}};
}

/// By the mark or by the ports: no single damaged spot makes a frame of ours a stranger.
bool FrameReader::looks_like_ours(ConstBytes frame) const noexcept {
  const bool has_mark =
      wire::read_raw<Field<std::uint32_t>>(frame.subspan(kHeaderBytes)).value() == kMark;
  if (carrier_ == Carrier::Echo) {
    // Echoes have no port; who else asks here has no mark.
    const auto header = wire::read_icmp_header(frame.subspan(kTransportStart));
    return has_mark && header && header->type != wire::IcmpType::EchoRequest;
  }
  const auto ethernet = wire::parse_ethernet(frame);
  const auto ports = wire::parse_udp(frame.subspan(kTransportStart));
  return has_mark || (ethernet && ethernet->type == wire::EtherType::Ipv4 && ports &&
                      ports->destination_port == kUdpPort);
}

bool FrameReader::is_whole(ConstBytes frame, const Stamp& stamp) const noexcept {
  const auto ethernet = wire::parse_ethernet(frame);
  const auto ip = wire::parse_ipv4(frame.subspan(kIpStart));
  if (!ethernet || ethernet->type != wire::EtherType::Ipv4 || !ip ||
      ip->header_length != wire::kIpv4HeaderSize || ip->is_fragment() ||
      ip->protocol != protocol_of(carrier_) || ip->total_length != frame.size() - kIpStart ||
      !wire::has_valid_ipv4_checksum(frame.subspan(kIpStart, wire::kIpv4HeaderSize))) {
    return false;
  }
  const Path path{.source = {ethernet->source, ip->source},
                  .destination = {ethernet->destination, ip->destination}};
  return (!path_ || *path_ == path) &&
         has_right_transport(frame.subspan(kTransportStart), path, stamp) &&
         pattern_of(seed_, stamp)
             .matches(position_of(stamp), frame.subspan(kPatternStart), verify_);
}

bool FrameReader::has_right_transport(ConstBytes segment, const Path& path,
                                      const Stamp& stamp) const noexcept {
  if (carrier_ == Carrier::Echo) {
    const auto echo = wire::parse_icmp(segment);
    return echo && echo->type == wire::IcmpType::EchoReply && echo->code == 0 &&
           echo->rest == echo_rest(stamp);
  }
  const auto udp = wire::parse_udp(segment);
  return udp && udp->destination_port == kUdpPort && udp->source_port == source_port(stamp) &&
         udp->length == segment.size() && udp->has_checksum &&
         wire::has_valid_transport_checksum(path.source.ip, path.destination.ip,
                                            wire::IpProtocol::Udp, segment);
}

}  // namespace loopback
