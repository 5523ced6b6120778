// A line that could go on for ever lets others have their turn by a timer.
#include "perf/stream_traffic.hpp"

#include <algorithm>
#include <limits>

namespace perf {
namespace {

constexpr std::size_t kSourceLeast = 64UL * 1024;

}  // namespace

std::size_t source_bytes(const Plan& plan) noexcept {
  const auto share = static_cast<std::size_t>(plan.buffer_bytes / plan.connections);
  return std::max(share / kSourceLeast * kSourceLeast, kSourceLeast);
}

StreamTraffic::StreamTraffic(TestBed& bed, Targets& targets, std::uint64_t count,
                             TrafficObserver& observer)
    : bed_{bed},
      count_{count},
      observer_{observer},
      opener_{bed.transport, targets, bed.plan.connections},
      lines_(bed.plan.connections) {
  for (auto& line : lines_) {
    line.set_source(std::vector<std::byte>(bed.plan.client_sends ? source_bytes(bed.plan) : 0));
  }
}

void StreamTraffic::open() {
  opener_.go_on(*this);
  breakdown_ = opener_.breakdown();
}

void StreamTraffic::on_open(Channel& channel) {
  const Pattern pattern = pattern_of(bed_.plan, channel.tag());
  const Pattern answer = pattern_of(bed_.plan, 0).answer();
  lines_[channel.tag()].begin(channel, pattern, Checker{answer}, bed_.plan.client_sends);
  ++alive_;
  ++bed_.tally.opened;
  opener_.report_open();
  open();
  if (opener_.is_complete() || !breakdown_.empty()) {
    observer_.on_traffic_changed();
  }
}

void StreamTraffic::start() {
  is_flowing_ = true;
  for (std::uint32_t i = 0; i < lines_.size(); ++i) {
    pump(i);
  }
}

void StreamTraffic::pump(std::uint32_t number) {
  if (!is_flowing_ || !bed_.plan.client_sends) {
    return;
  }
  const std::uint64_t left = count_ == 0 ? std::numeric_limits<std::uint64_t>::max()
                                         : count_ - std::min(count_, bed_.tally.bytes_out);
  const bool wants_more = lines_[number].pump(bed_, left);
  if (has_reached_count()) {
    observer_.on_traffic_changed();
  } else if (wants_more &&
             !bed_.transport.after(millrace::Duration::zero(), [this, number] { pump(number); })) {
    breakdown_ = "no timer is free to go on sending";
    observer_.on_traffic_changed();
  }
}

void StreamTraffic::on_readable(Channel& channel) {
  if (!lines_[channel.tag()].take(bed_)) {
    channel.abort();
    return;
  }
  if (has_reached_count()) {
    observer_.on_traffic_changed();
  }
}

void StreamTraffic::on_writable(Channel& channel) { pump(channel.tag()); }

bool StreamTraffic::has_reached_count() const {
  const std::uint64_t done = bed_.plan.client_sends ? bed_.tally.bytes_out : bed_.tally.bytes_in;
  return count_ != 0 && done >= count_;
}

void StreamTraffic::stop() {
  is_flowing_ = false;
  is_stopping_ = true;
  for (auto& line : lines_) {
    line.stop();
  }
}

void StreamTraffic::abort() {
  is_flowing_ = false;
  is_stopping_ = true;
  for (auto& line : lines_) {
    if (line.channel() != nullptr) {
      line.channel()->abort();
    }
  }
}

void StreamTraffic::on_finished(Channel& channel) {
  if (!is_stopping_) {
    bed_.note_failure("connection to " + channel.peer(), millrace::Error::EndOfStream);
  }
  lines_[channel.tag()].on_finished();
}

void StreamTraffic::on_closed(Channel& channel, millrace::Result<void> outcome) {
  StreamLine& line = lines_[channel.tag()];
  if (line.channel() == nullptr) {  // It was never open.
    ++bed_.tally.failed;
    opener_.report_failure(outcome ? millrace::Error::ConnectionAborted : outcome.error());
    breakdown_ = opener_.breakdown();
    observer_.on_traffic_changed();
    return;
  }
  if (outcome) {
    ++bed_.tally.closed;
  } else if (outcome.error() == millrace::Error::ConnectionAborted) {
    ++bed_.tally.failed;
  } else {
    bed_.note_failure("connection " + std::to_string(channel.tag()), outcome.error());
  }
  line.on_closed();
  --alive_;
  if (alive_ == 0) {
    breakdown_ = is_stopping_ ? "" : "no connection is left";
    observer_.on_traffic_changed();
  }
}

}  // namespace perf
