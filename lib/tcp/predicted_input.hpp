// PredictedInput: the segment that nearly always comes next, taken in one go (RFC 7323 §5.6): the
// next text in order, an ACK of what is in flight, or both, while nothing is lost or in question.
// Whatever else arrives is left to the steps of input.cpp, and what is done here is what these
// would do, no more and no less. A view of the connection, made for the length of one call: by
// `Connection` for a segment, by tcp_burst.cpp for the text that follows one.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "packet/packet.hpp"
#include "tcp/connection.hpp"
#include "tcp/sent_segments.hpp"

namespace millrace::tcp {

class PredictedInput {
 public:
  PredictedInput(Connection& connection, const Resources& resources, Instant now) noexcept
      : c_{connection}, resources_{resources}, now_{now} {}

  /// False: it is no such segment, and nothing has happened.
  [[nodiscard]] bool take(const Segment& segment, packet::Packet& payload,
                          Disposition& disposition) noexcept;
  /// `segment` has just been handed over, and its text was the next. Whether of those that follow
  /// it, and say what it says but for PSH, nothing is to be taken but their text, and `settle_text`
  /// once: what else `take` would do for each comes to nothing, or is as well done for all of them.
  [[nodiscard]] bool precedes_text(const Segment& segment) const noexcept;
  /// Where the text of the next one has to begin.
  [[nodiscard]] SeqNum next_text() const noexcept { return c_.receive_.rcv_nxt; }
  /// Takes the next one's, `bytes` from `offset` on in `frame`: as many as that segment had. False,
  /// and nothing taken, where there is no room for it.
  [[nodiscard]] bool take_text(packet::Packet& frame, std::uint32_t offset,
                               std::uint32_t bytes) noexcept {
    if (bytes > c_.receive_.rcv_wnd() ||
        !resources_.budget.try_charge(frame.charge(), packet::BudgetUse::InOrder)) [[unlikely]] {
      return false;
    }
    frame.keep(offset, bytes);
    c_.receive_.rcv_nxt += bytes;
    c_.active_->receive_queue.append_whole(frame);
    return true;
  }
  /// `count` of them were taken behind `segment`.
  void settle_text(const Segment& segment, std::uint32_t count) noexcept;

  /// Every segment by the steps: what `take` can be held against.
  Disposition take_by_steps(const Segment& segment, packet::Packet payload) noexcept;

 private:
  [[nodiscard]] bool is_expected(const Segment& segment) const noexcept;
  [[nodiscard]] bool says_nothing_odd(const Segment& segment) const noexcept;
  [[nodiscard]] bool has_expected_options(const Segment& segment) const noexcept;
  [[nodiscard]] bool is_calm(bool advances) const noexcept;
  void acknowledge(SeqNum edge) noexcept;
  void take_in(const PlainOutcome& acked, std::uint32_t prior_in_network) noexcept;
  void arm_loss_timer(bool advances) noexcept;

  Connection& c_;
  const Resources& resources_;
  Instant now_;
};

}  // namespace millrace::tcp
