// The wheel's arithmetic: which slot a tick belongs to, which slot is next, and dealing out the
// slots of higher levels. Calling back, and the bound on it, stand in the header.
#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/contract.hpp"

namespace millrace::base {

static_assert(sizeof(TimerNode) == 32);

template <unsigned Shift>
BasicTimerWheel<Shift>::BasicTimerWheel(Instant start) noexcept : start_{start}, now_{start} {}

template <unsigned Shift>
void BasicTimerWheel<Shift>::arm(TimerNode& node, Instant deadline) noexcept {
  const bool is_past = deadline <= now_;
  const std::uint64_t tick = is_past ? position_ : tick_at_or_after(deadline);
  if (node.is_armed()) {
    // An RTO is moved with every ACK, mostly within one tick: that touches no neighbor in the list.
    // Such a node is in a slot, because those that are due have ticks no later than position_.
    if (node.expiry_tick == tick && tick > position_) {
      return;
    }
    unlink(node);
  } else {
    ++armed_;
  }
  node.expiry_tick = tick;
  if (is_past) {
    overdue_.push_back(node);
  } else {
    insert(node);
  }
}

template <unsigned Shift>
void BasicTimerWheel<Shift>::cancel(TimerNode& node) noexcept {
  if (node.is_armed()) {
    unlink(node);
    --armed_;
  }
}

template <unsigned Shift>
std::optional<Instant> BasicTimerWheel<Shift>::next_deadline() const noexcept {
  if (armed_ == 0) {
    return std::nullopt;
  }
  if (!firing_.empty() || !overdue_.empty() || is_dealing_out()) {
    return now_;
  }
  const std::optional<NextSlot> next = find_next();
  ensures(next.has_value());
  std::uint64_t tick = next->start_tick;
  const List& list = slots_[next->slot];
  if (list.has_one()) {
    // A parked timer lies beyond its slot's end, where other slots begin.
    const unsigned level = next->slot / kSlotsPerLevel;
    const std::uint64_t end_tick = tick + (std::uint64_t{1} << (kDigitBits * level));
    tick = std::min(list.front()->expiry_tick, end_tick);
  }
  return instant_of(tick);
}

// Moves everything due at `now` to firing_, in order of ticks, and the position to now's tick.
template <unsigned Shift>
void BasicTimerWheel<Shift>::collect(Instant now, std::uint64_t max_moves) noexcept {
  now_ = std::max(now_, now);
  const std::uint64_t now_tick = tick_at_or_before(now_);
  expects(now_tick >= position_);
  firing_.splice_back(overdue_);
  while (deal_out(max_moves)) {
    const std::optional<NextSlot> next = find_next();
    if (!next.has_value() || next->start_tick > now_tick) {
      position_ = now_tick;
      return;
    }
    position_ = next->start_tick;
    dealing_out_ = next->slot;
  }
}

// Goes on with the slot to be dealt out, if there is one. False if moves ran out first.
template <unsigned Shift>
bool BasicTimerWheel<Shift>::deal_out(std::uint64_t& moves_left) noexcept {
  if (dealing_out_ == kNoSlot) {
    return true;
  }
  List& list = slots_[dealing_out_];
  while (!list.empty()) {
    if (moves_left == 0) {
      return false;
    }
    --moves_left;
    TimerNode& node = *list.pop_front();
    if (node.expiry_tick <= position_) {
      firing_.push_back(node);
    } else {
      insert(node);
    }
  }
  mark_empty(dealing_out_);
  dealing_out_ = kNoSlot;
  return true;
}

template <unsigned Shift>
bool BasicTimerWheel<Shift>::is_dealing_out() const noexcept {
  return dealing_out_ != kNoSlot && !slots_[dealing_out_].empty();
}

template <unsigned Shift>
void BasicTimerWheel<Shift>::insert(TimerNode& node) noexcept {
  const std::uint16_t slot = slot_for(node.expiry_tick);
  node.slot = slot;
  slots_[slot].push_back(node);
  occupied_[slot / kSlotsPerLevel][slot % kSlotsPerLevel / 64] |= std::uint64_t{1} << (slot % 64);
}

// A node that is due may carry the number of a slot it is no longer in; that slot's mark is then
// right already.
template <unsigned Shift>
void BasicTimerWheel<Shift>::unlink(TimerNode& node) noexcept {
  List::unlink(node);
  if (slots_[node.slot].empty()) {
    mark_empty(node.slot);
  }
}

template <unsigned Shift>
std::uint16_t BasicTimerWheel<Shift>::slot_for(std::uint64_t tick) const noexcept {
  expects(tick > position_);
  constexpr unsigned kTopLevel = kLevels - 1;
  constexpr unsigned kTopShift = kDigitBits * kTopLevel;
  const std::uint64_t distance = (tick >> kTopShift) - (position_ >> kTopShift);
  unsigned level = kTopLevel;
  std::uint64_t digit = 0;
  if (distance == 0) {
    level = static_cast<unsigned>(std::bit_width(tick ^ position_) - 1) / kDigitBits;
    digit = tick >> (kDigitBits * level);
  } else {
    constexpr std::uint64_t kReach = kSlotsPerLevel - 1;
    digit = (position_ >> kTopShift) + std::min(distance, kReach);
  }
  return static_cast<std::uint16_t>(level * kSlotsPerLevel + digit % kSlotsPerLevel);
}

// The occupied slot that starts first. A slot being dealt out starts at the position and is not
// looked at.
template <unsigned Shift>
auto BasicTimerWheel<Shift>::find_next() const noexcept -> std::optional<NextSlot> {
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned digit = digit_of_position(level);
    unsigned found = find_occupied(level, digit + 1);
    if (found == kSlotsPerLevel && level == kLevels - 1) {
      found = find_occupied(level, 0);
    }
    if (found != kSlotsPerLevel) {
      // Only the top level's circle makes the difference wrap.
      const std::uint64_t distance = (found - digit) % kSlotsPerLevel;
      const unsigned shift = kDigitBits * level;
      return NextSlot{.slot = static_cast<std::uint16_t>(level * kSlotsPerLevel + found),
                      .start_tick = ((position_ >> shift) + distance) << shift};
    }
  }
  return std::nullopt;
}

