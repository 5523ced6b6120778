// Passive: the second way of waiting: a stack behind a lock, that several threads call and nobody
// turns but those calls, on a clock that stands still until it is told to go on. A call that waits
// sleeps in the kernel until another thread has made something happen.
//
// Time never runs ahead of a thread: before the clock goes on, whoever was woken has to have gone
// to sleep again, or to have asked for the time after its call was over.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/time.hpp>
#include <millrace/worker.hpp>

#include "base/contract.hpp"
#include "posix/sockets.hpp"
#include "posix/waiting.hpp"
#include "runtime/clock.hpp"
#include "runtime/worker.hpp"
#include "stack/stack.hpp"

namespace millrace::posix {

/// Stands still; for one lock's holder at a time.
class StandingClock final : public runtime::Clock {
 public:
  [[nodiscard]] Instant now() noexcept override { return now_; }
  void go_to(Instant time) noexcept {
    base::expects(time >= now_);
    now_ = time;
  }

 private:
  Instant now_{std::chrono::hours{1}};
};

class Passive final : public Waiting {
 public:
  /// All must outlive it.
  struct Parts {
    runtime::Worker& loop;
    Worker& worker;
    StandingClock& clock;
    const Config& config;
    /// What the wall clock showed when `clock` showed zero; empty: the kernel's clock is asked.
    std::optional<Duration> wall_clock_at_zero{};
  };

  explicit Passive(const Parts& parts);
  Passive(const Passive&) = delete;
  Passive& operator=(const Passive&) = delete;
  ~Passive() override = default;

  // From any thread.
  /// Calls `function(Sockets&)` and lets the stack do all that follows from it now.
  template <class Function>
  auto call(Function function) {
    const std::scoped_lock lock{mutex_};
    parts_.loop.stack().adopt();
    settle();
    if (std::this_thread::get_id() == driver_) {
      driver_gives_up_ = now() + kDriverPatience;
    }
    auto result = function(sockets_);
    settle();
    tell_sleepers();  // What a call changes need not be work for the stack.
    return result;
  }
  /// The same for what is beside the calls: packets that come or go.
  template <class Function>
  auto with_lock(Function function) {
    return call([&](Sockets&) { return function(); });
  }
  /// The time, for a caller who may have been woken: from now on it may go on.
  [[nodiscard]] Instant ask_time(Duration creep);
  /// Lets time pass, and all that is due on the way happen in order.
  void let_pass(Duration time);
  /// Lets time pass until `is_there` says so, at most until `limit` from now, and as long as
  /// something is still to happen. Returns whether it did.
  template <class Condition>
  [[nodiscard]] bool let_pass_until(Condition is_there, Duration limit);

  // For calls that wait, which hold the lock. A call of the thread that made this object, which
  // nobody else could wake, lets time pass itself, and ends with EDEADLK when nothing comes of it.
  [[nodiscard]] int wait(Instant until, int descriptor) override;
  void turn() override { settle(); }
  [[nodiscard]] Instant now() noexcept override { return parts_.clock.now(); }
  [[nodiscard]] timespec wall_clock() noexcept override;

 private:
  struct Sleeper {
    Instant until;
    std::uint64_t seen;
  };
  // How long a thread that was woken is waited for before time goes on without it.
  static constexpr std::chrono::seconds kPatience{1};
  // In virtual time.
  static constexpr std::chrono::hours kDriverPatience{1};
  static constexpr std::size_t kThreadsMax = 64;

  [[nodiscard]] int wait_as_driver(Instant until);
  void settle();
  void tell_sleepers();
  void await_others();
  [[nodiscard]] bool others_rest() noexcept;
  void forget_awake(std::thread::id thread) noexcept;
  [[nodiscard]] std::optional<Instant> next_event() const noexcept;
  void go_to(Instant time);

  Parts parts_;
  std::thread::id driver_ = std::this_thread::get_id();
  Instant driver_gives_up_{};
  std::mutex mutex_;
  std::condition_variable_any changed_;  // For sleepers.
  std::condition_variable_any rested_;   // For who lets time pass.
  std::uint64_t generation_ = 0;         // Of what has happened.
  std::vector<Sleeper*> sleepers_;
  std::vector<std::thread::id> awake_;  // Woken, and neither asleep again nor done.
  Sockets sockets_;
};

template <class Condition>
bool Passive::let_pass_until(Condition is_there, Duration limit) {
  const std::scoped_lock lock{mutex_};
  parts_.loop.stack().adopt();
  settle();
  await_others();
  const Instant end = now() + limit;
  while (!is_there()) {
    const auto next = next_event();
    if (!next || *next > end) {
      return false;
    }
    go_to(*next);
    await_others();
  }
  return true;
}

}  // namespace millrace::posix
