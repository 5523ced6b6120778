// DeliveryRate: how fast data arrives at the peer (draft-ietf-ccwg-bbr, "Delivery Rate Samples"):
// each segment keeps what was known when it left, and the newest that an ACK acknowledges makes a
// sample. What becomes of samples is the congestion controller's business.
#pragma once

#include <algorithm>
#include <cstdint>

#include <millrace/time.hpp>

#include "tcp/ack_sample.hpp"
#include "tcp/delivery_log.hpp"
#include "tcp/sent_segment.hpp"

namespace millrace::tcp {

class DeliveryRate {
 public:
  /// `delivered` octets, in all, have arrived before.
  void start(std::uint64_t delivered) noexcept { delivered_ = delivered; }

  /// A segment of `length` octets leaves, with so much in the network, itself included: what is to
  /// be kept with it.
  [[nodiscard]] FlightSnapshot on_sent(Instant now, std::uint32_t length, std::uint32_t in_network,
                                       std::uint32_t lost) noexcept {
    if (in_network <= length) {
      // Nothing was under way: the flight begins here, and idle time is nobody's rate.
      first_sent_at_ = now;
      delivered_at_ = now;
    }
    return {.first_sent_at = first_sent_at_,
            .delivered_at = delivered_at_,
            .delivered = delivered_,
            .lost = lost,
            .in_network = in_network,
            .is_application_limited = is_application_limited()};
  }
  void on_sent(SentSegment& segment, Instant now, std::uint32_t in_network,
               std::uint32_t lost) noexcept {
    segment.then = on_sent(now, segment.length, in_network, lost);
  }
  /// There is nothing more to send, with `in_network` under way: samples of these, and of what
  /// leaves until they have arrived, tell the application's rate and not the path's.
  void on_application_limited(std::uint32_t in_network) noexcept {
    limited_until_ = std::max<std::uint64_t>(delivered_ + in_network, 1);
  }
  /// What an ACK of now says has arrived.
  struct News {
    Instant now{};
    std::uint32_t delivered = 0;  ///< Octets that have newly arrived.
    /// When that left which left last, and what was known then; null where it is uncertain.
    const FlightSnapshot* then = nullptr;
    Instant sent_at{};
  };

  /// The same for whoever wants no sample.
  void note_ack(const News& news) noexcept {
    if (news.delivered > 0) {
      delivered_ += news.delivered;
      delivered_at_ = news.now;
    }
    if (limited_until_ != 0 && delivered_ > limited_until_) {
      limited_until_ = 0;
    }
    if (news.then != nullptr) {
      first_sent_at_ = std::max(first_sent_at_, news.sent_at);
    }
  }
  /// `lost` octets, in all, were taken for lost.
  [[nodiscard]] RateSample on_ack(const News& news, std::uint32_t lost, Duration min_rtt) noexcept;
  [[nodiscard]] RateSample on_ack(const DeliveryLog& log, std::uint32_t delivered,
                                  std::uint32_t lost, Duration min_rtt) noexcept {
    const auto& newest = log.newest();
    return on_ack({.now = log.now(),
                   .delivered = delivered,
                   .then = newest ? &newest->then : nullptr,
                   .sent_at = newest ? newest->sent_at : Instant{}},
                  lost, min_rtt);
  }
  /// Octets that have arrived since the opening.
  [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_; }
  [[nodiscard]] bool is_application_limited() const noexcept { return limited_until_ != 0; }

 private:
  Instant first_sent_at_{};
  Instant delivered_at_{};
  std::uint64_t delivered_ = 0;
  std::uint64_t limited_until_ = 0;  // Of `delivered_`; zero: it is not.
};

}  // namespace millrace::tcp
