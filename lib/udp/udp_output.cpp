#include "udp/udp_output.hpp"

#include <span>

#include "base/contract.hpp"
#include "wire/checksum.hpp"
#include "wire/udp.hpp"

namespace millrace::udp {

void write_header(packet::Packet& datagram, const FourTuple& tuple, ChecksumBy who) noexcept {
  const std::uint32_t length = datagram.size();
  base::expects(length >= wire::kUdpHeaderSize && length <= wire::kUdpHeaderSize + kPayloadMax);
  const auto header = datagram.data().first(wire::kUdpHeaderSize);
  wire::emit_udp(header, {.source_port = tuple.local.port.number(),
                          .destination_port = tuple.remote.port.number(),
                          .length = static_cast<std::uint16_t>(length)});
  wire::Checksum sum;
  sum.add_pseudo_header(tuple.local.address, tuple.remote.address, wire::IpProtocol::Udp, length);
  if (who == ChecksumBy::Device) {
    wire::set_udp_checksum(header, sum.folded());
    return;
  }
  // RFC 1122 §4.1.3.4: always generated.
  datagram.for_each_segment([&sum](std::span<const std::byte> bytes) { sum.add(bytes); });
  wire::set_udp_checksum(header, sum.finish());
}

}  // namespace millrace::udp
