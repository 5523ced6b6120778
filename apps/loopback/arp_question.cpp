// RFC 826, the asking side alone: what is learned is used for one test and forgotten.
#include "loopback/arp_question.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "packet/burst.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"

namespace loopback {

namespace wire = millrace::wire;

void ArpQuestion::turn(millrace::Instant now, Port& port) noexcept {
  if (first_ && now < next_) {
    return;
  }
  first_ = first_.value_or(now);
  next_ = now + kInterval;
  millrace::packet::Packet packet = port.allocate();
  if (!packet) {
    return;
  }
  const std::span<std::byte> frame = packet.append(kFrameBytesMin);
  std::ranges::fill(frame, std::byte{0});
  wire::emit_ethernet(frame, {.destination = millrace::MacAddress::broadcast(),
                              .source = self_.mac,
                              .type = wire::EtherType::Arp});
  wire::emit_arp(frame.subspan(wire::kEthernetHeaderSize),
                 {.operation = wire::ArpOperation::Request,
                  .sender_mac = self_.mac,
                  .sender_ip = self_.ip,
                  .target_mac = {},
                  .target_ip = wanted_});
  millrace::packet::Burst burst;
  burst.push_back(std::move(packet));
  port.send(burst);  // What the port does not take is asked again later.
}

std::optional<millrace::MacAddress> ArpQuestion::take(
    std::span<const std::byte> frame) const noexcept {
  const auto ethernet = wire::parse_ethernet(frame);
  if (!ethernet || ethernet->type != wire::EtherType::Arp) {
    return std::nullopt;
  }
  const auto answer = wire::parse_arp(frame.subspan(wire::kEthernetHeaderSize));
  if (!answer || answer->operation != wire::ArpOperation::Reply || answer->sender_ip != wanted_ ||
      answer->target_mac != self_.mac) {
    return std::nullopt;
  }
  return answer->sender_mac;
}

}  // namespace loopback
