#include "tcp/tally.hpp"

#include <algorithm>

namespace millrace::tcp {

void Tally::on_sent(const SegmentPlan& plan, Instant now) noexcept {
  const std::uint32_t length =
      plan.payload_bytes + (plan.flags.syn() ? 1U : 0U) + (plan.flags.fin() ? 1U : 0U);
  const SeqNum end = plan.seq + length;
  ++segments_out_;
  if (plan.payload_bytes > 0) {
    ++data_segments_out_;
    bytes_sent_ += plan.payload_bytes;
    data_sent_ms_ = base::milliseconds_of(now);
  }
  if (length == 0 || plan.flags.rst()) {
    return;
  }
  if (has_sent_ && plan.seq.is_before(sent_to_)) {
    ++retransmitted_;
    // What was cut anew may reach behind what had left.
    const SeqNum first = plan.payload_seq();
    const std::uint32_t old =
        first.is_before(sent_to_) ? static_cast<std::uint32_t>(sent_to_ - first) : 0;
    bytes_retransmitted_ += std::min(plan.payload_bytes, old);
  }
  if (!has_sent_ || end.is_after(sent_to_)) {
    sent_to_ = end;
    has_sent_ = true;
  }
}

void Tally::on_arrival(const Segment& segment, const Disposition& disposition,
                       const Progress& progress, Instant now) noexcept {
  Arrivals one{.segments = segment.begun};
  one.add(segment, disposition);
  on_arrivals(one, progress, now);
}

void Tally::on_arrivals(const Arrivals& arrivals, const Progress& progress, Instant now) noexcept {
  const std::uint32_t now_ms = base::milliseconds_of(now);
  segments_in_ += arrivals.segments;
  bytes_acked_ += progress.acked;
  bytes_received_ += progress.received;
  delivered_ += arrivals.delivered;
  duplicate_reports_ += arrivals.duplicate_reports;
  out_of_order_ += arrivals.out_of_order;
  data_segments_in_ += arrivals.data_segments;
  if (arrivals.data_segments > 0) {
    data_received_ms_ = now_ms;
  }
  if (TcpFlags{arrivals.flags}.ack()) {
    ack_received_ms_ = now_ms;
  }
}

void Tally::change_limit(SendLimit limit, Instant now) noexcept {
  const std::uint32_t now_ms = base::milliseconds_of(now);
  limited_ms_[std::to_underlying(limit_)] += now_ms - limit_since_ms_;
  limit_since_ms_ = now_ms;
  limit_ = limit;
}

void Tally::describe(TcpInfo& info, Instant now) const noexcept {
  const std::uint32_t now_ms = base::milliseconds_of(now);
  const auto since = [now_ms](std::uint32_t then_ms) {
    return std::chrono::milliseconds{now_ms - then_ms};
  };
  info.bytes_acked = bytes_acked_;
  info.bytes_received = bytes_received_;
  info.bytes_sent = bytes_sent_;
  info.bytes_retransmitted = bytes_retransmitted_;
  info.segments_out = segments_out_;
  info.segments_in = segments_in_;
  info.data_segments_out = data_segments_out_;
  info.data_segments_in = data_segments_in_;
  info.total_retransmitted = retransmitted_;
  info.delivered = delivered_;
  info.duplicate_reports = duplicate_reports_;
  info.out_of_order_in = out_of_order_;
  info.since_data_sent = since(data_sent_ms_);
  info.since_data_received = since(data_received_ms_);
  info.since_ack_received = since(ack_received_ms_);
  const auto limited = [&](SendLimit limit) {
    const std::uint32_t running = limit == limit_ ? now_ms - limit_since_ms_ : 0;
    return std::chrono::milliseconds{limited_ms_[std::to_underlying(limit)] + running};
  };
  info.receive_window_limited = limited(SendLimit::ReceiveWindow);
  info.send_buffer_limited = limited(SendLimit::SendBuffer);
  info.busy = limited(SendLimit::Busy) + info.receive_window_limited + info.send_buffer_limited;
}

}  // namespace millrace::tcp
