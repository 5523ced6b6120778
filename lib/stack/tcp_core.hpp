// TcpCore: the TCP of one core: which connections, listeners and TIME-WAIT entries there are, which
// of them a segment belongs to, which have something to send and something to say. What TCP itself
// does is in `tcp`.
//
// Defined by topic: tcp_core.cpp (opening, closing, settling), tcp_ports.cpp (source ports),
// tcp_input.cpp, tcp_burst.cpp (runs of usual segments), tcp_icmp.cpp, tcp_listen.cpp (what
// listeners do with segments), tcp_fast_open.cpp, tcp_output.cpp, tcp_events.cpp, tcp_list.cpp (for
// whoever looks from outside).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <millrace/config.hpp>
#include <millrace/stats.hpp>
#include <millrace/tcp.hpp>

#include "base/contract.hpp"
#include "base/fixed_vector.hpp"
#include "base/random.hpp"
#include "base/slot_table.hpp"
#include "base/timer_wheel.hpp"
#include "net/icmp.hpp"
#include "net/interface.hpp"
#include "net/ipv4_output.hpp"
#include "net/path_mtu_cache.hpp"
#include "packet/burst.hpp"
#include "packet/packet_budget.hpp"
#include "packet/packet_pool.hpp"
#include "stack/connection_slot.hpp"
#include "stack/demux.hpp"
#include "stack/frame_builder.hpp"
#include "stack/piece_cutter.hpp"
#include "stack/plain_frames.hpp"
#include "stack/port_index.hpp"
#include "stack/segment_reader.hpp"
#include "stack/socket_list.hpp"
#include "tcp/active_block.hpp"
#include "tcp/challenge_ack.hpp"
#include "tcp/fast_open_cache.hpp"
#include "tcp/fast_open_cookies.hpp"
#include "tcp/isn_generator.hpp"
#include "tcp/listener.hpp"
#include "tcp/plain_run.hpp"
#include "tcp/port_selector.hpp"
#include "tcp/syn_cookie.hpp"
#include "tcp/time_wait_table.hpp"
#include "tcp/timestamp_offsets.hpp"

namespace millrace::stack {

class Stack;

/// What looking ahead at a burst has found of each frame. Good for that burst, and to be used up
/// before any slot is freed.
struct LookAhead {
  std::array<ConnectionSlot*, packet::Burst::kCapacity> slots;  // Of the first of each run alone.
  std::array<std::uint8_t, packet::Burst::kCapacity> firsts;    // Of each frame's run.
  // Whether it says what the frame before it does (`wire::UsualFrame::repeats`), and both are large
  // enough to be text that is not copied.
  std::array<bool, packet::Burst::kCapacity> repeats;

  /// Which connection may be meant, or null.
  [[nodiscard]] ConnectionSlot* slot_of(std::uint16_t frame) const noexcept {
    return slots[firsts[frame]];
  }
  /// Whether its tuple is that of the frame before it.
  [[nodiscard]] bool continues(std::uint16_t frame) const noexcept {
    return firsts[frame] != frame;
  }
};

/// Hears that what a connection's `tcp::SendWatch` was asked for has happened.
class ProgressListener {
 public:
  virtual ~ProgressListener() = default;
  /// `handler` is the connection's.
  virtual void on_progress(TcpHandler& handler) = 0;
};

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
  /// Whether a connection has sent what its peer has not acknowledged, or is to. Walks the table.
  [[nodiscard]] bool has_undelivered() noexcept;
  /// Whether a connection, or what is left of one in TIME-WAIT, has that local address and port; an
  /// unspecified address is any. Walks the tables.
  [[nodiscard]] bool is_port_in_use(const Endpoint& local) noexcept;
  void resume_listener(base::SlotHandle handle) noexcept;

