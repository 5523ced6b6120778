// UdpCore: the UDP of one core: which sockets there are, which of them a datagram belongs to, and
// how what they send reaches IP. What a datagram must look like is in `udp`.
//
// Defined by topic: udp_core.cpp (opening, connecting, closing), udp_input.cpp, udp_icmp.cpp,
// udp_output.cpp, udp_events.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/stats.hpp>
#include <millrace/udp.hpp>

#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "net/icmp.hpp"
#include "net/interface.hpp"
#include "net/ipv4_output.hpp"
#include "net/path_mtu_cache.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_pool.hpp"
#include "stack/demux.hpp"
#include "stack/socket_list.hpp"
#include "stack/udp_slot.hpp"

namespace millrace::stack {

class Stack;

/// What a UDP core works with. All must outlive it, but `random`, which draws its keys.
struct UdpSurroundings {
  packet::CorePools& pools;
  packet::PacketBudget& budget;  ///< Which all queues of the core share.
  net::Ipv4Output& output;
  std::span<const net::Interface> interfaces;
  CoreStats& stats;
  base::Random& random;
};

class UdpCore {
 public:
  UdpCore(const Config& config, const UdpSurroundings& around);
  UdpCore(const UdpCore&) = delete;
  UdpCore& operator=(const UdpCore&) = delete;
  ~UdpCore() = default;

  // Sockets.
  [[nodiscard]] Result<base::SlotHandle> open(const UdpOptions& options,
                                              UdpHandler& handler) noexcept;
  /// Null when the handle is stale.
  [[nodiscard]] UdpSlot* find(base::SlotHandle handle) noexcept { return sockets_.find(handle); }
  [[nodiscard]] Result<void> connect(UdpSlot& slot, const Endpoint& peer) noexcept;
  [[nodiscard]] Result<void> disconnect(UdpSlot& slot) noexcept;
  /// Gives an unconnected socket another address and port, as `open` would, with what has arrived;
  /// a failure leaves it as it was.
  [[nodiscard]] Result<void> rebind(UdpSlot& slot, const Endpoint& wanted) noexcept;
  void close(UdpSlot& slot) noexcept;
  /// Closes every socket, and opens no more.
  void shut_down() noexcept;

  /// A packet, or a chain, with a copy of `data`. Empty when a pool is exhausted.
  [[nodiscard]] packet::Packet copy_of(std::span<const std::byte> data) noexcept;
  /// Takes `payload`, which may be empty of packet, unless it fails.
  [[nodiscard]] Result<void> send(Instant now, UdpSlot& slot, const Endpoint& destination,
                                  packet::Packet& payload) noexcept;
  /// Why `send` would refuse that many bytes, room aside; else the address they would leave from.
  [[nodiscard]] Result<IpAddress> check(Instant now, const UdpSlot& slot,
                                        const Endpoint& destination, std::size_t bytes) noexcept;
  /// `on_writable` is to follow; for want of packets.
  void want_packets(UdpSlot& slot) noexcept;
  /// Empty when none waits. It starts at its IPv4 header.
  [[nodiscard]] packet::Packet receive(UdpSlot& slot) noexcept;
  /// Bytes of the next one's payload; there must be one.
  [[nodiscard]] static std::uint32_t next_size(const UdpSlot& slot) noexcept;
  /// Both ends of it, likewise.
  [[nodiscard]] static FourTuple next_ends(const UdpSlot& slot) noexcept;
  /// Bytes of the largest payload that leaves in one piece for `destination`.
  [[nodiscard]] Result<std::size_t> payload_max(Instant now, const UdpSlot& slot) noexcept;

  // A turn, in this order.
  /// `datagram` starts at its IPv4 header, of which `header` is the parse, and is taken unless a
  /// reason is returned, which has been counted.
  [[nodiscard]] std::optional<DropReason> on_datagram(const net::Interface& interface,
                                                      const wire::Ipv4Header& header,
                                                      packet::Packet& datagram,
                                                      bool is_link_unicast) noexcept;
  void on_icmp_error(Instant now, const net::IcmpError& error) noexcept;
  /// The headers of a datagram of ours whose next hop never answered.
  void on_unresolved(std::span<const std::byte> datagram) noexcept;
  /// Calls the handlers; sockets handed to them name `stack`.
  void dispatch_events(Stack& stack) noexcept;
  /// Lets those go on that wait for room. `has_rival`: others want the transmit queues, too.
  void wake_blocked(bool has_rival) noexcept;

