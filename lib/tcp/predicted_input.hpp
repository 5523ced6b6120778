// PredictedInput: the segment that nearly always comes next, taken in one go (RFC 7323 §5.6): the
// next text in order, an ACK of what is in flight, or both, while nothing is lost or in question.
// Whatever else arrives is left to the steps of input.cpp, and what is done here is what these
// would do, no more and no less. The connection's own view of it, made for the length of one call;
// `Connection` is its only user.
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
  /// Every segment by the steps: what `take` can be held against.
  Disposition take_by_steps(const Segment& segment, packet::Packet payload) noexcept;

 private:
  [[nodiscard]] bool is_expected(const Segment& segment) const noexcept;
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
