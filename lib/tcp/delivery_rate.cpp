#include "tcp/delivery_rate.hpp"

#include <algorithm>

namespace millrace::tcp {

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
