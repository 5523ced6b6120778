// TcpCore: the TCP of one core: which connections, listeners and TIME-WAIT entries there are, which
// of them a segment belongs to, which have something to send and something to say. What TCP itself
// does is in `tcp`.
//
// Defined by topic: tcp_core.cpp (opening, closing, settling), tcp_input.cpp, tcp_output.cpp,
// tcp_events.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <millrace/config.hpp>
#include <millrace/stats.hpp>
#include <millrace/tcp.hpp>

#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "base/timer_wheel.hpp"
#include "net/icmp.hpp"
#include "net/interface.hpp"
#include "net/ipv4_output.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_pool.hpp"
#include "stack/connection_slot.hpp"
#include "stack/demux.hpp"
#include "stack/frame_builder.hpp"
#include "tcp/active_block.hpp"
#include "tcp/isn_generator.hpp"
#include "tcp/listener.hpp"
#include "tcp/time_wait_table.hpp"
#include "tcp/timestamp_offsets.hpp"

namespace millrace::stack {

class Stack;

class TcpCore {
 public:
  TcpCore(const Config& config, packet::CorePools& pools, net::Ipv4Output& output,
          std::span<const net::Interface> interfaces, CoreStats& stats, base::Random& random,
          Instant now);
  TcpCore(const TcpCore&) = delete;
  TcpCore& operator=(const TcpCore&) = delete;
  ~TcpCore();

  // Opening.
  [[nodiscard]] Result<base::SlotHandle> listen(const ListenOptions& options,
                                                TcpHandler& handler) noexcept;
  [[nodiscard]] Result<base::SlotHandle> connect(Instant now, const Endpoint& destination,
                                                 TcpHandler& handler,
                                                 const ConnectOptions& options) noexcept;
  // Listeners.
  [[nodiscard]] tcp::Listener* find_listener(base::SlotHandle handle) noexcept {
    return listeners_.find(handle);
  }
  void close_listener(base::SlotHandle handle) noexcept;
  void resume_listener(base::SlotHandle handle) noexcept;

  // Connections.
  /// Null when the handle is stale.
  [[nodiscard]] ConnectionSlot* find(base::SlotHandle handle) noexcept;
  [[nodiscard]] const tcp::Resources& resources() const noexcept { return resources_; }
  /// After anything was done to a connection: notes its news, its output and its end.
  void settle(ConnectionSlot& slot) noexcept;
  /// Aborts every connection, closes every listener, and opens no more.
  void shut_down(Error reason) noexcept;

  // A turn, in this order.
  /// `datagram` starts at its IPv4 header, of which `header` is the parse. Returns what was wrong
  /// with it, which has been counted, unless the segment is sound, whatever becomes of it.
  std::optional<DropReason> on_datagram(Instant now, const net::Interface& interface,
                                        const wire::Ipv4Header& header,
                                        packet::Packet datagram) noexcept;
  void on_icmp_error(const net::IcmpError& error) noexcept;
  /// The headers of a datagram of ours whose next hop never answered.
  void on_unresolved(std::span<const std::byte> datagram) noexcept;
  void advance(Instant now) noexcept;
  /// Calls the handlers; sockets handed to them name `stack`.
  void dispatch_events(Instant now, Stack& stack) noexcept;
  /// Turns plans into frames while the interfaces' queues have room.
  void transmit(Instant now) noexcept;
  /// Frees the slots of connections that are over.
  void reap() noexcept;

  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;
  [[nodiscard]] bool has_events() const noexcept { return !events_.empty(); }
  [[nodiscard]] bool has_work() const noexcept { return !events_.empty() || !transmit_.empty(); }
  void add_usage(CoreUsage& usage) const noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return connections_.size() == 0; }

 private:
  // Frames that may wait on an interface before connections are no longer asked for more.
  static constexpr std::uint32_t kQueuedFramesTarget = 64;
  // Segments one connection may send before the next one's turn.
  static constexpr unsigned kSegmentsPerVisit = 32;
  static constexpr std::uint32_t kTimersPerTurn = 1'024;
  static constexpr std::uint32_t kEventsPerTurn = 4'096;

