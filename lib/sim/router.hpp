// Router: forwards IPv4 between links: the longest prefix decides, TTL falls, what is too long for
// the next link is cut, or reported, or vanishes. It answers ARP for its own addresses and knows
// its neighbors' hardware addresses from its set-up, so that it never has to ask. Messages about
// datagrams are made in `router_icmp`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <millrace/address.hpp>
#include <millrace/time.hpp>

#include "sim/frame.hpp"
#include "sim/link.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

namespace millrace::sim {

struct RouterSetup {
  std::string name = "router";
  /// Whether senders hear of what was not forwarded. Otherwise it is a black hole.
  bool sends_icmp = true;
};

/// One interface of a router.
struct RouterPort {
  MacAddress mac;
  IpAddress address;  ///< Answers ARP, and sends the ICMP messages.
};

struct RouterCounts {
  std::uint64_t forwarded = 0;
  std::uint64_t fragmented = 0;
  std::uint64_t too_long = 0;    ///< May not be cut and is longer than the next link takes.
  std::uint64_t expired = 0;     ///< TTL was used up.
  std::uint64_t unroutable = 0;  ///< No route, or no neighbor.
  std::uint64_t damaged = 0;     ///< The header's checksum was wrong, or the header itself.
  std::uint64_t icmp_sent = 0;
};

/// `frames` must outlive it, and every port's link its last call.
class Router {
 public:
  /// `number` is unique among the routers of a network.
  Router(RouterSetup setup, std::uint8_t number, FrameStore& frames);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router() = default;

  /// A port whose frames leave by `out`. Returns its number.
  std::size_t add_port(std::unique_ptr<Link> out, const IpAddress& address);
  /// Datagrams to `destination` leave by `port` for the station `next_hop`. Of two routes of the
  /// same length the later counts.
  void add_route(const IpPrefix& destination, std::size_t port, const MacAddress& next_hop);
  /// A frame came in by `port`.
  void forward(Instant now, std::size_t port, Frame frame);

  [[nodiscard]] const RouterPort& port(std::size_t number) const noexcept {
    return ports_[number].own;
  }
  [[nodiscard]] std::size_t ports() const noexcept { return ports_.size(); }
  [[nodiscard]] Link& out(std::size_t number) noexcept { return *ports_[number].out; }
  [[nodiscard]] const RouterCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::string& name() const noexcept { return setup_.name; }

 private:
  struct Port {
    RouterPort own;
    std::unique_ptr<Link> out;
  };
  struct Route {
    IpPrefix destination;
    std::size_t port;
    MacAddress next_hop;
  };

  void answer_arp(Instant now, std::size_t port, const Frame& frame);
  void forward_datagram(Instant now, std::size_t port, Frame frame);
  [[nodiscard]] const Route* route_to(const IpAddress& destination) const noexcept;
  void send_on(Instant now, const Route& route, Frame frame);
  void send_in_fragments(Instant now, const Route& route, const Frame& frame,
                         const wire::Ipv4Header& header, std::uint32_t mtu);
  /// Tells the sender of a datagram that came in by `port` what became of it.
  void report(Instant now, std::size_t port, const Frame& offending, const wire::IcmpHeader& what);

  RouterSetup setup_;
  std::uint8_t number_;
  FrameStore& frames_;
  std::vector<Port> ports_;
  std::vector<Route> routes_;
  RouterCounts counts_;
};

}  // namespace millrace::sim
