// A path for congestion controllers alone: flows with endless data, one queue in front of one link,
// a fixed delay behind it. No connection, no wire: what arrives is acknowledged, what the queue has
// no room for is lost, and the sender learns of it by later arrivals. Deterministic to the
// nanosecond.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include <gtest/gtest.h>

#include "tcp/bbr.hpp"
#include "tcp/congestion.hpp"

namespace millrace::tcp::test {

struct LinkSettings {
  std::uint64_t bytes_per_second = 12'500'000;
  Duration round_trip = std::chrono::milliseconds{20};
  std::uint32_t queue_bytes = 250'000;
  std::uint32_t mark_bytes = 0;   ///< ECN marks from that backlog on; 0: never.
  std::uint32_t lose_one_in = 0;  ///< Every so many segments one is lost; 0: none.
  std::uint32_t mss = 1'448;
};

/// One sender.
struct Flow {
  struct Sent {
    std::uint64_t seq;
    Instant at;
    Instant first_sent_at;
    Instant delivered_at;
    std::uint64_t delivered;
    std::uint64_t lost;
    std::uint32_t in_network;
    bool is_marked;
  };

  Congestion congestion;
  std::deque<Sent> in_flight;            // In the order in which they left.
  std::vector<std::uint64_t> to_repeat;  // Segments lost, by number.
  std::deque<bool> arrived;              // From `una` on.
  std::uint64_t una = 0;
  std::uint64_t nxt = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint32_t in_network = 0;
  Instant delivered_at{};
  Instant first_sent_at{};
  Instant next_send_at{};
  Instant progress_at{};
  Duration srtt{};
  Duration min_rtt{};
  std::optional<std::uint64_t> recovery_end;
  std::optional<std::uint64_t> reduced_until;
  bool is_window_limited = false;
  bool is_waiting = false;  // For its pacing.
  bool is_started = false;
  unsigned timeouts = 0;
  unsigned recoveries = 0;
};

class Bottleneck {
 public:
  explicit Bottleneck(const LinkSettings& settings) : settings_{settings} {}

