// RealTime: drives a world by the real clock, so that hosts behind TAPs can take part: events wait
// for their time, and what the kernel sends enters the moment it is seen. A machine that is too
// busy makes the world late; how late is measured, for a run that was is worth nothing.
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "sim/world.hpp"

namespace millrace::sim {

/// How far a world was behind the real clock when it looked at it. What a kernel sends can have
/// waited for so long, and `RealTime::kLook` more.
struct Lateness {
  Duration worst{};
  Duration sum{};
  std::uint64_t looks = 0;
  std::uint64_t late_looks = 0;  ///< Beyond the limit.

  [[nodiscard]] Duration mean() const noexcept {
    return looks == 0 ? Duration{} : sum / static_cast<Duration::rep>(looks);
  }
};

/// A clock to go by, and how to wait by it.
struct Watch {
  std::move_only_function<Instant()> now;
  /// Until then, or until a descriptor has something; never fails, may return early.
  std::move_only_function<void(Instant until, std::span<pollfd> descriptors)> wait;

  /// The machine's.
  [[nodiscard]] static Watch real();
};

class RealTime {
 public:
  /// It looks at its clock that often at least.
  static constexpr Duration kLook = std::chrono::milliseconds{1};
  /// A world that is so far behind will not catch up.
  static constexpr Duration kHopeless = std::chrono::seconds{2};

  /// `world` must outlive it. Looks that are later than `limit` are counted.
  RealTime(World& world, Duration limit, Watch watch = Watch::real());

  /// Becoming readable, this descriptor has `run_until` ask its condition soon.
  void heed(int descriptor) { heeded_.push_back(descriptor); }
  /// Lets the world's time pass as the real one does: whether `condition` came true within
  /// `limit`. It is asked at every look. A world that is hopelessly late stops before, too. Error:
  /// the world has failed, or a TAP.
  [[nodiscard]] Result<bool, std::string> run_until(std::move_only_function<bool()> condition,
                                                    Duration limit);

  [[nodiscard]] const Lateness& lateness() const noexcept { return lateness_; }
  /// Whether the world never was later than it may.
  [[nodiscard]] bool is_in_time() const noexcept { return lateness_.late_looks == 0; }

 private:
  /// What the world's time should be.
  [[nodiscard]] Instant due_time() { return begin_ + (watch_.now() - real_begin_); }
  /// Whether there was hope.
  [[nodiscard]] bool catch_up(Instant time);
  void note_look(Instant time, Instant due);
  void wait(Instant due);

  World& world_;
  Duration limit_;
  Watch watch_;
  Instant begin_;
  Instant real_begin_;
  Lateness lateness_;
  std::vector<int> heeded_;
  std::vector<pollfd> polled_;
};

}  // namespace millrace::sim
