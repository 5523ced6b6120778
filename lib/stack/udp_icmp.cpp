// What ICMP errors, and neighbors that never answered, mean to sockets (RFC 1122 §4.1.3.3), and how
// large a path lets datagrams be (RFC 1191).
#include <algorithm>
#include <optional>
#include <utility>

#include "stack/udp_core.hpp"
#include "tcp/icmp_verdict.hpp"
#include "tcp/path_mtu.hpp"
#include "wire/udp.hpp"

namespace millrace::stack {

void UdpCore::on_icmp_error(Instant now, const net::IcmpError& error) noexcept {
  const wire::IcmpQuote& quote = error.quote;
  const FourTuple tuple{
      .local = {.address = quote.ip.source, .port = Port{quote.source_port}},
      .remote = {.address = quote.ip.destination, .port = Port{quote.destination_port}}};
  UdpSlot* const slot = find_for(tuple);
  const auto verdict = tcp::judge_icmp(error.type, error.code);
  if (slot == nullptr || (!slot->is_connected() && verdict && slot->reports == nullptr)) {
    // A socket with many destinations could not tell which one it is about: as everywhere, only
    // connected ones hear of it, and those who ask for reports.
    stats_.count(DropReason::IcmpUnmatched);
    return;
  }
  if (!verdict && !learn_path_mtu(now, error)) {
    stats_.count(DropReason::IcmpBadMtu);
    return;
  }
  if (slot->reports != nullptr) {
    slot->reports->on_report({.type = error.type,
                              .code = error.code,
                              .rest = error.rest,
                              .reporter = error.reporter,
                              .destination = tuple.remote,
                              .payload = error.rest_of_quote ? error.rest_of_quote.data()
                                                             : std::span<const std::byte>{}});
  }
  if (!slot->is_connected() || (!verdict && slot->fragmentation == Fragmentation::Allowed)) {
    return;
  }
  tell(*slot, {.error = verdict ? verdict->error : Error::MessageTooLong,
               .is_lasting = verdict && verdict->severity == tcp::Severity::Hard,
               .icmp_type = std::to_underlying(error.type),
               .icmp_code = error.code,
               .reporter = error.reporter});
}

bool UdpCore::learn_path_mtu(Instant now, const net::IcmpError& error) noexcept {
  // RFC 1191 §4: the next hop's MTU is in the low half of the header's last four octets.
  constexpr std::uint32_t kMtuMask = 0xffff;
  const IpAddress& destination = error.quote.ip.destination;
  const auto path = output_.route(destination, error.quote.ip.source);
  if (!path || !error.quote.ip.dont_fragment) {
    return false;  // What may be fragmented is never too large.
  }
  const std::uint16_t interface_mtu = path->interface->mtu;
  const auto mtu = tcp::claimed_mtu(error.rest & kMtuMask, error.quote.ip.total_length,
                                    config_.tcp.path_mtu_min);
  // As for TCP: what we cannot have sent, what is known already or would raise the estimate (RFC
  // 1191 §3) is late or forged.
  const std::uint16_t known =
      std::min(interface_mtu, path_mtus_.find(now, destination).value_or(interface_mtu));
  if (!mtu || error.quote.ip.total_length > interface_mtu || *mtu >= known) {
    return false;
  }
  path_mtus_.learn(now, destination, *mtu);
  return true;
}

void UdpCore::on_unresolved(std::span<const std::byte> datagram) noexcept {
  // Built by this core: the IPv4 header has no options. Of what was cut, one part stands for all.
  const auto ip = wire::read_ipv4_fields(datagram);
  if (!ip || ip->protocol != wire::IpProtocol::Udp || ip->fragment_offset != 0) {
    return;
  }
  const auto udp = wire::parse_udp(datagram.subspan(wire::kIpv4HeaderSize), SIZE_MAX);
  if (!udp) {
    return;
  }
  const FourTuple tuple{
      .local = {.address = ip->source, .port = Port{udp->source_port}},
      .remote = {.address = ip->destination, .port = Port{udp->destination_port}}};
  UdpSlot* const slot = find_for(tuple);
  if (slot == nullptr) {
    return;
  }
  if (slot->reports != nullptr) {
    constexpr std::size_t kHeaders = wire::kIpv4HeaderSize + wire::kUdpHeaderSize;
    slot->reports->on_report({.type = wire::IcmpType::DestinationUnreachable,
                              .code = std::to_underlying(net::Unreachable::Host),
                              .reporter = ip->source,
                              .destination = tuple.remote,
                              .payload = datagram.subspan(kHeaders)});
  }
  if (slot->is_connected()) {
    tell(*slot, {.error = Error::HostUnreachable, .reporter = ip->source});
  }
}

void UdpCore::tell(UdpSlot& slot, const UdpError& error) noexcept {
  slot.error = error;
  ++stats_.udp_errors;
  note(slot, UdpNews::kError);
}

}  // namespace millrace::stack