  /// A flow that begins at `start`.
  Flow& add(CongestionKind kind, Duration start = {}) {
    flows_.emplace_back();
    EXPECT_TRUE(
        flows_.back().congestion.start(kind, initial_window_bytes(10, settings_.mss), &pool_));
    schedule(Instant{start}, Event::Kind::Start, flows_.size() - 1);
    return flows_.back();
  }
  void run_until(Duration end);

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t most_queued() const { return most_queued_; }
  void forget_most_queued() { most_queued_ = 0; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  /// Octets in the queue, on average over the segments that came since.
  [[nodiscard]] double mean_queued() const {
    return queued_sum_ / static_cast<double>(queued_count_);
  }
  void forget_mean_queued() { queued_sum_ = 0, queued_count_ = 0; }

 private:
  struct Event {
    enum class Kind : std::uint8_t { Start, Arrival, Pacing, Timer };
    Instant at;
    std::uint64_t order;
    Kind kind;
    std::size_t flow;
    Flow::Sent sent;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void schedule(Instant at, Event::Kind kind, std::size_t flow, const Flow::Sent& sent = {}) {
    events_.push({at, ++order_, kind, flow, sent});
  }
  [[nodiscard]] PathView view(const Flow& flow) const;
  void send(std::size_t index);
  void send_one(std::size_t index);
  void on_arrival(std::size_t index, const Flow::Sent& sent);
  void detect_losses(Flow& flow, const Flow::Sent& newest, AckSample& sample);
  void lose(Flow& flow, const Flow::Sent& sent, AckSample& sample);
  void on_timer(std::size_t index);

  LinkSettings settings_;
  BbrPool pool_{16, 1};
  std::deque<Flow> flows_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  Instant now_{};
  Instant busy_until_{};
  std::uint64_t most_queued_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t passed_ = 0;
  double queued_sum_ = 0;
  std::uint64_t queued_count_ = 0;
};

inline void Bottleneck::run_until(Duration end) {
  while (!events_.empty() && events_.top().at <= Instant{end}) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    Flow& flow = flows_[event.flow];
    switch (event.kind) {
      case Event::Kind::Start:
        flow.is_started = true;
        flow.srtt = flow.min_rtt = settings_.round_trip;
        flow.delivered_at = flow.first_sent_at = flow.progress_at = now_;
        schedule(now_ + std::chrono::milliseconds{200}, Event::Kind::Timer, event.flow);
        break;
      case Event::Kind::Arrival: on_arrival(event.flow, event.sent); break;
      case Event::Kind::Pacing: flow.is_waiting = false; break;
      case Event::Kind::Timer: on_timer(event.flow); break;
    }
    send(event.flow);
  }
  now_ = Instant{end};
}

inline PathView Bottleneck::view(const Flow& flow) const {
  PathView path;
  path.now = now_;
  path.mss = settings_.mss;
  path.in_network = flow.in_network;
  const auto number = [&](std::uint64_t segment) {
    return SeqNum{static_cast<std::uint32_t>(segment * settings_.mss + 0xf000'0000U)};
  };
  path.snd_una = number(flow.una);
  path.snd_nxt = number(flow.nxt);
  path.srtt = flow.srtt;
  path.min_rtt = flow.min_rtt;
  return path;
}

inline void Bottleneck::send(std::size_t index) {
  Flow& flow = flows_[index];
  while (!flow.is_waiting) {
    if (flow.in_network + settings_.mss > std::max(flow.congestion.window(), settings_.mss)) {
      flow.is_window_limited = true;
      return;
    }
    const std::uint64_t rate = flow.congestion.pacing_rate();
    if (rate > 0 && flow.next_send_at > now_) {
      flow.is_waiting = true;
      schedule(flow.next_send_at, Event::Kind::Pacing, index);
      return;
    }
    flow.congestion.on_sent(view(flow), settings_.mss);
    send_one(index);
    if (rate > 0) {
      flow.next_send_at =
          now_ + Duration{static_cast<std::int64_t>(settings_.mss * 1'000'000'000ULL / rate)};
    }
  }
}

inline void Bottleneck::send_one(std::size_t index) {
  Flow& flow = flows_[index];
  if (flow.in_network == 0) {
    flow.first_sent_at = flow.delivered_at = now_;
  }
  flow.in_network += settings_.mss;
  Flow::Sent sent{.seq = flow.nxt,
                  .at = now_,
                  .first_sent_at = flow.first_sent_at,
                  .delivered_at = flow.delivered_at,
                  .delivered = flow.delivered,
                  .lost = flow.lost,
                  .in_network = flow.in_network,
                  .is_marked = false};
  if (flow.to_repeat.empty()) {
    ++flow.nxt;
    flow.arrived.push_back(false);
  } else {
    sent.seq = flow.to_repeat.front();
    flow.to_repeat.erase(flow.to_repeat.begin());
  }
  busy_until_ = std::max(busy_until_, now_);
  const auto queued = static_cast<std::uint64_t>((busy_until_ - now_).count()) *
                      settings_.bytes_per_second / 1'000'000'000;
  most_queued_ = std::max(most_queued_, queued);
  queued_sum_ += static_cast<double>(queued);
  ++queued_count_;
  ++passed_;
  flow.in_flight.push_back(sent);
  const bool is_unlucky = settings_.lose_one_in != 0 && passed_ % settings_.lose_one_in == 0;
  if (queued + settings_.mss > settings_.queue_bytes || is_unlucky) {
    ++dropped_;
    return;
  }
  sent.is_marked = settings_.mark_bytes != 0 && queued > settings_.mark_bytes;
  busy_until_ += Duration{
      static_cast<std::int64_t>(settings_.mss * 1'000'000'000ULL / settings_.bytes_per_second)};
  schedule(busy_until_ + settings_.round_trip, Event::Kind::Arrival, index, sent);
}

inline void Bottleneck::on_arrival(std::size_t index, const Flow::Sent& sent) {
  Flow& flow = flows_[index];
  const auto it = std::find_if(flow.in_flight.begin(), flow.in_flight.end(), [&](const auto& each) {
    return each.seq == sent.seq && each.at == sent.at;
  });
  if (it == flow.in_flight.end()) {
    return;  // It counted as lost.
  }
  flow.in_flight.erase(it);
  AckSample sample;
  sample.prior_in_network = flow.in_network;
  flow.in_network -= settings_.mss;
  flow.delivered += settings_.mss;
  flow.delivered_at = now_;
  flow.progress_at = now_;
  flow.arrived[sent.seq - flow.una] = true;
  const std::uint64_t old_una = flow.una;
  while (!flow.arrived.empty() && flow.arrived.front()) {
    flow.arrived.pop_front();
    ++flow.una;
  }
  sample.newly_acked = static_cast<std::uint32_t>(flow.una - old_una) * settings_.mss;
  sample.newly_delivered = settings_.mss;
  sample.rtt = now_ - sent.at;
  flow.srtt = (7 * flow.srtt + *sample.rtt) / 8;
  flow.min_rtt = std::min(flow.min_rtt, *sample.rtt);
  detect_losses(flow, sent, sample);
  sample.rate.delivered = flow.delivered;
  sample.rate.prior_delivered = sent.delivered;
  sample.rate.lost = flow.lost;
  sample.rate.lost_meanwhile = static_cast<std::uint32_t>(flow.lost - sent.lost);
  sample.rate.in_network_then = sent.in_network;
  sample.rate.interval = std::max(sent.at - sent.first_sent_at, now_ - sent.delivered_at);
  flow.first_sent_at = sent.at;
  sample.is_window_limited = flow.is_window_limited;
  sample.is_congestion_echo = sent.is_marked;
  flow.is_window_limited = false;
  if (flow.recovery_end && flow.una >= *flow.recovery_end) {
    flow.recovery_end.reset();
    flow.congestion.on_recovery_end(view(flow));
  }
  if (sample.newly_lost > 0 && !flow.recovery_end) {
    flow.congestion.on_loss(view(flow));
    flow.recovery_end = flow.nxt;
    ++flow.recoveries;
    if (!flow.congestion.moves_own_window()) {
      flow.congestion.set_window(flow.congestion.ssthresh());
    }
  }
  sample.is_recovering = flow.recovery_end.has_value();
  flow.congestion.on_ack(sample, view(flow));
  if (flow.reduced_until && flow.una > *flow.reduced_until) {
    flow.reduced_until.reset();
  }
  if (sent.is_marked && !flow.reduced_until) {
    flow.congestion.on_congestion_echo(view(flow));
    flow.reduced_until = flow.nxt;
  }
}

inline void Bottleneck::detect_losses(Flow& flow, const Flow::Sent& newest, AckSample& sample) {
  // Nothing overtakes anything here: what left before is lost.
  while (!flow.in_flight.empty() && flow.in_flight.front().at < newest.at) {
    const Flow::Sent sent = flow.in_flight.front();
    flow.in_flight.pop_front();
    lose(flow, sent, sample);
  }
}

inline void Bottleneck::lose(Flow& flow, const Flow::Sent& sent, AckSample& sample) {
  flow.in_network -= settings_.mss;
  flow.lost += settings_.mss;
  sample.newly_lost += settings_.mss;
  flow.to_repeat.push_back(sent.seq);
}

inline void Bottleneck::on_timer(std::size_t index) {
  Flow& flow = flows_[index];
  const Duration rto = std::max<Duration>(std::chrono::milliseconds{200}, 2 * flow.srtt);
  if (!flow.in_flight.empty() && now_ - flow.progress_at >= rto) {
    AckSample unused;
    while (!flow.in_flight.empty()) {
      const Flow::Sent sent = flow.in_flight.front();
      flow.in_flight.pop_front();
      lose(flow, sent, unused);
    }
    flow.congestion.on_timeout(view(flow), true);
    flow.recovery_end.reset();
    flow.progress_at = now_;
    ++flow.timeouts;
  }
  schedule(now_ + std::chrono::milliseconds{50}, Event::Kind::Timer, index);
}

}  // namespace millrace::tcp::test
