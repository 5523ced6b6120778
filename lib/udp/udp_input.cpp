#include "udp/udp_input.hpp"

#include <optional>
#include <span>

#include "base/contract.hpp"
#include "wire/checksum.hpp"
#include "wire/udp.hpp"

namespace millrace::udp {

using packet::ChecksumVerdict;
using packet::Packet;

namespace {

bool sums_up(const wire::Ipv4Header& header, const Packet& datagram,
             std::uint16_t length) noexcept {
  wire::Checksum sum;
  sum.add_pseudo_header(header.source, header.destination, wire::IpProtocol::Udp, length);
  std::size_t skip = header.header_length;
  datagram.for_each_segment([&](std::span<const std::byte> bytes) {
    sum.add(bytes.subspan(skip));
    skip = 0;
  });
  return sum.is_valid();
}

/// The datagram ends where its UDP length says.
std::optional<DropReason> check_sum(const wire::Ipv4Header& header, const wire::UdpHeader& udp,
                                    const Packet& datagram) noexcept {
  // RFC 1122 §4.1.3.4: without a checksum a datagram is taken as it is.
  if (!udp.has_checksum) {
    return std::nullopt;
  }
  const ChecksumVerdict verdict = datagram.l4_checksum_verdict();
  if (verdict == ChecksumVerdict::Good ||
      (verdict == ChecksumVerdict::Unknown && sums_up(header, datagram, udp.length))) {
    return std::nullopt;
  }
  const std::uint16_t field =
      wire::udp_checksum_field(datagram.data().subspan(header.header_length));
  const bool is_partial = wire::is_partial_checksum(field, header.source, header.destination,
                                                    wire::IpProtocol::Udp, udp.length);
  return is_partial ? DropReason::UdpPartialChecksum : DropReason::UdpBadChecksum;
}

FourTuple tuple_of(const wire::Ipv4Header& header, const wire::UdpHeader& udp) noexcept {
  return {.local = {.address = header.destination, .port = Port{udp.destination_port}},
          .remote = {.address = header.source, .port = Port{udp.source_port}}};
}

}  // namespace

Result<Arrival, DropReason> accept_udp(const wire::Ipv4Header& header, Packet& datagram) noexcept {
  const auto udp =
      wire::parse_udp(datagram.data().subspan(header.header_length), header.payload_length());
  if (!udp) {
    return fail(udp.error());
  }
  datagram.keep_first(std::uint32_t{header.header_length} + udp->length);
  if (const auto flaw = check_sum(header, *udp, datagram)) {
    return fail(*flaw);
  }
  return Arrival{.tuple = tuple_of(header, *udp),
                 .payload_bytes = static_cast<std::uint32_t>(udp->length - wire::kUdpHeaderSize)};
}

FourTuple strip_headers(Packet& datagram) noexcept {
  const auto header = wire::read_ipv4_fields(datagram.data());
  base::expects(header.has_value());
  datagram.remove_prefix(header->header_length);
  const auto udp = wire::parse_udp(datagram.data(), datagram.size());
  base::expects(udp.has_value());
  datagram.remove_prefix(wire::kUdpHeaderSize);
  datagram.drop_empty_front();  // The first fragment may have held the header alone.
  return tuple_of(*header, *udp);
}

FourTuple ends_of(const Packet& datagram) noexcept {
  const auto header = wire::read_ipv4_fields(datagram.data());
  base::expects(header.has_value());
  const auto udp = wire::parse_udp(datagram.data().subspan(header->header_length), SIZE_MAX);
  base::expects(udp.has_value());
  return tuple_of(*header, *udp);
}

std::uint32_t payload_bytes(const Packet& datagram) noexcept {
  const auto header = wire::read_ipv4_fields(datagram.data());
  base::expects(header.has_value());
  return datagram.size() - header->header_length - std::uint32_t{wire::kUdpHeaderSize};
}

}  // namespace millrace::udp
