#include "stack/stack.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/contract.hpp"
#include "net/link_header.hpp"
#include "wire/ethernet.hpp"

namespace millrace::stack {

using packet::Packet;

namespace {

std::vector<net::Interface> make_interfaces(std::span<const InterfaceSetup> setups) {
  std::vector<net::Interface> interfaces(setups.size());
  for (std::size_t i = 0; i < setups.size(); ++i) {
    net::Interface& interface = interfaces[i];
    interface.index = static_cast<std::uint32_t>(i);
    interface.vlan = setups[i].vlan;
    interface.mac = setups[i].mac;
    // Without chains a datagram is no longer than what one packet holds behind its header.
    interface.mtu = setups[i].offloads.multi_segment
                        ? setups[i].mtu
                        : std::min(setups[i].mtu, packet::CorePools::kDataRoomBytes);
    interface.offloads = setups[i].offloads;
    for (const IpPrefix& address : setups[i].addresses) {
      base::expects(interface.addresses.push_back(address));
    }
  }
  return interfaces;
}

DeviceMap make_devices(std::span<const InterfaceSetup> setups) {
  DeviceMap devices;
  for (std::size_t i = 0; i < setups.size(); ++i) {
    devices.add(setups[i].device, setups[i].vlan, static_cast<std::uint32_t>(i));
  }
  return devices;
}

/// The interface on whose network the gateway is. A checked configuration names no other.
std::uint32_t interface_towards(const IpAddress& gateway, std::span<const InterfaceSetup> setups) {
  const auto found = std::ranges::find_if(setups, [&](const InterfaceSetup& setup) {
    return std::ranges::any_of(setup.addresses,
                               [&](const IpPrefix& own) { return own.contains(gateway); });
  });
  base::expects(found != setups.end());
  return static_cast<std::uint32_t>(found - setups.begin());
}

// An interface's own gateway goes before a route that says the same, and the first interface before
// the next.
net::RouteTable make_routes(const Config& config, std::span<const InterfaceSetup> setups) {
  net::RouteTable routes;
  for (std::size_t i = 0; i < setups.size(); ++i) {
    const auto index = static_cast<std::uint32_t>(i);
    for (const IpPrefix& address : setups[i].addresses) {
      base::expects(routes.add(address, index).has_value());
    }
    if (setups[i].gateway) {
      const IpAddress any = setups[i].gateway->is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
      base::expects(routes.add(*IpPrefix::make(any, 0), index, setups[i].gateway).has_value());
    }
  }
  for (const RouteConfig& route : config.routes) {
    const std::uint32_t index = interface_towards(route.gateway, setups);
    base::expects(routes.add(route.destination, index, route.gateway).has_value());
  }
  return routes;
}

std::optional<Instant> earliest(std::initializer_list<std::optional<Instant>> deadlines) {
  std::optional<Instant> first;
  for (const auto& deadline : deadlines) {
    if (deadline && (!first || *deadline < *first)) {
      first = deadline;
    }
  }
  return first;
}

}  // namespace

Stack::Stack(const Config& config, std::span<const InterfaceSetup> interfaces,
             packet::CorePools& pools, base::Random random, Instant now)
    : pools_{pools},
      random_{std::move(random)},
      interfaces_{make_interfaces(interfaces)},
      devices_{make_devices(interfaces)},
      routes_{make_routes(config, interfaces)},
      neighbors_{config.max_neighbors, random_, now, stats_},
      arp_{interfaces_, neighbors_, pools.headers, stats_, random_},
      ipv4_input_{interfaces_},
      ipv4_output_{interfaces_, routes_, neighbors_, arp_, random_},
      icmp_{interfaces_, ipv4_output_, pools.headers, stats_},
      fragmenter_{pools, stats_},
      tcp_{config, pools, ipv4_output_, interfaces_, stats_, random_, now},
      reassembly_{config.reassembly, tcp_.resources().budget, random_, stats_},
      udp_{config,
           {.pools = pools,
            .budget = tcp_.resources().budget,
            .output = ipv4_output_,
            .interfaces = interfaces_,
            .stats = stats_,
            .random = random_}},
      timers_{config.max_timers, now},
      offload_watch_{interfaces.size()},
      owner_{base::this_thread()},
      now_{now} {
  ipv4_output_.set_fragmenter(fragmenter_);
}

void Stack::start(Instant now) {
  adopt();
  now_ = now;
  arp_.start(now);
}

void Stack::receive(Instant now, std::uint32_t device, packet::Burst& burst) noexcept {
  now_ = now;
  if (burst.empty()) {
    return;
  }
  const std::uint16_t frames = burst.size();
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < frames; ++i) {
    burst.prefetch(i);
    bytes += burst.bytes_of(i);
  }
  stats_.rx_frames += frames;
  stats_.rx_bytes += bytes;
  const auto untagged = devices_.find(device, 0);
  const net::Interface* const interface = untagged ? &interfaces_[*untagged] : nullptr;
  LookAhead ahead;
  if (interface != nullptr) {
    tcp_.look_ahead(*interface, burst, ahead);
  }
  for (std::uint16_t i = 0; i < burst.size();) {
    const std::uint16_t taken = interface == nullptr
                                    ? std::uint16_t{0}
                                    : tcp_.receive_run(now, *interface, ahead, burst, i);
    if (taken == 0) {
      classify(now, device, burst.take(i));
    }
    i = static_cast<std::uint16_t>(i + std::max(taken, std::uint16_t{1}));
  }
  burst.forget();
}

