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

RateSample DeliveryRate::on_ack(const News& news, std::uint32_t lost, Duration min_rtt) noexcept {
  note_ack(news);
  if (news.then == nullptr) {
    return {.delivered = delivered_, .prior_delivered = delivered_, .lost = lost};
  }
  const FlightSnapshot& then = *news.then;
  const Duration sending = news.sent_at - then.first_sent_at;
  const Duration arriving = delivered_at_ - then.delivered_at;
  // No ACK can have come faster than light: what seems so is a mistaken retransmission.
  const Duration interval = std::max(sending, arriving);
  return {.delivered = delivered_,
          .prior_delivered = then.delivered,
          .lost = lost,
          .lost_meanwhile = lost - then.lost,
          .in_network_then = then.in_network,
          .interval = interval < min_rtt ? Duration::zero() : interval,
          .is_application_limited = then.is_application_limited};
}

}  // namespace millrace::tcp
