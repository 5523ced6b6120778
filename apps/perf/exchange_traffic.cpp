// One reading of the clock for each piece of a stream that arrives; it ends the answers in it and
// begins the requests that follow.
#include "perf/exchange_traffic.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace perf {
namespace {

// As fine as Millrace's timers; requests that are due are also looked for whenever answers arrive.
constexpr millrace::Duration kScheduleTick = std::chrono::microseconds{20};
constexpr millrace::Duration kReconnectRest = std::chrono::milliseconds{10};

}  // namespace

template <class Dialog>
ExchangeTraffic<Dialog>::ExchangeTraffic(TestBed& bed, Targets& targets, const Pace& pace,
                                         TrafficObserver& observer, typename Dialog::Shared shared)
    : bed_{bed},
      pace_{pace},
      observer_{observer},
      targets_{targets},
      shared_{std::move(shared)},
      opener_{bed.transport, targets, bed.plan.connections},
      times_{bed.plan.connections, bed.plan.depth} {
  lines_.reserve(bed.plan.connections);
  for (std::size_t i = 0; i < bed.plan.connections; ++i) {
    lines_.push_back({.dialog = Dialog{shared_, bed, i}});
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::open() {
  opener_.go_on(*this);
  breakdown_ = opener_.breakdown();
}

template <class Dialog>
void ExchangeTraffic<Dialog>::on_open(Channel& channel) {
  Line& line = lines_[channel.tag()];
  line.channel = &channel;
  ++alive_;
  ++bed_.tally.opened;
  if (std::exchange(line.was_open, true)) {
    begin_anew(channel.tag());
    return;
  }
  opener_.report_open();
  open();
  if (opener_.is_complete() || !breakdown_.empty()) {
    observer_.on_traffic_changed();
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::start() {
  is_flowing_ = true;
  const Ticks now = bed_.clock.now();
  if (pace_.rate) {
    schedule_ = Schedule{now, *pace_.rate, bed_.plan.connections, bed_.clock};
    follow_schedule();
    return;
  }
  for (std::uint32_t i = 0; i < lines_.size(); ++i) {
    issue(i, now);
  }
}

// Deals out what has become due. A line whose requests are all on their way catches up later.
template <class Dialog>
void ExchangeTraffic<Dialog>::follow_schedule() {
  if (!is_flowing_) {
    return;
  }
  const Ticks now = bed_.clock.now();
  for (const std::uint64_t due = schedule_.due_by(now); scheduled_ < due; ++scheduled_) {
    const std::uint32_t number = next_line_;
    next_line_ = next_line_ + 1 < lines_.size() ? next_line_ + 1 : 0;
    ++lines_[number].due;
    issue(number, now);
  }
  if (!bed_.transport.after(kScheduleTick, [this] { follow_schedule(); })) {
    breakdown_ = "no timer is free to send requests when they are due";
    observer_.on_traffic_changed();
  }
}

template <class Dialog>
bool ExchangeTraffic<Dialog>::may_issue(std::uint32_t number) const noexcept {
  const Line& line = lines_[number];
  return is_flowing_ && line.channel != nullptr && !times_.is_full(number) &&
         (pace_.count == 0 || issued_ < pace_.count) && (!pace_.rate || line.issued < line.due);
}

// As many as may be on their way, in one go.
template <class Dialog>
void ExchangeTraffic<Dialog>::issue(std::uint32_t number, Ticks now) {
  Line& line = lines_[number];
  if (!may_issue(number)) {
    return;
  }
  do {
    times_.put(number, pace_.rate ? schedule_.due_on(number, line.issued) : now);
    ++line.issued;
    ++issued_;
    line.dialog.ask(bed_);
  } while (may_issue(number));
  line.dialog.pump(*line.channel, bed_);
}

template <class Dialog>
void ExchangeTraffic<Dialog>::on_readable(Channel& channel) {
  const std::uint32_t number = channel.tag();
  Line& line = lines_[number];
  const Ticks now = bed_.clock.now();
  for (auto bytes = channel.receive(); !bytes.empty(); bytes = channel.receive()) {
    const auto ended = line.dialog.take(bytes, times_.waiting(number), channel, bed_);
    if (!ended) {
      give_up(line);
      return;
    }
    count_answers(number, *ended, now);
  }
  if (is_stopping_) {
    close_if_done(number);
  } else {
    issue(number, now);
  }
  if (has_reached_count()) {
    observer_.on_traffic_changed();
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::count_answers(std::uint32_t number, std::uint32_t ended, Ticks now) {
  answered_ += ended;
  bed_.tally.exchanges += ended;
  for (std::uint32_t i = 0; i < ended; ++i) {
    const Ticks since = times_.take(number);
    if (bed_.is_measuring) {
      bed_.latency.add(bed_.clock.nanoseconds(now > since ? now - since : 0));
    }
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::on_writable(Channel& channel) {
  lines_[channel.tag()].dialog.pump(channel, bed_);
}

template <class Dialog>
bool ExchangeTraffic<Dialog>::has_reached_count() const {
  return pace_.count != 0 && answered_ >= pace_.count;
}

template <class Dialog>
void ExchangeTraffic<Dialog>::stop() {
  is_flowing_ = false;
  is_stopping_ = true;
  for (std::uint32_t i = 0; i < lines_.size(); ++i) {
    close_if_done(i);
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::close_if_done(std::uint32_t number) {
  Line& line = lines_[number];
  if (line.channel != nullptr && times_.waiting(number) == 0) {
    line.channel->close();
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::give_up(Line& line) {
  line.is_broken = true;
  if (line.channel != nullptr) {
    line.channel->abort();
  }
}

template <class Dialog>
bool ExchangeTraffic<Dialog>::is_over() const {
  return is_stopping_ && alive_ == 0;
}

template <class Dialog>
void ExchangeTraffic<Dialog>::abort() {
  is_flowing_ = false;
  is_stopping_ = true;
  for (auto& line : lines_) {
    give_up(line);
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::on_finished(Channel& channel) {
  const std::uint32_t number = channel.tag();
  Line& line = lines_[number];
  bool is_in_order = times_.waiting(number) == 0 && (is_stopping_ || Dialog::kReconnects);
  if constexpr (Dialog::kReconnects) {
    is_in_order = is_in_order || line.dialog.is_last();
  }
  if (!is_in_order) {
    bed_.note_failure("connection to " + channel.peer(), millrace::Error::EndOfStream);
    line.is_broken = true;
  }
  channel.close();
}

template <class Dialog>
void ExchangeTraffic<Dialog>::on_closed(Channel& channel, millrace::Result<void> outcome) {
  const std::uint32_t number = channel.tag();
  Line& line = lines_[number];
  if (!line.was_open) {
    ++bed_.tally.failed;
    opener_.report_failure(outcome ? millrace::Error::ConnectionAborted : outcome.error());
    breakdown_ = opener_.breakdown();
    observer_.on_traffic_changed();
    return;
  }
  if (outcome) {
    ++bed_.tally.closed;
  } else if (outcome.error() == millrace::Error::ConnectionAborted) {
    ++bed_.tally.failed;  // Our own doing, and told of where it was done.
  } else {
    bed_.note_failure("connection " + std::to_string(number), outcome.error());
  }
  alive_ -= line.channel == nullptr ? 0 : 1;
  line.channel = nullptr;
  if (Dialog::kReconnects && outcome && !line.is_broken && !is_stopping_) {
    reconnect(number);
    return;
  }
  bed_.tally.lost += times_.waiting(number);
  times_.clear(number);
  if (alive_ == 0) {
    breakdown_ = is_stopping_ ? "" : "no connection is left";
    observer_.on_traffic_changed();
  }
}

template <class Dialog>
void ExchangeTraffic<Dialog>::reconnect(std::uint32_t number) {
  if (is_stopping_) {
    return;
  }
  const Target target = targets_.next();
  const auto channel = bed_.transport.connect(target.peer, target.local, *this, number);
  if (channel) {
    return;
  }
  bed_.note_failure("connection to " + target.peer.to_string(), channel.error());
  if (!bed_.transport.after(kReconnectRest, [this, number] { reconnect(number); })) {
    breakdown_ = "no timer is free to connect anew";
    observer_.on_traffic_changed();
  }
}

// What had no answer when the server ended the connection as it had said is asked again.
template <class Dialog>
void ExchangeTraffic<Dialog>::begin_anew(std::uint32_t number) {
  if constexpr (Dialog::kReconnects) {
    Line& line = lines_[number];
    line.dialog.restart();
    for (std::uint32_t i = 0; i < times_.waiting(number); ++i) {
      line.dialog.ask(bed_);
    }
    line.dialog.pump(*line.channel, bed_);
    if (is_stopping_) {
      close_if_done(number);
    } else {
      issue(number, bed_.clock.now());
    }
  }
}

template class ExchangeTraffic<PatternDialog>;
template class ExchangeTraffic<HttpDialog>;

}  // namespace perf
