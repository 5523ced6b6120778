// Connection: one TCP connection as a pure state machine (RFC 9293 §3.10). Segments, time and the
// application's calls go in; segments to send, deadlines and events come out. It reads no clock,
// builds no frame and owns no pool.
//
// The façade owns the parts and decides what their answers mean; its members are defined by topic:
//   connection.cpp   the application's calls, events, deadlines
//   handshake.cpp, options.cpp  SYN-SENT, SYN-RECEIVED; what SYNs agree on and segments carry
//   input.cpp        a segment arrives: the steps of RFC 9293 §3.10.7.4, or `PredictedInput`
//   acknowledgment.cpp  what an ACK means: windows, round-trip time, what has arrived
//   output.cpp, offered_window.cpp, repair.cpp, retransmission.cpp  which is next; what is lost
//   icmp_error.cpp, timeout.cpp  what the path says; which timer went off
//   liveness.cpp, urgent_data.cpp, close.cpp  is the peer there; urgent data; FIN, reset, TIME-WAIT
//   tuning.cpp, steering.cpp, info.cpp  what was chosen for it; `Steering`; what it can tell
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>
#include <millrace/tcp.hpp>
#include <millrace/tcp_info.hpp>
#include <millrace/time.hpp>

#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "tcp/active_block.hpp"
#include "tcp/aftermath.hpp"
#include "tcp/congestion.hpp"
#include "tcp/ecn.hpp"
#include "tcp/events.hpp"
#include "tcp/icmp_verdict.hpp"
#include "tcp/keepalive.hpp"
#include "tcp/next_timer.hpp"
#include "tcp/path_mtu.hpp"
#include "tcp/quick_acks.hpp"
#include "tcp/receive_autotune.hpp"
#include "tcp/reorder_window.hpp"
#include "tcp/rtt_estimator.hpp"
#include "tcp/segment.hpp"
#include "tcp/send_room.hpp"
#include "tcp/sequence_space.hpp"
#include "tcp/soft_error.hpp"
#include "tcp/state.hpp"
#include "tcp/tally.hpp"
#include "tcp/timestamps.hpp"
#include "tcp/urgent.hpp"
#include "tcp/user_timeout.hpp"

