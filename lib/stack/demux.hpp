// Demux: from a four-tuple to what it names on this core, a connection or an entry in TIME-WAIT.
// Its hash is keyed, so that nobody can aim at one bucket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <millrace/endpoint.hpp>

#include "base/keyed_hash.hpp"

namespace millrace::stack {

/// What a four-tuple names: an index into one of two tables.
class DemuxTarget {
 public:
  constexpr DemuxTarget() noexcept = default;
  [[nodiscard]] static constexpr DemuxTarget connection(std::uint32_t index) noexcept {
    return DemuxTarget{index};
  }
  [[nodiscard]] static constexpr DemuxTarget time_wait(std::uint32_t index) noexcept {
    return DemuxTarget{index | kTimeWaitBit};
  }
  [[nodiscard]] constexpr bool is_time_wait() const noexcept {
    return (value_ & kTimeWaitBit) != 0;
  }
  [[nodiscard]] constexpr std::uint32_t index() const noexcept { return value_ & ~kTimeWaitBit; }
  friend constexpr bool operator==(DemuxTarget, DemuxTarget) noexcept = default;

 private:
  static constexpr std::uint32_t kTimeWaitBit = 0x8000'0000;
  constexpr explicit DemuxTarget(std::uint32_t value) noexcept : value_{value} {}
  std::uint32_t value_ = 0;
};

/// Open addressing with linear probing, at most half full, eight bytes an entry. The tuples
/// themselves stay with what they name: `same(target)` says whether a candidate is the one looked
/// for.
class Demux {
 public:
  /// `capacity` is the largest number of entries.
  Demux(std::uint32_t capacity, base::KeyedHash hash);

  template <class Same>
  [[nodiscard]] std::optional<DemuxTarget> find(const FourTuple& tuple,
                                                Same&& same) const noexcept {
    const std::uint32_t hash = hash_of(tuple);
    for (std::uint32_t at = hash & mask_; slots_[at].hash != kEmpty; at = (at + 1) & mask_) {
      if (slots_[at].hash == hash && same(slots_[at].target)) {
        return slots_[at].target;
      }
    }
    return std::nullopt;
  }
  /// What is found by `tuple` is what was inserted first of those that are still there.
  void insert(const FourTuple& tuple, DemuxTarget target) noexcept;
  /// `tuple` must be in it and name `target`.
  void erase(const FourTuple& tuple, DemuxTarget target) noexcept;
  /// `tuple` must be in it and name `from`.
  void retarget(const FourTuple& tuple, DemuxTarget from, DemuxTarget to) noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  static constexpr std::uint32_t kEmpty = 0;

  struct Slot {
    std::uint32_t hash;  // kEmpty, or the tuple's, whose low bits are its home.
    DemuxTarget target;
  };
  struct Free {
    void operator()(Slot* slots) const noexcept;
  };

  [[nodiscard]] std::uint32_t hash_of(const FourTuple& tuple) const noexcept;
  [[nodiscard]] std::uint32_t locate(const FourTuple& tuple, DemuxTarget target) const noexcept;

  base::KeyedHash hash_;
  std::unique_ptr<Slot[], Free> slots_;
  std::uint32_t mask_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace millrace::stack
