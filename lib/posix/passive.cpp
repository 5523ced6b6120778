#include "posix/passive.hpp"

#include <algorithm>
#include <cerrno>

namespace millrace::posix {

Passive::Passive(const Parts& parts)
    : parts_{parts},
      sockets_{{.worker = parts.worker,
                .stack = parts.loop.stack(),
                .waiting = *this,
                .config = parts.config},
               {.sockets = parts.config.max_connections + parts.config.max_listeners,
                .udp_sockets = parts.config.max_udp_sockets + 64,
                .epoll_sets = 64,
                .watches = 2 * (parts.config.max_connections + parts.config.max_udp_sockets)}} {
  sleepers_.reserve(kThreadsMax);
  awake_.reserve(kThreadsMax);
}

void Passive::settle() {
  // Nothing here fills up for ever; the bound is against a mistake of ours.
  constexpr unsigned kTurnsMax = 10'000;
  bool has_happened = false;
  for (unsigned i = 0; i < kTurnsMax && parts_.loop.run_turn(); ++i) {
    has_happened = true;
  }
  if (has_happened) {
    tell_sleepers();
  }
}

void Passive::tell_sleepers() {
  ++generation_;
  changed_.notify_all();
}

int Passive::wait_as_driver(Instant until) {
  const std::uint64_t seen = generation_;
  settle();
  await_others();
  while (seen == generation_ && now() < until) {
    const Instant next = std::min(next_event().value_or(kForEver), until);
    if (next > driver_gives_up_ && until == kForEver) {
      return -EDEADLK;
    }
    go_to(next);
    await_others();
  }
  return 0;
}

int Passive::wait(Instant until, int /*descriptor*/) {
  if (std::this_thread::get_id() == driver_) {
    return wait_as_driver(until);
  }
  // What happens from here on is what the caller has not looked at, this turn of ours included.
  const std::uint64_t seen = generation_;
  settle();
  forget_awake(std::this_thread::get_id());
  Sleeper sleeper{.until = until, .seen = seen};
  sleepers_.push_back(&sleeper);
  rested_.notify_all();
  while (sleeper.seen == generation_ && now() < until) {
    changed_.wait(mutex_);
  }
  std::erase(sleepers_, &sleeper);
  awake_.push_back(std::this_thread::get_id());
  parts_.loop.stack().adopt();
  return 0;
}

bool Passive::others_rest() noexcept {
  const bool is_one_awake = std::ranges::any_of(
      awake_, [](std::thread::id thread) { return thread != std::this_thread::get_id(); });
  const bool has_one_to_look = std::ranges::any_of(sleepers_, [this](const Sleeper* sleeper) {
    return sleeper->seen != generation_ || now() >= sleeper->until;
  });
  return !is_one_awake && !has_one_to_look;
}

void Passive::await_others() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!others_rest()) {
    if (rested_.wait_until(mutex_, deadline) == std::cv_status::timeout) {
      awake_.clear();
      break;
    }
  }
  parts_.loop.stack().adopt();
}

void Passive::forget_awake(std::thread::id thread) noexcept { std::erase(awake_, thread); }

Instant Passive::ask_time(Duration creep) {
  const std::scoped_lock lock{mutex_};
  forget_awake(std::this_thread::get_id());
  rested_.notify_all();
  const Instant time = now();
  const auto next = next_event();
  if (!next || *next > time + creep) {
    parts_.clock.go_to(time + creep);
  } else {
    parts_.loop.stack().adopt();
    go_to(std::max(*next, time));
  }
  return time;
}

void Passive::let_pass(Duration time) {
  const std::scoped_lock lock{mutex_};
  parts_.loop.stack().adopt();
  settle();
  await_others();
  const Instant end = now() + time;
  for (auto next = next_event(); next && *next <= end; next = next_event()) {
    go_to(std::max(*next, now()));
    await_others();
  }
  if (now() < end) {
    go_to(end);
    await_others();
  }
}

timespec Passive::wall_clock() noexcept {
  if (!parts_.wall_clock_at_zero) {
    return Waiting::wall_clock();
  }
  const Duration time = *parts_.wall_clock_at_zero + now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
}

std::optional<Instant> Passive::next_event() const noexcept {
  std::optional<Instant> next = parts_.loop.next_deadline();
  for (const Sleeper* sleeper : sleepers_) {
    if (sleeper->until != kForEver && (!next || sleeper->until < *next)) {
      next = sleeper->until;
    }
  }
  return next;
}

/// To the next thing that happens, which then happens.
void Passive::go_to(Instant time) {
  parts_.clock.go_to(std::max(time, now()));
  settle();
  tell_sleepers();
}

}  // namespace millrace::posix
