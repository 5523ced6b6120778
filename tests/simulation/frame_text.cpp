#include "simulation/frame_text.hpp"

#include <array>
#include <utility>

#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::test {

namespace {

std::string flags_text(wire::TcpFlags flags) {
  constexpr std::array<std::pair<std::uint8_t, char>, 6> kLetters{{{wire::TcpFlags::kSyn, 'S'},
                                                                   {wire::TcpFlags::kFin, 'F'},
                                                                   {wire::TcpFlags::kRst, 'R'},
                                                                   {wire::TcpFlags::kPsh, 'P'},
                                                                   {wire::TcpFlags::kUrg, 'U'},
                                                                   {wire::TcpFlags::kAck, '.'}}};
  std::string text;
  for (const auto& [bit, letter] : kLetters) {
    text += flags.has(bit) ? std::string{letter} : std::string{};
  }
  return text;
}

std::string tcp_text(const wire::Ipv4Header& ip, std::span<const std::byte> segment) {
  const auto tcp = wire::parse_tcp(segment);
  if (!tcp) {
    return "bad TCP";
  }
  const std::size_t payload = segment.size() - tcp->header_length;
  return ip.source.to_string() + ":" + std::to_string(tcp->source_port) + " > " +
         ip.destination.to_string() + ":" + std::to_string(tcp->destination_port) + " " +
         flags_text(tcp->flags) + " seq " + std::to_string(tcp->seq.value()) + " len " +
         std::to_string(payload) + " ack " + std::to_string(tcp->ack.value()) + " win " +
         std::to_string(tcp->window);
}

}  // namespace

std::string to_text(std::span<const std::byte> frame) {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet) {
    return "bad Ethernet";
  }
  const auto rest = frame.subspan(wire::kEthernetHeaderSize);
  if (ethernet->type == wire::EtherType::Arp) {
    const auto arp = wire::parse_arp(rest);
    return !arp ? "bad ARP"
                : (arp->operation == wire::ArpOperation::Request ? "ARP who has "
                                                                 : "ARP reply to ") +
                      arp->target_ip.to_string() + " from " + arp->sender_ip.to_string();
  }
  const auto ip = wire::parse_ipv4(rest);
  if (!ip) {
    return "bad IPv4";
  }
  const auto payload = rest.subspan(ip->header_length, ip->payload_length());
  return ip->protocol == wire::IpProtocol::Tcp
             ? tcp_text(*ip, payload)
             : "IPv4 protocol " + std::to_string(static_cast<unsigned>(ip->protocol)) + " from " +
                   ip->source.to_string();
}

}  // namespace millrace::test
