// TimerWheel: every timer of one core, with arm and cancel in O(1) and links inside the timers.
// It knows deadlines alone. What a timer means, and reading the clock, are left to its user.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "base/intrusive_list.hpp"

namespace millrace::base {

/// One timer, embedded in what it belongs to. Must neither move nor die while armed.
struct TimerNode {
  [[nodiscard]] bool is_armed() const noexcept { return link.is_linked(); }

  ListLink link;
  std::uint64_t expiry_tick = 0;  ///< The wheel's.
  std::uint16_t slot = 0;         ///< The wheel's.
  std::uint8_t kind = 0;          ///< The user's, to know what has expired; not looked at here.
  std::uint32_t owner = 0;        ///< The user's likewise, such as a slot table's index.
};

/// Time is counted in ticks of 2^Shift ns since `start`, and a deadline is rounded up to a
/// tick: a timer fires at the first `advance` at or after that tick, never before its deadline, and
/// at most one tick late if `advance` is called often.
///
/// A tick is read as digits of base 256. A timer sits at the highest digit in which its tick
/// differs from the position:
///
///     digit          3        2        1        0
///     position    |  17 |  |   4 |  | 200 |  |   9 |   all ticks up to here are collected
///     timer at       17        4      200       31     level 0, slot 31: one tick
///     timer at       17        4      230       12     level 1, slot 230: 256 ticks
///     timer at       20      ...                       level 3, slot 20: 2^24 ticks
///
/// so that every occupied slot lies ahead of the position's digit in its level, and a lower level
/// is earlier throughout. Level 3 is a circle; timers further away than it reaches (2^32 ticks)
/// park in its last slot. When the position reaches the start of a slot, its timers are dealt out:
/// those that are due fire, the others go to slots below or, where they were moved lazily, to the
/// one that they belong in now. Bitmaps name the occupied slots, so a clock that steps ahead by
/// days visits those alone.
template <unsigned Shift>
class BasicTimerWheel {
 public:
  static constexpr unsigned kTickShift = Shift;
  static constexpr Duration kTick{std::int64_t{1} << kTickShift};

  /// How many timers `advance` may move between levels for each one that it may fire.
  static constexpr std::uint64_t kMovesPerExpiry = 16;

  explicit BasicTimerWheel(Instant start) noexcept;
  BasicTimerWheel(const BasicTimerWheel&) = delete;
  BasicTimerWheel& operator=(const BasicTimerWheel&) = delete;
  ~BasicTimerWheel() = default;  // Armed timers are left as they are: they may already be gone.

  /// Arms `node`, or moves it to another deadline if it is armed. A deadline that has passed fires
  /// at the next `advance`, also when it is armed from within one.
  void arm(TimerNode& node, Instant deadline) noexcept;

  /// The same, for deadlines that move ahead all the time: moving an armed timer to a later one
  /// costs next to nothing. It stays where it is until that place is reached, and only then goes to
  /// where it belongs; `next_deadline()` may be early by that much, and of the timers of one tick
  /// those that were moved so may fire in another order than they were armed in.
  void arm_lazily(TimerNode& node, Instant deadline) noexcept {
    if (node.is_armed() && node.expiry_tick > position_ && deadline > now_) [[likely]] {
      const std::uint64_t tick = tick_at_or_after(deadline);
      if (tick >= node.expiry_tick) {
        node.expiry_tick = tick;
        return;
      }
    }
    arm(node, deadline);
  }

  /// Does nothing if `node` is not armed.
  void cancel(TimerNode& node) noexcept;

  /// Disarms up to `max_expired` timers that are due, earliest tick first, and calls
  /// `on_expired(TimerNode&)` after each, which may arm, cancel or destroy any timer. Returns how
  /// many fired. What is left over because of `max_expired`, or because too many timers had to be
  /// moved (`kMovesPerExpiry`), is for the next call: while `next_deadline()` is not after `now`,
  /// there is more. A `now` before an earlier one counts as that earlier one.
  template <class F>
  std::uint32_t advance(Instant now, std::uint32_t max_expired, F&& on_expired);

  /// When `advance` is to be called next; nullopt if nothing is armed. Never later than the next
  /// expiry (the deadline rounded up to a tick). It is exact for a timer alone in its slot that was
  /// not moved lazily, otherwise earlier, by less than the slot's width if none was, and an
  /// `advance` at that time makes it finer: a timer within 2^32 ticks costs at most three such
  /// turns, and one more where it was left behind.
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;

  [[nodiscard]] std::uint32_t armed() const noexcept { return armed_; }

  /// Walks over all timers. For debug builds and tests.
  void check_invariants() const noexcept;

 private:
  static constexpr unsigned kLevels = 4;
  static constexpr unsigned kDigitBits = 8;
  static constexpr unsigned kSlotsPerLevel = 1U << kDigitBits;
  static constexpr std::uint16_t kNoSlot = kLevels * kSlotsPerLevel;

