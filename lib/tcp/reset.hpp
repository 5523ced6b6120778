// The reset that answers a segment which belongs to no connection (RFC 9293 §3.10.7.1). Stateless.
#pragma once

#include "tcp/segment.hpp"

namespace millrace::tcp {

/// `segment` is not itself a reset.
[[nodiscard]] inline SegmentPlan make_reset(const Segment& segment) noexcept {
  SegmentPlan plan;
  if (segment.flags.ack()) {
    plan.seq = segment.ack;
    plan.flags = TcpFlags{TcpFlags::kRst};
  } else {
    plan.seq = SeqNum{0};
    plan.ack = segment.end();
    plan.flags = TcpFlags{TcpFlags::kRst | TcpFlags::kAck};
  }
  return plan;
}

}  // namespace millrace::tcp
