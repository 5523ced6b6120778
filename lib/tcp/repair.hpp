// Repair: what a connection makes of losses: it asks the parts of LossRecovery what an ACK, a timer
// or a transmission means, and acts on their answers. The connection's own view of it, made for the
// length of one call; `Connection` is its only user.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "tcp/connection.hpp"
#include "tcp/loss_recovery.hpp"

namespace millrace::tcp {

/// Wants an active block.
class Repair {
 public:
  Repair(Connection& connection, const Resources& resources, Instant now) noexcept
      : c_{connection},
        resources_{resources},
        sent_{connection.active_->sent},
        recovery_{connection.active_->recovery},
        now_{now} {}

  /// An ACK has been taken in, and what it acknowledges and reports has been marked.
  void on_ack(const AckInHand& ack) noexcept;
  /// RFC 8985: the timer of the reorder window, or of a tail-loss probe. True if something is to
  /// leave because of it.
  [[nodiscard]] bool on_loss_timer() noexcept;
  /// RFC 6298 §5.4 to §5.6: the retransmission timer went off, with something in flight.
  void on_timeout() noexcept;
  /// `segment`, of new data, has left.
  void on_new_segment(SentSegment& segment) noexcept;
  /// Segments of new data have left at once, and each is noted: what the last of them means.
  void on_run_sent() noexcept;
  /// New data would leave, if the window took it.
  void on_window_full() noexcept;

  /// Everything is acknowledged and an idle time is over: what a probe asked is answered by then.
  void settle_probe() noexcept;

  /// What is lost and may leave now (retransmission.cpp).
  [[nodiscard]] std::optional<SegmentPlan> plan_retransmission() noexcept;
  /// A tail-loss probe that is due.
  [[nodiscard]] std::optional<SegmentPlan> plan_tail_probe() noexcept;
  /// Whether new data has to wait for what was lost.
  [[nodiscard]] bool is_new_data_held() noexcept {
    return sent_.first_lost() != nullptr && !recovery_.spurious_timeout.is_waiting();
  }

 private:
  using Phase = LossRecovery::Phase;

  void heed_delivery(const AckInHand& ack) noexcept;
  void heed_probe(const AckInHand& ack, bool is_of_probe) noexcept;
  void heed_mistakes(const AckInHand& ack, bool is_of_probe) noexcept;
  void heed_timeout(const AckInHand& ack) noexcept;
  [[nodiscard]] bool heed_reneging(const AckInHand& ack) noexcept;
  [[nodiscard]] std::uint32_t find_losses() noexcept;
  [[nodiscard]] std::uint32_t segments_to_arrive() const noexcept;
  [[nodiscard]] std::uint32_t count_duplicates(const AckInHand& ack) noexcept;
  [[nodiscard]] Duration reorder_window() const noexcept;
  [[nodiscard]] bool is_more_congestion() noexcept;
  [[nodiscard]] bool is_marked() const noexcept;
  void begin(std::uint32_t losses) noexcept;
  void on_tail_repaired() noexcept;
  [[nodiscard]] PathView path_before() const noexcept;
  void end_if_over(const AckInHand& ack) noexcept;
  void undo() noexcept;
  void move_window(bool is_safe) noexcept;
  void tell_controller(const AckInHand& ack, bool is_recovering) noexcept;
  void arm_timer() noexcept;
  [[nodiscard]] bool may_probe() noexcept;
  [[nodiscard]] SegmentPlan resend(SentSegment& segment, std::uint32_t limit) noexcept;
  void note_left(SentSegment& segment) noexcept;
  void note_window_use(std::uint32_t in_network) noexcept;
  void start_timer() noexcept;

  Connection& c_;
  const Resources& resources_;
  SentSegments& sent_;
  LossRecovery& recovery_;
  Instant now_;
  const AckInHand* ack_ = nullptr;  // At hand, if it is one.
  std::uint32_t delivered_ = 0;     // Octets, by it.
  FreshLosses losses_;              // What has been found lost just now.
  std::optional<Instant> look_at_;  // When RACK will know more.
};

}  // namespace millrace::tcp