  using List = IntrusiveList<TimerNode, &TimerNode::link>;

  struct NextSlot {
    std::uint16_t slot;
    std::uint64_t start_tick;
  };

  [[nodiscard]] std::uint64_t elapsed_at(Instant time) const noexcept;
  [[nodiscard]] std::uint64_t tick_at_or_before(Instant time) const noexcept;
  [[nodiscard]] std::uint64_t tick_at_or_after(Instant time) const noexcept;
  [[nodiscard]] Instant instant_of(std::uint64_t tick) const noexcept;
  [[nodiscard]] unsigned digit_of_position(unsigned level) const noexcept;

  [[nodiscard]] bool has_nothing_new(Instant now) const noexcept;
  void collect(Instant now, std::uint64_t max_moves) noexcept;
  [[nodiscard]] bool deal_out(std::uint64_t& moves_left) noexcept;
  [[nodiscard]] bool is_dealing_out() const noexcept;
  void insert(TimerNode& node) noexcept;
  void unlink(TimerNode& node) noexcept;
  [[nodiscard]] std::uint16_t slot_for(std::uint64_t tick) const noexcept;
  [[nodiscard]] std::optional<NextSlot> find_next() const noexcept;
  [[nodiscard]] unsigned find_occupied(unsigned level, unsigned first) const noexcept;
  void mark_empty(std::uint16_t slot) noexcept;
  void check_slot(std::uint16_t slot) const noexcept;

  Instant start_;
  Instant now_;
  std::uint64_t position_ =
      0;  // Timers of every tick up to this one are in firing_, overdue_ or have fired.
  std::uint32_t armed_ = 0;
  std::uint16_t dealing_out_ =
      kNoSlot;    // The slot that starts at position_ and is still to be dealt out.
  List firing_;   // Due, in order; what an advance leaves is first in the next.
  List overdue_;  // Armed with a deadline that had passed; due at the next advance.
  std::array<std::array<std::uint64_t, kSlotsPerLevel / 64>, kLevels> occupied_{};
  std::array<List, std::size_t{kLevels} * kSlotsPerLevel> slots_;
};

inline constexpr unsigned kTimerTickShift = 15;
inline constexpr unsigned kPacingTickShift = 10;
/// Ticks of 32.8 us, up to 39 hours ahead: timeouts.
using TimerWheel = BasicTimerWheel<kTimerTickShift>;
/// Ticks of 1.02 us, up to 73 minutes ahead: when a paced segment may leave.
using PacingWheel = BasicTimerWheel<kPacingTickShift>;

extern template class BasicTimerWheel<kTimerTickShift>;
extern template class BasicTimerWheel<kPacingTickShift>;

// Nearly every turn of a loop is shorter than a tick and ends here.
template <unsigned Shift>
bool BasicTimerWheel<Shift>::has_nothing_new(Instant now) const noexcept {
  return tick_at_or_before(now < now_ ? now_ : now) == position_ && firing_.empty() &&
         overdue_.empty() && dealing_out_ == kNoSlot;
}

template <unsigned Shift>
std::uint64_t BasicTimerWheel<Shift>::elapsed_at(Instant time) const noexcept {
  if (time <= start_) {
    return 0;
  }
  // Unsigned, because two instants can lie further apart than a Duration reaches.
  return static_cast<std::uint64_t>(time.time_since_epoch().count()) -
         static_cast<std::uint64_t>(start_.time_since_epoch().count());
}

template <unsigned Shift>
std::uint64_t BasicTimerWheel<Shift>::tick_at_or_before(Instant time) const noexcept {
  return elapsed_at(time) >> kTickShift;
}

template <unsigned Shift>
std::uint64_t BasicTimerWheel<Shift>::tick_at_or_after(Instant time) const noexcept {
  constexpr std::uint64_t kWithinTick = (std::uint64_t{1} << kTickShift) - 1;
  const std::uint64_t elapsed = elapsed_at(time);
  return (elapsed >> kTickShift) + ((elapsed & kWithinTick) != 0 ? 1 : 0);
}

template <unsigned Shift>
template <class F>
std::uint32_t BasicTimerWheel<Shift>::advance(Instant now, std::uint32_t max_expired,
                                              F&& on_expired) {
  if (has_nothing_new(now)) {
    now_ = now < now_ ? now_ : now;
    return 0;
  }
  collect(now, max_expired * kMovesPerExpiry);
  std::uint32_t expired = 0;
  while (expired < max_expired) {
    TimerNode* const node = firing_.pop_front();
    if (node == nullptr) {
      break;
    }
    --armed_;
    ++expired;
    on_expired(*node);
  }
  return expired;
}

}  // namespace millrace::base