void Stack::classify(Instant now, std::uint32_t device, Packet frame) noexcept {
  // What no packet has room for stays a chain: long frames, and segments that were joined.
  static_cast<void>(frame.is_contiguous() || frame.linearize());
  const auto header = net::parse_link_header(frame.data());
  if (!header) {
    stats_.count(header.error());
    return;
  }
  const auto index = devices_.find(device, header->vlan);
  if (!index) {
    stats_.count(DropReason::VlanUnknown);
    return;
  }
  net::Interface& interface = interfaces_[*index];
  const bool is_link_unicast = header->destination == interface.mac;
  if (!is_link_unicast && !header->destination.is_multicast()) {
    stats_.count(DropReason::EthernetNotForUs);
    return;
  }
  frame.remove_prefix(header->size);
  switch (header->type) {
    case wire::EtherType::Arp: arp_.on_packet(now, interface, std::move(frame)); break;
    case wire::EtherType::Ipv4: on_ipv4(now, interface, std::move(frame), is_link_unicast); break;
    case wire::EtherType::Vlan:
    case wire::EtherType::ServiceVlan:
    case wire::EtherType::Ipv6:
    default: stats_.count(DropReason::EthernetUnknownType); break;
  }
}

void Stack::on_ipv4(Instant now, net::Interface& interface, Packet datagram,
                    bool is_link_unicast) noexcept {
  const auto header = ipv4_input_.accept(interface, datagram);
  if (!header) {
    stats_.count(header.error());
    offload_watch_.note(now, interface.index, header.error());
    return;
  }
  net::Reassembled whole{
      .header = *header, .is_link_unicast = is_link_unicast, .packet = std::move(datagram)};
  if (header->is_fragment()) [[unlikely]] {
    auto complete = reassembly_.add(now, {.interface_index = interface.index,
                                          .header = *header,
                                          .is_link_unicast = is_link_unicast,
                                          .packet = std::move(whole.packet)});
    if (!complete) {
      return;
    }
    whole = std::move(*complete);
  }
  on_datagram(now, interface, whole);
}

void Stack::on_datagram(Instant now, net::Interface& interface,
                        net::Reassembled& datagram) noexcept {
  const wire::Ipv4Header& header = datagram.header;
  switch (header.protocol) {
    case wire::IpProtocol::Tcp: on_tcp(now, interface, datagram); break;
    case wire::IpProtocol::Icmp:
      if (const auto error = icmp_.on_packet(now, interface, header, std::move(datagram.packet))) {
        on_icmp_error(now, *error);
      }
      break;
    case wire::IpProtocol::Udp: on_udp(now, interface, datagram); break;
    default:
      stats_.count(DropReason::Ipv4UnknownProtocol);
      if (datagram.is_link_unicast) {
        icmp_.send_unreachable(now, net::Unreachable::Protocol, header, datagram.packet);
      }
      break;
  }
}

void Stack::on_tcp(Instant now, const net::Interface& interface,
                   net::Reassembled& datagram) noexcept {
  if (!datagram.is_link_unicast) {
    // RFC 1122 §3.3.6: a link-layer broadcast of a unicast datagram is a mistake, or worse.
    stats_.count(DropReason::TcpNotUnicast);
    return;
  }
  static_cast<void>(datagram.packet.is_contiguous() || datagram.packet.linearize());
  const auto flaw = tcp_.on_datagram(now, interface, datagram.header, std::move(datagram.packet));
  if (flaw) {
    offload_watch_.note(now, interface.index, *flaw);
  }
}

