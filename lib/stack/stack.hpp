// Stack: one core's protocols, put together. Packets, time and the application's calls go in;
// frames and events come out, in the order of a turn:
//
//     receive, for each burst  ->  advance  ->  dispatch_events  ->  transmit, for each device
//     ->  end_turn
//
// It does no I/O, reads no clock, and knows of no other core.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/stats.hpp>

#include "base/random.hpp"
#include "base/this_thread.hpp"
#include "net/arp.hpp"
#include "net/fragmenter.hpp"
#include "net/icmp.hpp"
#include "net/interface.hpp"
#include "net/ipv4_input.hpp"
#include "net/ipv4_output.hpp"
#include "net/neighbor_table.hpp"
#include "net/reassembly.hpp"
#include "net/route_table.hpp"
#include "packet/burst.hpp"
#include "packet/packet_pool.hpp"
#include "stack/app_timers.hpp"
#include "stack/device_map.hpp"
#include "stack/offload_watch.hpp"
#include "stack/tcp_core.hpp"
#include "stack/udp_core.hpp"

namespace millrace::stack {

/// What a stack is told of one attachment to a link: a device, or one VLAN of it.
struct InterfaceSetup {
  std::uint32_t device = 0;  ///< Position among the worker's devices.
  std::uint16_t vlan = 0;    ///< IEEE 802.1Q, 1 to 4094; 0: its frames have no tag.
  MacAddress mac;
  std::uint16_t mtu = 1500;
  net::Offloads offloads;
  std::vector<IpPrefix> addresses;
  std::optional<IpAddress> gateway;
};

/// `config` and `pools` must outlive it.
class Stack {
 public:
  /// Secrets and choices come from `random`; `now` is the time before the first turn. Devices are
  /// numbered from zero without a gap; no two interfaces of one have the same VLAN, and there are
  /// at most `net::RouteTable::kMaxRoutes` routes in all.
  Stack(const Config& config, std::span<const InterfaceSetup> interfaces, packet::CorePools& pools,
        base::Random random, Instant now);
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() = default;

  /// Announces the addresses. The thread that calls it is the stack's core from now on.
  void start(Instant now);

  /// The calling thread is the stack's core from now on. For stacks behind a lock, by whoever holds
  /// it.
  void adopt() noexcept {
    owner_ = base::this_thread();
    pools_.adopt();
  }

  // A turn.
  /// Takes all packets out of `burst`, which came from that device.
  void receive(Instant now, std::uint32_t device, packet::Burst& burst) noexcept;
  void advance(Instant now) noexcept;
  /// Whether `dispatch_events` would call anything.
  [[nodiscard]] bool has_news(Instant now) const noexcept;
  void dispatch_events(Instant now);
  /// Fills the room of `burst` with frames for that device, of its interfaces in turns.
  void transmit(Instant now, std::uint32_t device, packet::Burst& burst) noexcept;
  void end_turn() noexcept { tcp_.reap(); }

  /// When something is due by itself. Quiescent until then if `has_work()` is false.
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;
  /// Another turn has something to do at once.
  [[nodiscard]] bool has_work() const noexcept;
  /// Aborts every connection, forgets timers: the last turns follow.
  void shut_down() noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return tcp_.is_empty(); }

  /// Whether the calling thread is the one that called `start`.
  [[nodiscard]] bool is_on_core() const noexcept { return base::this_thread() == owner_; }
  [[nodiscard]] Instant now() const noexcept { return now_; }
  [[nodiscard]] TcpCore& tcp() noexcept { return tcp_; }
  [[nodiscard]] UdpCore& udp() noexcept { return udp_; }
  [[nodiscard]] AppTimers& timers() noexcept { return timers_; }
  [[nodiscard]] packet::CorePools& pools() noexcept { return pools_; }
  [[nodiscard]] CoreStats& stats() noexcept { return stats_; }
  [[nodiscard]] std::span<const net::Interface> interfaces() const noexcept { return interfaces_; }
  [[nodiscard]] std::optional<net::Conflict> take_conflict() noexcept {
    return arp_.take_conflict();
  }
  /// Ends the process if anything that is kept contradicts itself. Walks all tables: for tests.
  void check_invariants() noexcept;
  /// Frames that an offload had left unfinished, for a log line; once for each interface.
  [[nodiscard]] std::optional<UnfinishedFrames> take_unfinished() noexcept {
    return offload_watch_.take();
  }
  [[nodiscard]] CoreUsage usage() const noexcept;
  /// The next of this core's sockets: TCP's, then UDP's.
  [[nodiscard]] SocketPage list(Instant now, SocketCursor from, const PageLimits& limits) noexcept {
    return from.table() < SocketCursor::Table::Udp ? tcp_.list(now, from, limits)
                                                   : udp_.list(from, limits);
  }

 private:
  static constexpr std::uint32_t kTimerCallsPerTurn = 1'024;

  void classify(Instant now, std::uint32_t device, packet::Packet frame) noexcept;
  void on_ipv4(Instant now, net::Interface& interface, packet::Packet datagram,
               bool is_link_unicast) noexcept;
  /// A whole datagram, in one piece or as the chain of its fragments.
  void on_datagram(Instant now, net::Interface& interface, net::Reassembled& datagram) noexcept;
  void on_tcp(Instant now, const net::Interface& interface, net::Reassembled& datagram) noexcept;
  void on_udp(Instant now, const net::Interface& interface, net::Reassembled& datagram) noexcept;
  void on_icmp_error(Instant now, const net::IcmpError& error) noexcept;
  void report_incomplete(Instant now) noexcept;
  void report_unresolved() noexcept;
  void move_frame(net::Interface& from, packet::Burst& burst) noexcept;

  packet::CorePools& pools_;
  base::Random random_;
  CoreStats stats_;
  std::vector<net::Interface> interfaces_;
  DeviceMap devices_;
  net::RouteTable routes_;
  net::NeighborTable neighbors_;
  net::Arp arp_;
  net::Ipv4Input ipv4_input_;
  net::Ipv4Output ipv4_output_;
  net::Icmp icmp_;
  net::Fragmenter fragmenter_;
  TcpCore tcp_;
  net::Reassembly reassembly_;
  UdpCore udp_;
  AppTimers timers_;
  OffloadWatch offload_watch_;
  base::ThreadMark owner_;
  Instant now_;
};

}  // namespace millrace::stack