  // Connections.
  /// Who hears of places that `tcp::SendWatch` tells of; null: nobody.
  void set_progress_listener(ProgressListener* listener) noexcept { progress_listener_ = listener; }
  /// How much of what is sent first would leave with the SYN to `peer` (RFC 7413 §4.2.1). Zero:
  /// there is no cookie yet.
  [[nodiscard]] std::uint32_t fast_open_room(const IpAddress& peer, Instant now) noexcept;
  /// Null when the handle is stale.
  [[nodiscard]] ConnectionSlot* find(base::SlotHandle handle) noexcept;
  [[nodiscard]] const tcp::Resources& resources() const noexcept { return resources_; }
  /// After anything was done to a connection: notes its news, its output and its end.
  void settle(ConnectionSlot& slot) noexcept {
    base::debug_expects([&] { return slot.connection.check_invariants(); });
    if (slot.connection.is_ordinary() && slot.phase == Phase::Open && !slot.is_early &&
        slot.connection.is_consistent()) [[likely]] {
      note_events(slot);
      mark(slot);
    } else {
      settle_fully(slot);
    }
  }
  /// The same after the application has read or queued something, which moves no edge of a
  /// connection's: nothing to do for one that is already to be visited and has no news.
  void settle_transfer(ConnectionSlot& slot) noexcept {
    base::debug_expects([&] { return slot.connection.check_invariants(); });
    const bool is_settled = slot.transmit_link.is_linked() && !slot.connection.has_events() &&
                            slot.connection.is_ordinary() && slot.phase == Phase::Open &&
                            !slot.is_early;
    if (!is_settled) {
      settle(slot);
    }
  }
  /// Aborts every connection, closes every listener, and opens no more.
  void shut_down(Error reason) noexcept;