// The first occupied slot of the level from `first` on, or kSlotsPerLevel.
template <unsigned Shift>
unsigned BasicTimerWheel<Shift>::find_occupied(unsigned level, unsigned first) const noexcept {
  if (first >= kSlotsPerLevel) {
    return kSlotsPerLevel;
  }
  const auto& words = occupied_[level];
  std::size_t index = first / 64;
  std::uint64_t word = words[index] & (~std::uint64_t{0} << (first % 64));
  while (word == 0) {
    if (++index == words.size()) {
      return kSlotsPerLevel;
    }
    word = words[index];
  }
  return static_cast<unsigned>(index * 64) + static_cast<unsigned>(std::countr_zero(word));
}

template <unsigned Shift>
void BasicTimerWheel<Shift>::mark_empty(std::uint16_t slot) noexcept {
  occupied_[slot / kSlotsPerLevel][slot % kSlotsPerLevel / 64] &=
      ~(std::uint64_t{1} << (slot % 64));
}

template <unsigned Shift>
unsigned BasicTimerWheel<Shift>::digit_of_position(unsigned level) const noexcept {
  return static_cast<unsigned>((position_ >> (kDigitBits * level)) % kSlotsPerLevel);
}

template <unsigned Shift>
Instant BasicTimerWheel<Shift>::instant_of(std::uint64_t tick) const noexcept {
  const auto start = static_cast<std::uint64_t>(start_.time_since_epoch().count());
  const auto room = static_cast<std::uint64_t>(Instant::max().time_since_epoch().count()) - start;
  if (tick > (room >> kTickShift)) {
    return Instant::max();
  }
  return Instant{Duration{static_cast<std::int64_t>(start + (tick << kTickShift))}};
}

template <unsigned Shift>
void BasicTimerWheel<Shift>::check_invariants() const noexcept {
  std::uint32_t linked = 0;
  for (std::uint16_t slot = 0; slot < kNoSlot; ++slot) {
    check_slot(slot);
    for ([[maybe_unused]] const TimerNode& node : slots_[slot]) {
      ++linked;
    }
  }
  for (const List* due : {&firing_, &overdue_}) {
    for (const TimerNode& node : *due) {
      ensures(node.expiry_tick <= position_);
      ++linked;
    }
  }
  ensures(linked == armed_);
  ensures(position_ <= tick_at_or_before(now_));
}

template <unsigned Shift>
void BasicTimerWheel<Shift>::check_slot(std::uint16_t slot) const noexcept {
  const unsigned level = slot / kSlotsPerLevel;
  const unsigned digit = slot % kSlotsPerLevel;
  const bool is_marked = (occupied_[level][digit / 64] >> (digit % 64) & 1U) != 0;
  ensures(is_marked == !slots_[slot].empty());
  for (const TimerNode& node : slots_[slot]) {
    ensures(node.slot == slot);
    if (slot == dealing_out_) {
      ensures(node.expiry_tick >= position_);
      continue;
    }
    ensures(node.expiry_tick > position_);
    const unsigned shift = kDigitBits * level;
    if (level < kLevels - 1) {
      // Its own slot or, where it was moved lazily, one before it.
      ensures(digit > digit_of_position(level));
      ensures((node.expiry_tick >> shift) - (position_ >> shift) >=
              digit - digit_of_position(level));
    } else {
      const std::uint64_t distance = (digit - digit_of_position(level)) % kSlotsPerLevel;
      ensures(distance > 0);
      ensures((node.expiry_tick >> shift) - (position_ >> shift) >= distance);
    }
  }
}

template class BasicTimerWheel<kTimerTickShift>;
template class BasicTimerWheel<kPacingTickShift>;

}  // namespace millrace::base