  // tcp_core.cpp
  [[nodiscard]] ConnectionSlot* add_connection(const FourTuple& tuple,
                                               const net::Path& path) noexcept;
  [[nodiscard]] std::optional<DemuxTarget> find_target(const FourTuple& tuple) const noexcept;
  [[nodiscard]] Result<Port> choose_port(const IpAddress& local, const Endpoint& remote) noexcept;
  [[nodiscard]] Result<void> check_local_port(const FourTuple& tuple) noexcept;
  [[nodiscard]] bool is_our_address(const IpAddress& address) const noexcept;
  [[nodiscard]] ConnectionSlot& slot_of(DemuxTarget target) noexcept {
    return connections_.at(target.index());
  }
  void leave_demux(ConnectionSlot& slot) noexcept;
  void leave_listener(ConnectionSlot& slot) noexcept;
  void bury(ConnectionSlot& slot) noexcept;
  void enter_time_wait(ConnectionSlot& slot) noexcept;
  void remove_time_wait(std::uint32_t index) noexcept;
  void mark(ConnectionSlot& slot) noexcept;

  // tcp_input.cpp
  struct Arrival;
  [[nodiscard]] Result<Arrival, DropReason> parse(const net::Interface& interface,
                                                  const wire::Ipv4Header& header,
                                                  packet::Packet& datagram) const noexcept;
  void deliver(Instant now, Arrival& arrival, packet::Packet payload) noexcept;
  void deliver_to_connection(Instant now, ConnectionSlot& slot, const Arrival& arrival,
                             packet::Packet payload) noexcept;
  void deliver_to_time_wait(Instant now, std::uint32_t index, const Arrival& arrival) noexcept;
  [[nodiscard]] std::optional<DropReason> why_not_now(const tcp::Listener& listener) const noexcept;
  void deliver_to_listener(Instant now, base::SlotHandle handle, const Arrival& arrival,
                           std::optional<tcp::SeqNum> iss_floor) noexcept;
  void on_handshake_complete(ConnectionSlot& slot) noexcept;
  [[nodiscard]] base::SlotHandle find_listener_for(const Endpoint& local) noexcept;
  void answer_with_reset(Instant now, const Arrival& arrival) noexcept;
  void send_stateless(Instant now, const FourTuple& tuple, const tcp::SegmentPlan& plan) noexcept;
  void on_unreachable(const FourTuple& tuple, tcp::SeqNum seq, Error reason) noexcept;

  // tcp_output.cpp
  enum class Visit : std::uint8_t { Drained, HasMore, QueueFull, OutOfPackets };
  [[nodiscard]] Visit visit(Instant now, ConnectionSlot& slot) noexcept;
  [[nodiscard]] bool are_queues_full() const noexcept;
  [[nodiscard]] bool send(Instant now, ConnectionSlot& slot, const tcp::SegmentPlan& plan) noexcept;
  void update_timer(ConnectionSlot& slot) noexcept;

  // tcp_events.cpp
  void dispatch(ConnectionSlot& slot, Stack& stack) noexcept;
  [[nodiscard]] bool accept(ConnectionSlot& slot, TcpSocket socket) noexcept;

  const Config& config_;
  net::Ipv4Output& output_;
  std::span<const net::Interface> interfaces_;
  CoreStats& stats_;
  base::Random& random_;
  FrameBuilder frames_;
  packet::PacketBudget budget_;
  tcp::ActiveBlockPool active_blocks_;
  tcp::SentSegmentPool sent_segments_;
  tcp::Resources resources_;
  base::SlotTable<ConnectionSlot> connections_;
  base::SlotTable<tcp::Listener> listeners_;
  tcp::TimeWaitTable time_wait_;
  Demux demux_;
  tcp::IsnGenerator isns_;
  tcp::TimestampOffsets timestamp_offsets_;
  base::TimerWheel timers_;
  TransmitList transmit_;
  EventQueue events_;
  EventQueue over_;
  bool is_shut_down_ = false;
  Instant now_;
};

}  // namespace millrace::stack