namespace millrace::tcp {

/// Lives at one place from opening to CLOSED and must be `release`d before it is destroyed.
///
/// In a turn: inputs first, then `next_segment` until it is empty, then `next_deadline`. Extra
/// calls are harmless. Time never goes back.
class Connection {
 public:
  /// `mss_limit` is the largest payload that the interface's MTU leaves (RFC 9293 §3.7.1),
  /// `path_mss` what routers are known to leave of it.
  Connection(const FourTuple& tuple, std::uint16_t mss_limit,
             std::uint16_t path_mss = PathMtu::kUnknown) noexcept
      : mss_limit_{mss_limit}, path_mtu_{path_mss}, tuple_{tuple} {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Opening.
  /// Before it: what is added to the clock of timestamps (RFC 7323 §7.1).
  void set_timestamp_offset(std::uint32_t offset) noexcept { timestamps_.set_offset(offset); }
  void open_active(const Resources& resources, Instant now, SeqNum iss, Duration timeout) noexcept;
  void open_passive(const Resources& resources, Instant now, SeqNum iss,
                    const Segment& syn) noexcept;
  /// Behind `open_active`, and behind what is to be sent: the SYN carries `cookie` and as much as
  /// fits into `peer_mss` (RFC 7413 §4.2.1). An empty cookie asks for one, and data waits.
  void offer_fast_open(const wire::FastOpenCookie& cookie, std::uint16_t peer_mss) noexcept;
  /// Behind `open_passive`, for a SYN with a good cookie: takes the data that came with it, if any,
  /// and lets the application answer before the handshake is over (RFC 7413 §4.2.2).
  /// False, with nothing changed, when there is no room for it.
  [[nodiscard]] bool accept_early(const Resources& resources, Instant now,
                                  packet::Packet payload) noexcept;
  [[nodiscard]] FastOpenOutcome fast_open_outcome() const noexcept { return fast_open_outcome_; }
  /// In SYN-SENT, on a four-tuple from TIME-WAIT: the peer's numbers up to `floor` were the old's.
  void require_irs_after(SeqNum floor) noexcept;
  /// As `open_passive`, behind a SYN,ACK that was sent with a cookie for `iss`: the ACK that
  /// brought it back is to follow.
  void open_from_cookie(const Resources& resources, Instant now, SeqNum iss,
                        const Segment& syn) noexcept;

  // A turn.
  Disposition on_segment(const Resources& resources, Instant now, const Segment& segment,
                         packet::Packet payload) noexcept;
  void on_timer(const Resources& resources, Instant now) noexcept;
  /// An ICMP error about a segment in flight, or the next hop's silence (RFC 9293 §3.9.2.2).
  void on_path_error(const Resources& resources, const IcmpVerdict& verdict) noexcept;
  /// How large routers let a segment be, now; PathMtu::kUnknown when that is forgotten. What is in
  /// flight and larger is cut anew.
  void on_path_mss(const Resources& resources, Instant now, std::uint16_t mss) noexcept;
  /// RFC 9293 §3.9.1.8, MUST-47: the application hears of it; the outcome if no better is known.
  void report_soft_error(const Resources& resources, Error error) noexcept;
  [[nodiscard]] std::optional<Error> take_soft_error() noexcept { return soft_error_.take(); }
  /// RFC 9293 §3.8.3, R1: whether, since the last call, IP should look for the next hop anew.
  [[nodiscard]] bool take_path_doubt() noexcept;
  [[nodiscard]] std::optional<SegmentPlan> next_segment(const Resources& resources,
                                                        Instant now) noexcept;
  /// The plan could not be turned into a frame for lack of packets: it is planned again.
  void on_segment_not_sent(const SegmentPlan& plan) noexcept;
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;
  [[nodiscard]] bool is_paced_deadline() const noexcept;  ///< By pacing: to the microsecond.
  [[nodiscard]] Events take_events() noexcept { return std::exchange(events_, Events{}); }
  [[nodiscard]] bool has_events() const noexcept { return events_.any(); }
  /// Others need to look at its events and its output alone.
  [[nodiscard]] bool is_ordinary() const noexcept {
    return state_ == TcpState::Established && !app_closed_ && !path_doubt_;
  }

  /// All but what its Tally knows.
  void describe(const Resources& resources, TcpInfo& info) const noexcept;
  [[nodiscard]] NextTimer next_timer() const noexcept;
  [[nodiscard]] SendLimit send_limit() const noexcept;
  [[nodiscard]] std::uint32_t unsent_bytes() const noexcept;
  [[nodiscard]] bool is_passive() const noexcept { return passive_; }

  // The application's calls.
  /// Whether the application may queue bytes at all, and whether there is room now.
  [[nodiscard]] Result<void> check_sendable(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] std::size_t append_to_tail(std::span<const std::byte> bytes) noexcept;
  /// Queues payload; `packet` is kept on an error (WouldBlock, OutOfPackets), of which there is no
  /// first one if `has_room`: `writable` has just said so. `sum`: as for `SendBuffer::append`.
  [[nodiscard]] Result<void> append(const Resources& resources, Instant now, packet::Packet& packet,
                                    bool has_room = false, const KnownSum& sum = {}) noexcept;
  /// Notes that `send` took less than all, so that Events::kWritable follows.
  void want_writable(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] std::size_t writable(const Resources& resources) noexcept;
  /// WouldBlock, EndOfStream, or how many bytes can be read.
  [[nodiscard]] Result<std::size_t> readable() const noexcept;
  [[nodiscard]] std::span<const std::byte> peek() const noexcept;
  void consume(const Resources& resources, std::uint32_t bytes) noexcept;
  [[nodiscard]] packet::Packet receive_packet(const Resources& resources) noexcept;
  [[nodiscard]] Result<void> shutdown(const Resources& resources, Instant now) noexcept;
  void close(const Resources& resources, Instant now) noexcept;
  void abort(const Resources& resources, Error reason) noexcept;
  /// As `abort`, by the application: it hears only of the end.
  void abort_by_application(const Resources& resources) noexcept;
  void set_no_delay(bool on) noexcept { no_delay_ = on; }
  /// Segments that are not full wait, as long as small data waits at most.
  void set_cork(bool on) noexcept { corked_ = on; }
  /// Off: data is acknowledged with delay, until something is lost. On: what waits goes now.
  void set_quick_acks(bool on) noexcept;
  void set_tuning(const Resources& resources, const TcpTuning& tuning) noexcept;
  [[nodiscard]] const TcpTuning& tuning() const noexcept { return *tuning_; }
  /// An ACK alone, which `defers` tells, opens nothing until our SYN,ACK has timed out so often.
  void defer_accept(std::uint8_t timeouts) noexcept { deferred_timeouts_ = timeouts; }
  [[nodiscard]] bool defers(const Segment& segment) noexcept;
  void set_linger(const std::optional<Duration>& limit) noexcept;
  void set_user_timeout(Duration limit) noexcept { user_timeout_.set(limit); }
  void advertise_user_timeout(const Resources& resources, Duration time) noexcept;
  /// `options` are valid, or empty: none.
  void set_keepalive(const std::optional<KeepaliveOptions>& options, Instant now) noexcept;
  void set_soft_errors(bool on) noexcept { soft_error_.set_silent(!on); }
  /// What has been queued until now is urgent.
  void mark_urgent() noexcept;
  [[nodiscard]] std::uint32_t urgent_left() const noexcept { return urgent_in_.left(read_nxt()); }
  /// WouldBlock, InvalidState (in line), or the urgent octet.
  [[nodiscard]] Result<std::byte> take_urgent() noexcept;
  void set_urgent_inline(const Resources& resources, bool on) noexcept;
  /// The first packet holds the urgent octet, which `receive_packet` would hand out.
  [[nodiscard]] bool is_front_split() const noexcept;
  /// Frees what is held in shared pools; only `next_deadline`, `state`, `outcome` make sense then.
  void release(const Resources& resources) noexcept;

  [[nodiscard]] const FourTuple& tuple() const noexcept { return tuple_; }
  [[nodiscard]] TcpState state() const noexcept { return state_; }
  [[nodiscard]] Result<void> outcome() const noexcept { return outcome_; }
  [[nodiscard]] bool is_reset_due() const noexcept { return reset_due_; }
  /// The application has closed or aborted it: it hears only of the end.
  [[nodiscard]] bool is_closed_by_application() const noexcept { return app_closed_; }
  [[nodiscard]] const SendSequence& send_sequence() const noexcept { return send_; }
  [[nodiscard]] const ReceiveSequence& receive_sequence() const noexcept { return receive_; }
  [[nodiscard]] const Congestion& congestion() const noexcept { return congestion_; }
  [[nodiscard]] const ReorderWindow& reorder_window() const noexcept { return reorder_; }
  [[nodiscard]] const RttEstimator& rtt() const noexcept { return rtt_; }
  [[nodiscard]] const Timestamps& timestamps() const noexcept { return timestamps_; }
  /// What the receiving side takes for the round trip; zero while unknown.
  [[nodiscard]] Duration receive_round_trip() const noexcept {
    return std::chrono::microseconds{receive_autotune_.round_trip_us()};
  }
  [[nodiscard]] bool has_selective_acks() const noexcept { return sack_; }
  /// The largest payload without selective acknowledgments; other options are off it already.
  [[nodiscard]] std::uint16_t mss() const noexcept { return mss_; }
  [[nodiscard]] Error reason_for_timeout() const noexcept {
    return soft_error_.reason_for_timeout();
  }
  [[nodiscard]] const Ecn& ecn() const noexcept { return ecn_; }
  [[nodiscard]] const QuickAcks& quick_acks() const noexcept { return quick_acks_; }
  /// How far to fill a packet of the send buffer: whole segments, so that most lie in one packet.
  [[nodiscard]] std::uint32_t packet_bytes_max() const noexcept;
  /// Payload bytes queued and not acknowledged; received in order and not read.
  [[nodiscard]] std::uint32_t unacknowledged() const noexcept;
  [[nodiscard]] std::uint32_t unread() const noexcept;
  [[nodiscard]] ActiveBlock* active() noexcept { return active_; }  ///< Null: nothing is held.
  [[nodiscard]] SendBuffer& send_buffer() noexcept { return active_->send_buffer; }
  /// Whether everything that must hold between calls does. Walks over all that is in flight.
  [[nodiscard]] bool check_invariants() const noexcept;
  /// The part of it that costs a few compares.
  [[nodiscard]] bool is_consistent() const noexcept;

 private:
  friend class PlainRun;
  friend class PredictedInput;
  friend class Repair;
  friend class Steering;
  static constexpr Instant kNever = Instant::max();
  static constexpr std::uint32_t kNoLinger = 0xffff'ffff;  // Milliseconds.
  using Plan = std::optional<SegmentPlan>;
  enum class Step : std::uint8_t { Continue, Done };

  // handshake.cpp
  Disposition on_segment_in_syn_sent(const Resources& resources, Instant now,
                                     const Segment& segment, packet::Packet payload) noexcept;
  void accept_syn(const Resources& resources, Instant now, const Segment& syn) noexcept;
  void establish(const Resources& resources, Instant now, const Segment& segment) noexcept;
  [[nodiscard]] SegmentPlan plan_syn(const Resources& resources, Instant now) noexcept;
  void add_fast_open(const Resources& resources, Instant now, SegmentPlan& plan) noexcept;
  Disposition on_crossed_syn_ack(const Resources& resources, Instant now, const Segment& segment,
                                 packet::Packet payload) noexcept;
  Disposition process_behind_syn(const Resources& resources, Instant now, const Segment& segment,
                                 packet::Packet payload) noexcept;
  void settle_syn_data(const Resources& resources, Instant now, const Segment& segment) noexcept;
  [[nodiscard]] Step check_ack_in_syn_received(const Resources& resources, Instant now,
                                               const Segment& segment,
                                               Disposition& disposition) noexcept;

  // options.cpp
  void offer_options(const Resources& resources) noexcept;
  void negotiate(const Resources& resources, Instant now, const wire::TcpOptions& options) noexcept;
  void add_options(const Resources& resources, Instant now, SegmentPlan& plan) noexcept;
  void add_sack_blocks(const Resources& resources, SegmentPlan& plan) noexcept;
  [[nodiscard]] bool has_sack_blocks() const noexcept;
  [[nodiscard]] SackBlocks compose_sack(std::size_t most) const noexcept;
  /// The largest payload of a segment that leaves now.
  [[nodiscard]] std::uint16_t send_mss() const noexcept;
  void note_duplicate(const Resources& resources, const Segment& segment) noexcept;
  void report_arrival(SeqNum seq) noexcept;
  void process_sack(const Resources& resources, AckInHand& ack, Disposition& disposition) noexcept;
  void heed_late_report(const Resources& resources, const SackBlock& block, Instant now) noexcept;
  [[nodiscard]] Step check_timestamps(const Resources& resources, Instant now,
                                      const Segment& segment, Disposition& disposition) noexcept;
  void note_timestamps(const Segment& segment, Instant now) noexcept;
  void add_round_trip(const std::optional<Duration>& sample, AckInHand& ack) noexcept;
  void measure_sender(const Segment& segment, Instant now) noexcept;

  // input.cpp
  Disposition on_segment_by_steps(const Resources& resources, Instant now, const Segment& segment,
                                  packet::Packet payload) noexcept;
  [[nodiscard]] bool is_crossed_syn_ack(const Segment& segment) const noexcept;
  [[nodiscard]] Step check_sequence(const Resources& resources, Instant now, const Segment& segment,
                                    Disposition& disposition) noexcept;
  [[nodiscard]] Step check_reset(const Resources& resources, Instant now, const Segment& segment,
                                 Disposition& disposition) noexcept;
  void acknowledge_unacceptable(const Resources& resources, const Segment& segment,
                                Instant now) noexcept;
  void on_repeated_syn(const Resources& resources, const Segment& segment,
                       Disposition& disposition) noexcept;
  [[nodiscard]] bool may_answer_oddity(Instant now) noexcept;
  [[nodiscard]] Step check_syn(const Resources& resources, Instant now, const Segment& segment,
                               Disposition& disposition) noexcept;
  void challenge(const Resources& resources, Instant now) noexcept;
  void process_payload(const Resources& resources, Instant now, Segment& segment,
                       packet::Packet payload, Disposition& disposition) noexcept;
  void deliver(const Resources& resources, Instant now, packet::Packet payload,
               Disposition& disposition) noexcept;
  void keep_out_of_order(const Resources& resources, const Segment& segment, packet::Packet payload,
                         Disposition& disposition) noexcept;
  void process_fin(const Resources& resources, Instant now, const Segment& segment) noexcept;
  [[nodiscard]] QuickAcks::Measure quick_ack_measure(const Resources& resources) const noexcept;
  void schedule_ack(const Resources& resources, Instant now, std::uint32_t payload_bytes) noexcept;

  // acknowledgment.cpp
  [[nodiscard]] Step process_ack(const Resources& resources, Instant now, const Segment& segment,
                                 Disposition& disposition) noexcept;
  [[nodiscard]] AckInHand take_in_hand(const Segment& segment, Instant now) const noexcept;
  void process_delivery(const Resources& resources, AckInHand& ack,
                        Disposition& disposition) noexcept;
  void on_new_ack(const Resources& resources, AckInHand& ack) noexcept;
  void move_edge(const Resources& resources, Instant now, SeqNum edge) noexcept;
  void follow_edge(const Resources& resources, SeqNum edge) noexcept;
  void on_congestion_echo(const Resources& resources, const AckInHand& ack) noexcept;
  [[nodiscard]] PathView path_view(const Resources& resources, Instant now) const noexcept;
  void update_send_window(const Segment& segment, Instant now) noexcept;
  void on_fin_acked(const Resources& resources, Instant now) noexcept;
  void report_writable(const Resources& resources) noexcept;

  // output.cpp
  /// The application may send already: established, or let in early.
  [[nodiscard]] bool can_send() const noexcept {
    return may_send(state_) || (early_ && state_ == TcpState::SynReceived);
  }
  [[nodiscard]] Plan plan_next(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] Plan plan_loss(const Resources& resources, Instant now) noexcept;
  /// A tail-loss probe need not wait for anything but the peer's window.
  [[nodiscard]] Plan plan_new_data(const Resources& resources, Instant now,
                                   bool is_tail_probe = false) noexcept;
  void restart_if_idle(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] Plan plan_probe(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] std::uint8_t push_flag(SeqNum end) noexcept;
  [[nodiscard]] std::uint8_t burst_push_flag(const Resources& resources, Instant now,
                                             std::uint32_t bytes) noexcept;
  [[nodiscard]] bool is_small_released() const noexcept;
  [[nodiscard]] bool may_send_now(std::uint32_t bytes, std::uint32_t unsent, Instant now,
                                  const Resources& resources) noexcept;
  [[nodiscard]] SegmentPlan plan_segment(const Resources& resources, SeqNum seq,
                                         std::uint32_t payload_bytes, std::uint8_t flags) noexcept;
  /// The same of data that has never been sent, with RFC 3168's marks.
  [[nodiscard]] SegmentPlan plan_new_segment(const Resources& resources, SeqNum seq,
                                             std::uint32_t payload_bytes,
                                             std::uint8_t flags) noexcept;
  [[nodiscard]] SegmentPlan plan_reset() noexcept;
  [[nodiscard]] bool note_transmission(const Resources& resources, Instant now,
                                       std::uint32_t payload_bytes, bool has_fin) noexcept;
  [[nodiscard]] std::uint16_t select_window(const Resources& resources) noexcept;
  [[nodiscard]] std::uint32_t receive_limit(const Resources& resources) const noexcept;
  [[nodiscard]] std::uint32_t receive_room(const Resources& resources,
                                           std::uint32_t limit) const noexcept;
  [[nodiscard]] bool is_window_update_due(const Resources& resources) const noexcept;
  void arm_retransmission(const Resources& resources, Instant now) noexcept;
  void update_persist_timer(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] bool is_fin_unsent() const noexcept { return fin_queued_ && !fin_sent_; }

  // icmp_error.cpp, timeout.cpp
  [[nodiscard]] Plan plan_mtu_probe(const Resources& resources, Instant now) noexcept;
  void on_retransmission_timeout(const Resources& resources, Instant now) noexcept;
  void on_segment_timeout(const Resources& resources, Instant now) noexcept;
  void on_syn_timeout(const Resources& resources, Instant now) noexcept;
  void on_state_timeout(const Resources& resources) noexcept;
  [[nodiscard]] Instant state_deadline() const noexcept;

  // liveness.cpp, urgent_data.cpp
  void check_r1(const Resources& resources, unsigned retransmissions) noexcept;
  void on_keepalive_timer(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] bool is_outstanding() const noexcept;
  [[nodiscard]] SeqNum read_nxt() const noexcept;
  void process_urgent(const Segment& segment) noexcept;
  void settle_urgent(const Resources& resources) noexcept;
  void point_to_urgent(SegmentPlan& plan) const noexcept;

  // close.cpp
  void set_state(TcpState state) noexcept;
  void queue_fin(const Resources& resources, Instant now) noexcept;
  void enter_time_wait(const Resources& resources) noexcept;
  void end(const Resources& resources, Result<void> outcome) noexcept;
  void report_if_over() noexcept;
  void report_peer_finished() noexcept;

  // connection.cpp, tuning.cpp, info.cpp
  void limit_fin_wait_2(const Resources& resources, Instant now) noexcept;
  [[nodiscard]] bool has_enough_unsent() const noexcept;
  [[nodiscard]] TcpRecovery recovery() const noexcept;
  [[nodiscard]] bool attach(const Resources& resources) noexcept;
  [[nodiscard]] std::uint32_t send_buffer_limit(const Resources& resources) const noexcept;
  [[nodiscard]] SendRoom send_room(const Resources& resources) const noexcept;
  void on_read(const Resources& resources) noexcept;
  void retry_writable_later(const Resources& resources, Instant now) noexcept;
  void detach_if_idle(const Resources& resources) noexcept;
  /// Octets that are believed to be in the network (RFC 6675 §4, pipe).
  [[nodiscard]] std::uint32_t in_network() const noexcept;

  TcpState state_ = TcpState::Closed;
  FastOpenOutcome fast_open_outcome_ = FastOpenOutcome::None;
  Events events_;
  std::uint8_t snd_wscale_ = 0;
  std::uint8_t rcv_wscale_ = 0;
  std::uint8_t duplicate_acks_due_ = 0;  // Segments out of order that each want an ACK.
  std::uint8_t syn_retransmissions_ = 0;
  std::uint8_t deferred_timeouts_ = 0;  // Of our SYN,ACK, until its ACK alone opens.
  std::uint16_t mss_ = 536;             // Effective send MSS: largest payload of a segment.
  std::uint16_t mss_limit_;             // What the interface's MTU leaves.
  std::uint16_t rcv_mss_ = 536;  // Largest payload received, for "every second full-sized segment".
  bool ack_now_ : 1 = false;     // An ACK is due in this turn.
  bool syn_due_ : 1 = false;     // SYN or SYN,ACK is due.
  bool reset_due_ : 1 = false;   // A reset is due; the state is CLOSED.
  bool probe_due_ : 1 = false;   // A zero-window probe is due.
  bool override_due_ : 1 = false;  // Small data has waited for long enough.
  bool fin_queued_ : 1 = false;    // The application has finished sending.
  bool fin_sent_ : 1 = false;
  bool peer_fin_seen_ : 1 = false;  // A FIN has arrived, at `peer_fin_`, possibly ahead of a hole.
  bool peer_fin_received_ : 1 = false;  // And everything before it.
  bool peer_finished_reported_ : 1 = false;
  bool app_closed_ : 1 = false;  // The application wants nothing more of it.
  bool wants_writable_ : 1 = false;
  bool no_delay_ : 1 = false;
  bool passive_ : 1 = false;        // RFC 9293 §3.5, MUST-11.
  bool offers_wscale_ : 1 = false;  // Window scaling is offered, or agreed on.
  bool sack_ : 1 = false;           // Selective acknowledgments are offered, or agreed on.
  bool idle_restart_ : 1 = false;   // The next data follows an idle time.
  bool has_answered_oddity_ : 1 = false;
  bool syn_repeated_ : 1 = false;   // Our SYN,ACK left more than once because the peer asked again.
  bool keepalive_due_ : 1 = false;  // A keepalive probe is due.
  bool path_doubt_ : 1 = false;     // R1 was reached, and IP has not been told.
  bool fast_open_ : 1 = false;      // Our next SYN carries a Fast Open option.
  bool fast_open_tried_ : 1 = false;  // One has left.
  bool early_ : 1 = false;            // The application knew of it before the handshake was over.
  bool reopened_ : 1 = false;         // The four-tuple was in TIME-WAIT until we opened.
  bool syn_unseen_ : 1 = false;  // When our SYN,ACK left, or was acknowledged first, is not known.
  bool deferred_ : 1 = false;    // Its ACK has come, and more is waited for.
  bool corked_ : 1 = false;
  SoftError soft_error_;
  UrgentSend urgent_out_;
  UrgentReceive urgent_in_;
  SendSequence send_;
  ReceiveSequence receive_;
  std::uint32_t unacked_bytes_ = 0;       // Received since our last ACK.
  std::uint32_t oddity_answered_ms_ = 0;  // When an odd empty segment was last answered.
  SeqNum recover_{0};  // RFC 6582: behind what was in flight when the last recovery began.
  Aftermath aftermath_;
  ActiveBlock* active_ = nullptr;
  Congestion congestion_;
  ReorderWindow reorder_;
  std::uint32_t delivered_units_ = 0;  // Of 64 KiB, when there was an active block last.
  std::uint32_t linger_ms_ = kNoLinger;
  RttEstimator rtt_;
  PathMtu path_mtu_;
  Ecn ecn_;
  ReceiveAutotune receive_autotune_;
  Keepalive keepalive_;
  Timestamps timestamps_;
  QuickAcks quick_acks_;
  SackBlock duplicate_{};  // What arrived twice and has not been reported; empty: nothing.
  SeqNum small_end_{0};    // Behind the last segment sent that was smaller than the MSS.

  // One deadline per kind of timer; kNever when not armed.
  Instant retransmit_at_ = kNever;  // Retransmission, or zero-window probe.
  Instant ack_at_ = kNever;         // Delayed ACK.
  Instant override_at_ = kNever;    // Silly-window override, and retry after a pool was empty.
  Instant state_at_ = kNever;       // SYN's R2, FIN-WAIT-2, linger.
  Instant progress_at_{};           // When the peer last made progress, for R2.

  FourTuple tuple_;
  SeqNum peer_fin_{0};
  UserTimeout user_timeout_;
  Result<void> outcome_{};
  static constexpr TcpTuning kUntuned{};
  const TcpTuning* tuning_ = &kUntuned;  // Of `Resources::tunings` where anything was chosen.
};
static_assert(sizeof(Connection) <= 424, "the control block of an idle connection");

}  // namespace millrace::tcp