  // A turn, in this order.
  /// `datagram` starts at its IPv4 header, of which `header` is the parse. Returns what was wrong
  /// with it, which has been counted, unless the segment is sound, whatever becomes of it.
  std::optional<DropReason> on_datagram(Instant now, const net::Interface& interface,
                                        const wire::Ipv4Header& header,
                                        packet::Packet datagram) noexcept;
  /// Finds out, for frames of `burst`, which came in by `interface`, which connections they may be
  /// for, and brings those into the cache. Nothing is changed, and nothing decided.
  void look_ahead(const net::Interface& interface, const packet::Burst& burst,
                  LookAhead& ahead) noexcept;
  /// Takes frames out of `burst` from `first` on, as long as they are usual segments of one
  /// connection that need no check but of their own sums, and says how many: `on_datagram` would
  /// have done the same with each. The rest of the burst is as it was.
  [[nodiscard]] std::uint16_t receive_run(Instant now, const net::Interface& interface,
                                          const LookAhead& ahead, packet::Burst& burst,
                                          std::uint16_t first) noexcept;
  void on_icmp_error(Instant now, const net::IcmpError& error) noexcept;
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
  [[nodiscard]] TcpInfo describe(const ConnectionSlot& slot, Instant now) const noexcept;
  /// The next of this core's sockets, in the order of their places.
  [[nodiscard]] SocketPage list(Instant now, SocketCursor from, const PageLimits& limits) noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return connections_.size() == 0; }
  /// Ends the process if a connection or the timers contradict themselves.
  void check_invariants() noexcept;

 private:
  // Frames that may wait on an interface before connections are no longer asked for more.
  static constexpr std::uint32_t kQueuedFramesTarget = 64;
  // Segments one connection may send before the next one's turn.
  static constexpr unsigned kSegmentsPerVisit = 32;
  static constexpr std::uint32_t kTimersPerTurn = 1'024;
  static constexpr std::uint32_t kEventsPerTurn = 4'096;
  // The wheel that a connection's timer is in.
  static constexpr std::uint8_t kTimeout = 0;
  static constexpr std::uint8_t kPacing = 1;

  // tcp_core.cpp
  [[nodiscard]] ConnectionSlot* add_connection(const FourTuple& tuple,
                                               const net::Path& path) noexcept;
  [[nodiscard]] std::optional<DemuxTarget> find_target(const FourTuple& tuple) const noexcept;
  [[nodiscard]] bool is_our_address(const IpAddress& address) const noexcept;
  /// The largest payload that the path's MTU leaves.
  [[nodiscard]] static std::uint16_t mss_limit_of(const net::Path& path) noexcept {
    return static_cast<std::uint16_t>(path.interface->mtu -
                                      (wire::kIpv4HeaderSize + wire::kTcpHeaderSize));
  }
  [[nodiscard]] ConnectionSlot& slot_of(DemuxTarget target) noexcept {
    return connections_.at(target.index());
  }
  void leave_demux(ConnectionSlot& slot) noexcept;
  void leave_listener(ConnectionSlot& slot) noexcept;
  void bury(ConnectionSlot& slot) noexcept;
  void enter_time_wait(ConnectionSlot& slot) noexcept;
  void remove_time_wait(std::uint32_t index) noexcept;
  /// Its end, and whatever else is rare.
  void settle_fully(ConnectionSlot& slot) noexcept;
  void note_events(ConnectionSlot& slot) noexcept {
    slot.events = static_cast<std::uint8_t>(slot.events | slot.connection.take_events().bits());
    if (slot.events != 0 && !slot.event_link.is_linked()) {
      events_.push_back(slot);
    }
  }
  void mark(ConnectionSlot& slot) noexcept {
    if (!slot.transmit_link.is_linked()) {
      transmit_.push_back(slot);
    }
  }
  void note_orphan(ConnectionSlot& slot) noexcept;
  void limit_orphans() noexcept;

  // tcp_ports.cpp
  [[nodiscard]] Result<void> take_local_port(Instant now, FourTuple& tuple,
                                             std::optional<tcp::TimeWaitEntry>& before) noexcept;
  [[nodiscard]] std::optional<Port> choose_port(Instant now, const FourTuple& tuple) noexcept;
  [[nodiscard]] bool may_open_again(Instant now, std::uint32_t time_wait) const noexcept;
  [[nodiscard]] tcp::SeqNum choose_iss(Instant now, const FourTuple& tuple,
                                       std::optional<tcp::SeqNum> iss_floor) noexcept;

  // tcp_input.cpp
  /// A valid segment and whose it is.
  struct Arrival {
    FourTuple tuple;
    tcp::Segment segment;
    const net::Interface& interface;
  };
  /// Fills in an empty one of that interface. Returns what is wrong with the datagram, if anything.
  [[nodiscard]] static std::optional<DropReason> parse(const wire::Ipv4Header& header,
                                                       packet::Packet& datagram,
                                                       Arrival& arrival) noexcept;
  void deliver(Instant now, Arrival& arrival, packet::Packet payload) noexcept;
  void deliver_to_connection(Instant now, ConnectionSlot& slot, const Arrival& arrival,
                             packet::Packet payload) noexcept;
  /// What a segment has done to the slot's connection, compared to where that stood before.
  struct Before {
    TcpState state;
    tcp::SeqNum snd_una;
    tcp::SeqNum rcv_nxt;
  };
  [[nodiscard]] static Before stand_of(const ConnectionSlot& slot) noexcept {
    return {.state = slot.connection.state(),
            .snd_una = slot.connection.send_sequence().snd_una,
            .rcv_nxt = slot.connection.receive_sequence().rcv_nxt};
  }
  static void tally(Instant now, ConnectionSlot& slot, const Before& before,
                    const tcp::Segment& segment, const tcp::Disposition& disposition) noexcept;
  [[nodiscard]] static tcp::Tally::Progress progress_since(const Before& before,
                                                           const ConnectionSlot& slot) noexcept {
    return {.acked = static_cast<std::uint32_t>(slot.connection.send_sequence().snd_una -
                                                before.snd_una),
            .received = static_cast<std::uint32_t>(slot.connection.receive_sequence().rcv_nxt -
                                                   before.rcv_nxt)};
  }
  static void vet(ConnectionSlot& slot, const net::Interface& interface) noexcept;
  /// Those whose peers are still heard go last when orphans are too many.
  void note_activity(ConnectionSlot& slot) noexcept {
    if (slot.orphan_link.is_linked()) [[unlikely]] {
      OrphanList::unlink(slot);
      orphans_.push_back(slot);
    }
  }
  void deliver_to_time_wait(Instant now, std::uint32_t index, const Arrival& arrival) noexcept;
  void answer_with_reset(Instant now, const FourTuple& tuple, const tcp::Segment& segment) noexcept;
  void send_stateless(Instant now, const FourTuple& tuple, const tcp::SegmentPlan& plan,
                      std::uint8_t dscp = 0) noexcept;

  // tcp_pieces.cpp
  /// The same of a segment that lies in several packets.
  void deliver_pieces(Instant now, Arrival& arrival, packet::Packet payload) noexcept;
  void deliver_run(Instant now, ConnectionSlot& slot, Arrival& arrival,
                   PieceCutter& cutter) noexcept;

  // tcp_burst.cpp
  /// What is left of a burst.
  struct Rest {
    const LookAhead& ahead;
    packet::Burst& burst;
    std::uint16_t at;
  };
  /// Takes segments that bring the next text and repeat for the rest the one before them, which
  /// was read and delivered last. Returns how many.
  [[nodiscard]] std::uint16_t receive_text(Instant now, ConnectionSlot& slot,
                                           const Rest& rest) noexcept;
  [[gnu::cold]] void refuse(Instant now, ConnectionSlot& slot, const tcp::Segment& segment,
                            const tcp::Disposition& disposition) noexcept;

  // tcp_icmp.cpp
  void on_too_large(Instant now, const ConnectionSlot& slot, const net::IcmpError& error) noexcept;
  [[nodiscard]] std::uint16_t path_mss(Instant now, const IpAddress& destination) noexcept;
  void refresh_path_mss(Instant now, ConnectionSlot& slot) noexcept;

  // tcp_listen.cpp
  [[nodiscard]] base::SlotHandle find_listener_for(const Endpoint& local) noexcept;
  [[nodiscard]] std::optional<DropReason> why_not_now(const tcp::Listener& listener) const noexcept;
  void deliver_to_listener(Instant now, base::SlotHandle handle, const Arrival& arrival,
                           packet::Packet payload) noexcept;
  void answer_syn(Instant now, base::SlotHandle handle, const Arrival& arrival,
                  packet::Packet payload, std::optional<tcp::SeqNum> iss_floor) noexcept;
  [[nodiscard]] ConnectionSlot* add_half_open(base::SlotHandle handle,
                                              const FourTuple& tuple) noexcept;
  void on_handshake_complete(ConnectionSlot& slot) noexcept;
  [[nodiscard]] bool wants_cookie(const tcp::Listener& listener) const noexcept;
  void answer_with_cookie(Instant now, tcp::Listener& listener, const Arrival& arrival) noexcept;
  [[nodiscard]] bool accept_cookie(Instant now, base::SlotHandle handle, const Arrival& arrival,
                                   packet::Packet& payload) noexcept;

  // tcp_fast_open.cpp
  using InitialData = base::FixedVector<packet::Packet, 9>;
  [[nodiscard]] Result<void> copy_initial(std::span<const std::byte> data,
                                          InitialData& into) noexcept;
  [[nodiscard]] bool queue_initial(Instant now, ConnectionSlot& slot, InitialData& data) noexcept;
  void offer_fast_open(Instant now, ConnectionSlot& slot) noexcept;
  [[nodiscard]] std::optional<std::array<std::uint8_t, 16>> fast_open_key_of(
      const ConnectionSlot& slot) noexcept;
  static void shape_as_experiment(wire::TcpOptions& options) noexcept;
  void learn_fast_open(Instant now, const ConnectionSlot& slot, const Arrival& answer) noexcept;
  /// Whether the application may hear of whoever has sent this SYN before his handshake is over;
  /// and what the SYN,ACK is to say of it.
  [[nodiscard]] bool has_fast_open_leave(Instant now, ConnectionSlot& slot, const Arrival& syn,
                                         bool has_data) noexcept;
  void try_fast_open(Instant now, ConnectionSlot& slot, const Arrival& syn,
                     packet::Packet payload) noexcept;
  void note_early(ConnectionSlot& slot) noexcept;

  // tcp_list.cpp
  void list_connection(const ConnectionSlot& slot, bool with_info, SocketPage& page,
                       std::uint32_t& segments) const noexcept;

  // tcp_output.cpp
  enum class Visit : std::uint8_t { Drained, HasMore, QueueFull, OutOfPackets };
  [[nodiscard]] Visit visit(Instant now, ConnectionSlot& slot) noexcept;
  /// The visit as far as it is the usual one; empty: all that is left of it is not, `sent` segments
  /// having left.
  [[nodiscard]] std::optional<Visit> send_plain_run(Instant now, ConnectionSlot& slot,
                                                    unsigned& sent) noexcept;
  /// A frame with the segment that the run has taken last and, where the device cuts them, with
  /// those that follow for certain: `joined` in all, unless that has failed before in this run.
  /// Empty when it is no plain one, or when a pool is exhausted.
  [[nodiscard]] packet::Packet build_plain(ConnectionSlot& slot, tcp::PlainRun& run,
                                           std::uint32_t& joined, bool& may_join) noexcept;
  /// False: its frames are not plain.
  [[nodiscard]] bool begin_plain_frames(Instant now, const ConnectionSlot& slot,
                                        const tcp::PlainRun& run) noexcept;
  /// What begins next leaves by `path`. False: it is not known where to.
  [[nodiscard]] bool set_plain_hop(Instant now, const net::Path& path) noexcept;
  [[nodiscard]] bool are_queues_full() const noexcept;
  [[nodiscard]] bool send(Instant now, ConnectionSlot& slot, const tcp::SegmentPlan& plan) noexcept;
  void update_timer(ConnectionSlot& slot) noexcept;
  void cancel_timer(ConnectionSlot& slot) noexcept;

  // tcp_events.cpp
  void dispatch(ConnectionSlot& slot, Stack& stack) noexcept;
  void tell(ConnectionSlot& slot, TcpSocket socket, tcp::Events news) noexcept;
  [[nodiscard]] bool accept(ConnectionSlot& slot, TcpSocket socket) noexcept;

  const Config& config_;
  packet::CorePools& pools_;
  net::Ipv4Output& output_;
  std::span<const net::Interface> interfaces_;
  CoreStats& stats_;
  base::Random& random_;
  SegmentReader reader_;
  FrameBuilder frames_;
  PlainFrames plain_frames_;
  /// The next hop that was asked for last, in one call of `transmit`: nothing is learned meanwhile.
  /// Where it is known, plain frames go there.
  struct LastHop {
    const net::Interface* interface = nullptr;
    IpAddress address;
    bool is_known = false;
  } last_hop_;
  packet::PacketBudget budget_;
  tcp::ActiveBlockPool active_blocks_;
  tcp::SentSegmentPool sent_segments_;
  tcp::ChallengeAckLimit challenge_acks_;
  tcp::TuningPool tunings_;
  tcp::BbrPool bbr_models_;
  tcp::Resources resources_;
  base::SlotTable<ConnectionSlot> connections_;
  base::SlotTable<tcp::Listener> listeners_;
  PortIndex listening_;
  tcp::TimeWaitTable time_wait_;
  net::PathMtuCache path_mtus_;
  Demux demux_;
  tcp::IsnGenerator isns_;
  tcp::SynCookies cookies_;
  tcp::FastOpenCookies fast_open_cookies_;
  tcp::FastOpenCache fast_open_cache_;
  ProgressListener* progress_listener_ = nullptr;
  tcp::PortSelector ports_;
  tcp::TimestampOffsets timestamp_offsets_;
  base::TimerWheel timers_;
  base::PacingWheel pacing_;
  TransmitList transmit_;
  EventQueue events_;
  EventQueue over_;
  OrphanList orphans_;  // The one that has been idle for longest first.
  std::uint32_t orphan_count_ = 0;
  bool is_shut_down_ = false;
  Instant now_;
};

}  // namespace millrace::stack
