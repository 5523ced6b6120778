// Slots are used again as soon as their connection has ended at both ends.
#include "perf/connect_traffic.hpp"

#include <chrono>

namespace perf {
namespace {

constexpr millrace::Duration kScheduleTick = std::chrono::microseconds{20};
constexpr millrace::Duration kRestAfterFailure = std::chrono::milliseconds{10};
constexpr std::uint64_t kFailuresMax = 100;  // In a row: then there is nothing to be measured.

}  // namespace

ConnectTraffic::ConnectTraffic(TestBed& bed, Targets& targets, const Pace& pace,
                               TrafficObserver& observer)
    : bed_{bed}, targets_{targets}, pace_{pace}, observer_{observer}, slots_(bed.plan.connections) {
  for (std::uint32_t i = bed.plan.connections; i > 0; --i) {
    free_.push_back(i - 1);
  }
}

void ConnectTraffic::start() {
  is_flowing_ = true;
  if (pace_.rate) {
    schedule_ = Schedule{bed_.clock.now(), *pace_.rate, 1, bed_.clock};
    follow_schedule();
  } else {
    begin_in_turn();
  }
}

void ConnectTraffic::follow_schedule() {
  if (!is_flowing_) {
    return;
  }
  begin_in_turn();
  if (!bed_.transport.after(kScheduleTick, [this] { follow_schedule(); })) {
    breakdown_ = "no timer is free to open connections when they are due";
    observer_.on_traffic_changed();
  }
}

bool ConnectTraffic::may_begin() const noexcept {
  return is_flowing_ && !free_.empty() && (pace_.count == 0 || begun_ < pace_.count);
}

// Every free slot gets its connection, in an open loop as far as they are due.
void ConnectTraffic::begin_in_turn() {
  const Ticks now = bed_.clock.now();
  const std::uint64_t due = pace_.rate ? schedule_.due_by(now) : ~std::uint64_t{0};
  while (may_begin() && begun_ < due) {
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    begin(slot, pace_.rate ? schedule_.due(begun_) : now);
  }
}

void ConnectTraffic::begin(std::uint32_t number, Ticks since) {
  Slot& slot = slots_[number];
  const Pattern pattern = pattern_of(bed_.plan, begun_);
  ++begun_;
  slot.request = Outgoing{pattern};
  slot.response = Checker{pattern.answer()};
  slot.since = since;
  const Target target = targets_.next();
  const auto channel = bed_.transport.connect(target.peer, target.local, *this, number);
  if (!channel) {
    bed_.note_failure("connection to " + target.peer.to_string(), channel.error());
    ++ended_;
    rest(number);
    return;
  }
  slot.channel = *channel;
  ++alive_;
}

// What was missing may be there again in a moment.
void ConnectTraffic::rest(std::uint32_t number) {
  ++failures_in_row_;
  if (failures_in_row_ >= kFailuresMax) {
    breakdown_ = std::to_string(kFailuresMax) + " connections in a row have failed";
    observer_.on_traffic_changed();
  }
  const bool is_set = bed_.transport.after(kRestAfterFailure, [this, number] {
    free_.push_back(number);
    begin_in_turn();
  });
  if (!is_set) {
    free_.push_back(number);
  }
}

void ConnectTraffic::on_open(Channel& channel) {
  Slot& slot = slots_[channel.tag()];
  ++bed_.tally.opened;
  slot.request.owe(bed_.plan.request_bytes);
  slot.request.pump(channel, bed_);
}

void ConnectTraffic::on_writable(Channel& channel) {
  slots_[channel.tag()].request.pump(channel, bed_);
}

void ConnectTraffic::on_readable(Channel& channel) {
  Slot& slot = slots_[channel.tag()];
  for (auto bytes = channel.receive(); !bytes.empty(); bytes = channel.receive()) {
    const bool is_right = slot.response.take(bytes, bed_.plan.seed, bed_.plan.verify);
    if (!is_right || slot.response.position() > bed_.plan.response_bytes) {
      bed_.note_corruption(channel, slot.response);
      channel.abort();
      return;
    }
    bed_.tally.bytes_in += bytes.size();
    if (slot.response.position() == bed_.plan.response_bytes && bed_.is_measuring) {
      const Ticks now = bed_.clock.now();
      bed_.latency.add(bed_.clock.nanoseconds(now > slot.since ? now - slot.since : 0));
    }
  }
}

// The server has closed: in order only behind the whole response.
void ConnectTraffic::on_finished(Channel& channel) {
  if (slots_[channel.tag()].response.position() == bed_.plan.response_bytes) {
    channel.close();
  } else {
    bed_.problems.add("the server closed before its response was whole: " + channel.peer());
    channel.abort();
  }
}

void ConnectTraffic::on_closed(Channel& channel, millrace::Result<void> outcome) {
  const std::uint32_t number = channel.tag();
  Slot& slot = slots_[number];
  slot.channel = nullptr;
  --alive_;
  ++ended_;
  const bool is_whole = slot.response.position() == bed_.plan.response_bytes;
  if (outcome && is_whole) {
    ++bed_.tally.closed;
    ++bed_.tally.exchanges;
    failures_in_row_ = 0;
    free_.push_back(number);
    begin_in_turn();
  } else {
    bed_.tally.lost += is_whole ? 0 : 1;
    bed_.note_failure("a connection", outcome ? millrace::Error::EndOfStream : outcome.error());
    rest(number);
  }
  if (has_reached_count() || is_over()) {
    observer_.on_traffic_changed();
  }
}

bool ConnectTraffic::has_reached_count() const { return pace_.count != 0 && ended_ >= pace_.count; }

void ConnectTraffic::stop() {
  is_flowing_ = false;
  is_stopping_ = true;
}

void ConnectTraffic::abort() {
  stop();
  for (auto& slot : slots_) {
    if (slot.channel != nullptr) {
      slot.channel->abort();
    }
  }
}

}  // namespace perf