void Stack::on_udp(Instant now, const net::Interface& interface,
                   net::Reassembled& datagram) noexcept {
  const auto refusal =
      udp_.on_datagram(interface, datagram.header, datagram.packet, datagram.is_link_unicast);
  if (!refusal) {
    return;
  }
  offload_watch_.note(now, interface.index, *refusal);
  if (*refusal == DropReason::UdpNoSocket && datagram.is_link_unicast) {
    // RFC 1122 §4.1.3.1.
    icmp_.send_unreachable(now, net::Unreachable::Port, datagram.header, datagram.packet);
  }
}

void Stack::on_icmp_error(Instant now, const net::IcmpError& error) noexcept {
  switch (error.quote.ip.protocol) {
    case wire::IpProtocol::Tcp: tcp_.on_icmp_error(now, error); break;
    case wire::IpProtocol::Udp: udp_.on_icmp_error(now, error); break;
    case wire::IpProtocol::Icmp:
    default: stats_.count(DropReason::IcmpUnmatched); break;
  }
}

void Stack::advance(Instant now) noexcept {
  now_ = now;
  arp_.advance(now);
  report_unresolved();
  reassembly_.advance(now);
  report_incomplete(now);
  tcp_.advance(now);
}

void Stack::report_incomplete(Instant now) noexcept {
  while (const Packet first = reassembly_.take_expired()) {
    // RFC 1122 §3.3.2: its sender is told.
    if (const auto header = wire::parse_ipv4(first.data(), first.size())) {
      icmp_.send_reassembly_timeout(now, *header, first);
    }
  }
}

void Stack::report_unresolved() noexcept {
  packet::PacketQueue& failed = neighbors_.failed();
  while (const Packet frame = failed.pop_front()) {
    // Only datagrams wait for a neighbor.
    const net::Interface& interface = interfaces_[frame.note().interface_index];
    const auto datagram = frame.data().subspan(net::link_header_size(interface));
    tcp_.on_unresolved(datagram);
    udp_.on_unresolved(datagram);
  }
}

bool Stack::has_news(Instant now) const noexcept {
  const auto timer = timers_.next_deadline();
  return tcp_.has_events() || udp_.has_events() || (timer && *timer <= now);
}

void Stack::dispatch_events(Instant now) {
  now_ = now;
  tcp_.dispatch_events(now, *this);
  udp_.dispatch_events(*this);
  timers_.advance(now, kTimerCallsPerTurn);
}

void Stack::transmit(Instant now, std::uint32_t device, packet::Burst& burst) noexcept {
  now_ = now;
  tcp_.transmit(now);
  udp_.wake_blocked(tcp_.has_work());
  const std::uint16_t before = burst.size();
  const std::size_t count = devices_.count(device);
  if (count == 1) {
    net::Interface& only = interfaces_[devices_.next(device)];
    while (!only.tx.empty() && !burst.full()) {
      move_frame(only, burst);
    }
  } else {
    for (std::size_t empty = 0; empty < count && !burst.full();) {
      net::Interface& interface = interfaces_[devices_.next(device)];
      empty = interface.tx.empty() ? empty + 1 : 0;
      if (empty == 0) {
        move_frame(interface, burst);
      }
    }
  }
  stats_.tx_frames += burst.size() - before;
}

void Stack::move_frame(net::Interface& from, packet::Burst& burst) noexcept {
  Packet frame = from.tx.pop_front();
  stats_.tx_bytes += frame.size();
  burst.push_back(std::move(frame));
}

std::optional<Instant> Stack::next_deadline() const noexcept {
  return earliest({tcp_.next_deadline(), timers_.next_deadline(), arp_.next_deadline(),
                   reassembly_.next_deadline()});
}

bool Stack::has_work() const noexcept {
  return tcp_.has_work() || udp_.has_work() ||
         std::ranges::any_of(interfaces_,
                             [](const net::Interface& interface) { return !interface.tx.empty(); });
}

void Stack::shut_down() noexcept {
  timers_.clear();
  tcp_.shut_down(Error::ConnectionAborted);
  udp_.shut_down();
}

CoreUsage Stack::usage() const noexcept {
  CoreUsage usage;
  tcp_.add_usage(usage);
  udp_.add_usage(usage);
  usage.reassemblies = reassembly_.size();
  usage.neighbors = neighbors_.size();
  usage.timers_armed += timers_.armed();
  usage.packets_in_use = pools_.in_use();
  usage.packets_capacity = pools_.capacity();
  return usage;
}

void Stack::check_invariants() noexcept {
  neighbors_.check_invariants();
  tcp_.check_invariants();
}

}  // namespace millrace::stack
