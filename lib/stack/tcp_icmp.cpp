// What ICMP errors, and neighbors that never answered, mean to connections; how large a path lets
// segments be (RFC 9293 §3.9.2.2, RFC 5927, RFC 1191).
#include <algorithm>

#include "stack/tcp_core.hpp"
#include "tcp/icmp_verdict.hpp"
#include "tcp/path_mtu.hpp"
#include "wire/tcp.hpp"

namespace millrace::stack {

void TcpCore::on_icmp_error(Instant now, const net::IcmpError& error) noexcept {
  now_ = now;
  // RFC 9293 §3.9.2.2, MUST-54: to the connection that caused it.
  const wire::IcmpQuote& quote = error.quote;
  const FourTuple tuple{
      .local = {.address = quote.ip.source, .port = Port{quote.source_port}},
      .remote = {.address = quote.ip.destination, .port = Port{quote.destination_port}}};
  const auto target = find_target(tuple);
  if (!target || target->is_time_wait()) {
    stats_.count(DropReason::IcmpUnmatched);
    return;
  }
  ConnectionSlot& slot = slot_of(*target);
  const tcp::SendSequence& send = slot.connection.send_sequence();
  // RFC 5927 §4.1: it must be about something that is in flight. The quote's TCP checksum is not
  // looked at: routers quote too little for that, and translators of addresses leave it wrong.
  if (!quote.sequence.is_in_window(send.snd_una, send.flight())) {
    stats_.count(DropReason::IcmpNotInFlight);
    return;
  }
  if (const auto verdict = tcp::judge_icmp(error.type, error.code)) {
    slot.connection.on_path_error(resources_, *verdict);
  } else {
    on_too_large(now, slot, error);
    refresh_path_mss(now, slot);
  }
  settle(slot);
}

void TcpCore::on_too_large(Instant now, const ConnectionSlot& slot,
                           const net::IcmpError& error) noexcept {
  // RFC 1191 §4: the next hop's MTU is in the low half of the header's last four octets.
  constexpr std::uint32_t kMtuMask = 0xffff;
  const std::uint16_t datagram_bytes = error.quote.ip.total_length;
  const std::uint16_t interface_mtu = slot.path.interface->mtu;
  const IpAddress& destination = slot.connection.tuple().remote.address;
  const auto mtu =
      tcp::claimed_mtu(error.rest & kMtuMask, datagram_bytes, config_.tcp.path_mtu_min);
  // RFC 5927 §7: we send nothing larger than the interface takes; and what is known already, or
  // would raise the estimate (RFC 1191 §3), is late or forged.
  const std::uint16_t known =
      std::min(interface_mtu, path_mtus_.find(now, destination).value_or(interface_mtu));
  if (!mtu || datagram_bytes > interface_mtu || *mtu >= known) {
    stats_.count(DropReason::IcmpBadMtu);
    return;
  }
  path_mtus_.learn(now, destination, *mtu);
  ++stats_.tcp_path_mtu_lowered;
}

std::uint16_t TcpCore::path_mss(Instant now, const IpAddress& destination) noexcept {
  const auto mtu = path_mtus_.find(now, destination);
  return mtu ? static_cast<std::uint16_t>(*mtu - tcp::kPathHeaderBytes) : tcp::PathMtu::kUnknown;
}

void TcpCore::refresh_path_mss(Instant now, ConnectionSlot& slot) noexcept {
  const std::uint32_t generation = path_mtus_.generation(now);
  if (slot.path_mtu_generation == generation) [[likely]] {
    return;
  }
  slot.path_mtu_generation = generation;
  slot.connection.on_path_mss(resources_, now,
                              path_mss(now, slot.connection.tuple().remote.address));
}

void TcpCore::on_unresolved(std::span<const std::byte> datagram) noexcept {
  // Built by this core: its headers lie in one piece, and the IPv4 header has no options.
  const auto ip = wire::read_ipv4_fields(datagram);
  if (!ip || ip->protocol != wire::IpProtocol::Tcp) {
    return;
  }
  const auto tcp_header = wire::parse_tcp(datagram.subspan(wire::kIpv4HeaderSize));
  if (!tcp_header) {
    return;
  }
  const FourTuple tuple{
      .local = {.address = ip->source, .port = Port{tcp_header->source_port}},
      .remote = {.address = ip->destination, .port = Port{tcp_header->destination_port}}};
  const auto target = find_target(tuple);
  if (!target || target->is_time_wait()) {
    return;
  }
  // No router's word but our own: an attempt to connect need not wait for it to change.
  ConnectionSlot& slot = slot_of(*target);
  const bool is_attempt = slot.connection.state() == TcpState::SynSent;
  slot.connection.on_path_error(
      resources_, {.error = Error::HostUnreachable,
                   .severity = is_attempt ? tcp::Severity::Hard : tcp::Severity::Soft});
  settle(slot);
}

}  // namespace millrace::stack
