#include "sim/real_time.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

namespace millrace::sim {

Watch Watch::real() {
  using Clock = std::chrono::steady_clock;
  const auto now = [] { return Instant{Clock::now().time_since_epoch()}; };
  const auto wait = [now](Instant until, std::span<pollfd> descriptors) {
    const auto rest = std::max(until - now(), Duration{});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rest);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (rest - seconds).count()};
    static_cast<void>(::ppoll(descriptors.data(), descriptors.size(), &time, nullptr));
  };
  return {.now = now, .wait = wait};
}

RealTime::RealTime(World& world, Duration limit, Watch watch)
    : world_{world},
      limit_{limit},
      watch_{std::move(watch)},
      begin_{world.now()},
      real_begin_{watch_.now()} {}

Result<bool, std::string> RealTime::run_until(std::move_only_function<bool()> condition,
                                              Duration limit) {
  const Instant end = world_.now() + limit;
  // Time that passed while nobody drove the world is not made up for.
  begin_ = world_.now();
  real_begin_ = watch_.now();
  Instant due = begin_;
  while (true) {
    const Instant time = std::min(due_time(), end);
    note_look(time, due);
    const bool has_hope = catch_up(time);
    if (world_.failure()) {
      return fail(*world_.failure());
    }
    for (const auto& tap : world_.tap_hosts()) {
      if (tap->failure()) {
        return fail(*tap->failure());
      }
    }
    if (condition()) {
      return true;
    }
    if (time >= end || !has_hope) {
      return false;
    }
    due = std::min({world_.next_time().value_or(end), time + kLook, end});
    wait(due);
  }
}

bool RealTime::catch_up(Instant time) {
  // What was to happen before the kernels' frames came, then these, then what they cause at once.
  while (world_.now() < time && !world_.failure()) {
    const Duration behind = due_time() - time;
    if (behind > kHopeless) {
      note_look(time + behind, time);
      return false;
    }
    world_.run_for(std::min(time - world_.now(), kLook));
  }
  for (const auto& tap : world_.tap_hosts()) {
    static_cast<void>(tap->take_in());
  }
  world_.run_for(Duration{});
  return true;
}

void RealTime::note_look(Instant time, Instant due) {
  const Duration late = std::max(time - due, Duration{});
  lateness_.worst = std::max(lateness_.worst, late);
  lateness_.sum += late;
  ++lateness_.looks;
  lateness_.late_looks += late > limit_ ? 1 : 0;
}

void RealTime::wait(Instant due) {
  polled_.clear();
  for (const auto& tap : world_.tap_hosts()) {
    polled_.push_back({.fd = tap->descriptor(), .events = POLLIN, .revents = 0});
  }
  for (const int descriptor : heeded_) {
    polled_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
  }
  watch_.wait(real_begin_ + (due - begin_), polled_);
}

}  // namespace millrace::sim
