// Frames are changed where they lie; nothing is copied.
#include "loopback/target.hpp"

#include <algorithm>
#include <utility>

#include "wire/arp.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

namespace loopback {
namespace {

namespace wire = millrace::wire;
using Bytes = std::span<std::byte>;

constexpr std::size_t kMacBytes = millrace::MacAddress::kSize;
constexpr std::size_t kIpStart = wire::kEthernetHeaderSize;
constexpr std::size_t kIpSourceStart = kIpStart + 12;
constexpr std::size_t kIpv4AddressBytes = 4;

void swap_parts(Bytes frame, std::size_t first, std::size_t bytes) noexcept {
  std::ranges::swap_ranges(frame.subspan(first, bytes), frame.subspan(first + bytes, bytes));
}

}  // namespace

bool Target::take(millrace::packet::Packet& frame) noexcept {
  if (frame.size() < wire::kEthernetHeaderSize || !frame.is_exclusive()) {
    return false;
  }
  switch (work_) {
    case Work::Forward: break;
    case Work::SwapMacs: swap_parts(frame.data(), 0, kMacBytes); break;
    case Work::AnswerEchoes:
      if (!answer(frame.data())) {
        return false;
      }
      break;
  }
  frame.clear_offload();
  waiting_.push_back(std::move(frame));
  return true;
}

void Target::flush() noexcept {
  if (!waiting_.empty()) {
    out_.send(waiting_);
  }
}

bool Target::answer(Bytes frame) const noexcept {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet) {
    return false;
  }
  if (ethernet->type == wire::EtherType::Arp) {
    return answer_arp(frame);
  }
  return ethernet->type == wire::EtherType::Ipv4 && ethernet->destination == self_.mac &&
         answer_echo(frame);
}

// RFC 826: the fields are swapped, ours are put in.
bool Target::answer_arp(Bytes frame) const noexcept {
  const auto asked = wire::parse_arp(frame.subspan(kIpStart));
  if (!asked || asked->operation != wire::ArpOperation::Request || asked->target_ip != self_.ip ||
      asked->sender_ip == self_.ip) {
    return false;
  }
  wire::emit_ethernet(
      frame, {.destination = asked->sender_mac, .source = self_.mac, .type = wire::EtherType::Arp});
  wire::emit_arp(frame.subspan(kIpStart), {.operation = wire::ArpOperation::Reply,
                                           .sender_mac = self_.mac,
                                           .sender_ip = self_.ip,
                                           .target_mac = asked->sender_mac,
                                           .target_ip = asked->sender_ip});
  return true;
}

// RFC 792: the reply is the request with its addresses swapped, another type and the checksum that
// follows. Whatever else is wrong with it is for the asker to find.
bool Target::answer_echo(Bytes frame) const noexcept {
  const Bytes datagram = frame.subspan(kIpStart);
  const auto ip = wire::parse_ipv4(datagram);
  if (!ip || ip->destination != self_.ip || ip->protocol != wire::IpProtocol::Icmp ||
      ip->is_fragment()) {
    return false;
  }
  const Bytes message = datagram.subspan(ip->header_length, ip->payload_length());
  const auto header = wire::read_icmp_header(message);
  if (!header || header->type != wire::IcmpType::EchoRequest) {
    return false;
  }
  swap_parts(frame, 0, kMacBytes);
  swap_parts(frame, kIpSourceStart, kIpv4AddressBytes);
  wire::turn_echo_around(message);
  return true;
}

}  // namespace loopback
