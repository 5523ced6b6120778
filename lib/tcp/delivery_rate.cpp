#include "tcp/delivery_rate.hpp"

#include <algorithm>

namespace millrace::tcp {

void DeliveryRate::on_sent(SentSegment& segment, Instant now, std::uint32_t in_network,
                           std::uint32_t lost) noexcept {
  if (in_network <= segment.length) {
    // Nothing was under way: the flight begins here, and idle time is nobody's rate.
    first_sent_at_ = now;
    delivered_at_ = now;
  }
  segment.then = {.first_sent_at = first_sent_at_,
                  .delivered_at = delivered_at_,
                  .delivered = delivered_,
                  .lost = lost,
                  .in_network = in_network,
                  .is_application_limited = is_application_limited()};
}

void DeliveryRate::on_application_limited(std::uint32_t in_network) noexcept {
  limited_until_ = std::max<std::uint64_t>(delivered_ + in_network, 1);
}

RateSample DeliveryRate::on_ack(const DeliveryLog& log, std::uint32_t delivered, std::uint32_t lost,
                                Duration min_rtt) noexcept {
  RateSample sample;
  if (delivered > 0) {
    delivered_ += delivered;
    delivered_at_ = log.now();
  }
  if (limited_until_ != 0 && delivered_ > limited_until_) {
    limited_until_ = 0;
  }
  sample.delivered = delivered_;
  sample.lost = lost;
  if (!log.newest()) {
    sample.prior_delivered = delivered_;
    return sample;
  }
  const DeliveryLog::Newest& newest = *log.newest();
  const Duration sending = newest.sent_at - newest.then.first_sent_at;
  const Duration arriving = delivered_at_ - newest.then.delivered_at;
  first_sent_at_ = std::max(first_sent_at_, newest.sent_at);
  sample.prior_delivered = newest.then.delivered;
  sample.lost_meanwhile = lost - newest.then.lost;
  sample.in_network_then = newest.then.in_network;
  sample.is_application_limited = newest.then.is_application_limited;
  // No ACK can have come faster than light: what seems so is a mistaken retransmission.
  const Duration interval = std::max(sending, arriving);
  sample.interval = interval < min_rtt ? Duration::zero() : interval;
  return sample;
}

}  // namespace millrace::tcp