  [[nodiscard]] bool has_events() const noexcept { return !events_.empty(); }
  [[nodiscard]] bool has_work() const noexcept { return !events_.empty() || !blocked_.empty(); }
  /// The next of this core's sockets, in the order of their places, from SocketCursor's table Udp.
  [[nodiscard]] SocketPage list(SocketCursor from, const PageLimits& limits) const noexcept;
  void add_usage(CoreUsage& usage) const noexcept { usage.udp_sockets = sockets_.size(); }
  /// Charged for datagrams that nobody has read.
  [[nodiscard]] std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }

 private:
  // Frames that may wait on an interface before senders are told to wait: as many as a few turns
  // send; while TCP has something to send, half of what it keeps to itself, so that neither starves
  // the other.
  static constexpr std::uint32_t kQueuedFramesAlone = 256;
  static constexpr std::uint32_t kQueuedFramesShared = 32;
  static constexpr std::uint32_t kEventsPerTurn = 4'096;
  static constexpr std::uint32_t kPorts = 65'536;

  // udp_core.cpp
  [[nodiscard]] Result<void> check_options(const UdpOptions& options) const noexcept;
  [[nodiscard]] Result<void> take_port(UdpSlot& slot, Port port) noexcept;
  [[nodiscard]] bool is_free(const UdpSlot& slot, Port port) noexcept;
  [[nodiscard]] Result<FourTuple> tuple_towards(const UdpSlot& slot,
                                                const Endpoint& peer) const noexcept;
  [[nodiscard]] bool is_our_address(const IpAddress& address) const noexcept;
  [[nodiscard]] UdpSlot* find_exactly(const FourTuple& tuple) noexcept;
  [[nodiscard]] bool is_anothers(const FourTuple& tuple, const UdpSlot& slot) noexcept;
  void enter_demux(UdpSlot& slot, const FourTuple& tuple) noexcept;
  void leave_demux(UdpSlot& slot) noexcept;
  void note(UdpSlot& slot, std::uint8_t news) noexcept;

  // udp_input.cpp
  [[nodiscard]] UdpSlot* find_for(const FourTuple& tuple) noexcept;
  [[nodiscard]] std::optional<DropReason> deliver(UdpSlot& slot, packet::Packet& datagram) noexcept;

  // udp_icmp.cpp
  [[nodiscard]] bool learn_path_mtu(Instant now, const net::IcmpError& error) noexcept;
  void tell(UdpSlot& slot, const UdpError& error) noexcept;

  // udp_output.cpp
  [[nodiscard]] Result<net::Path> path_to(const UdpSlot& slot,
                                          const Endpoint& destination) const noexcept;
  [[nodiscard]] std::uint16_t mtu_towards(Instant now, const UdpSlot& slot,
                                          const IpAddress& destination,
                                          const net::Interface& interface) noexcept;
  [[nodiscard]] packet::Packet with_header_room(packet::Packet& payload) noexcept;
  void block(UdpSlot& slot, const net::Interface* interface) noexcept;
  [[nodiscard]] std::uint32_t frames_max() const noexcept {
    return has_rival_ ? kQueuedFramesShared : kQueuedFramesAlone;
  }

  const Config& config_;
  packet::CorePools& pools_;
  packet::PacketBudget& budget_;
  net::Ipv4Output& output_;
  std::span<const net::Interface> interfaces_;
  CoreStats& stats_;
  base::Random& random_;
  base::SlotTable<UdpSlot> sockets_;
  Demux demux_;
  net::PathMtuCache path_mtus_;
  std::vector<std::uint32_t> port_users_;  // How many sockets have each port.
  UdpEventQueue events_;
  UdpBlockedList blocked_;
  std::uint64_t queued_bytes_max_;
  std::uint64_t queued_bytes_ = 0;
  bool has_rival_ = false;
  bool is_shut_down_ = false;
};

}  // namespace millrace::stack
