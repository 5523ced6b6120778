#include "apps/sim/udp_flow.hpp"

#include <array>
#include <cstring>

#include "apps/sim/stream.hpp"

namespace swarm {

using millrace::Worker;

UdpFlow::UdpFlow(const UdpPlan& plan, millrace::sim::Host& from, millrace::sim::Host& to)
    : plan_{plan}, from_{from}, to_{to} {}

void UdpFlow::start(millrace::sim::World& world) {
  world.call(to_, [this](Worker& worker) {
    const auto socket = worker.open_udp({.port = millrace::Port{plan_.port}}, receiver_);
    in_ = socket.value_or(millrace::UdpSocket{});
  });
  world.call(from_, [this](Worker& worker) {
    const auto socket = worker.open_udp(
        {.peer = millrace::Endpoint{.address = to_.address(), .port = millrace::Port{plan_.port}},
         .fragmentation = plan_.may_be_cut ? millrace::Fragmentation::Allowed
                                           : millrace::Fragmentation::Discover},
        sender_);
    out_ = socket.value_or(millrace::UdpSocket{});
    static_cast<void>(worker.after(plan_.pause, [this] { send_next(); }));
  });
  if (!in_.is_open() || !out_.is_open()) {
    problem_ = "a UDP socket did not open";
  }
}

void UdpFlow::stop(millrace::sim::World& world) {
  world.call(to_, [this](Worker&) { static_cast<void>(in_.close()); });
  world.call(from_, [this](Worker&) { static_cast<void>(out_.close()); });
}

std::size_t UdpFlow::size_of(std::uint32_t number) const noexcept {
  return kNumberBytes + (plan_.seed + std::uint64_t{number} * 2'654'435'761U) % plan_.bytes_max;
}

void UdpFlow::send_next() {
  scratch_.resize(size_of(sent_));
  std::memcpy(scratch_.data(), &sent_, kNumberBytes);
  write_stream(plan_.seed + sent_, 0, std::span{scratch_}.subspan(kNumberBytes));
  // Where there is no room the network loses it early.
  static_cast<void>(out_.send(scratch_));
  if (++sent_ < plan_.datagrams) {
    static_cast<void>(from_.worker().after(plan_.pause, [this] { send_next(); }));
  }
}

void UdpFlow::Receiver::on_readable(millrace::UdpSocket socket) {
  std::vector<std::byte> whole;
  while (auto datagram = socket.receive()) {
    ++count;
    whole.resize(datagram->payload.total_size());
    static_cast<void>(datagram->payload.copy_to(whole));
    flow.check(whole);
  }
}

void UdpFlow::check(std::span<const std::byte> payload) {
  std::uint32_t number = 0;
  if (payload.size() < kNumberBytes) {
    problem_ = "a datagram is too short";
    return;
  }
  std::memcpy(&number, payload.data(), kNumberBytes);
  const auto rest = payload.subspan(kNumberBytes);
  if (number >= sent_ || payload.size() != size_of(number) ||
      first_wrong(plan_.seed + number, 0, rest) != rest.size()) {
    problem_ = "datagram " + std::to_string(number) + " is not what was sent";
  }
}

}  // namespace swarm
