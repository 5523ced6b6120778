// Demux: from a four-tuple to what it names on this core, a connection or an entry in TIME-WAIT.
// Its hash is keyed, so that nobody can aim at one place (decision 0021).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <millrace/endpoint.hpp>

#include "base/keyed_hash.hpp"
#include "stack/tuple_hash.hpp"
#include "wire/tuple_key.hpp"

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
  /// No connection: an entry that TIME-WAIT is too small to have.
  [[nodiscard]] static constexpr DemuxTarget none() noexcept { return DemuxTarget{~0U}; }
  [[nodiscard]] constexpr bool is_time_wait() const noexcept {
    return (value_ & kTimeWaitBit) != 0;
  }
  [[nodiscard]] constexpr bool is_connection() const noexcept { return !is_time_wait(); }
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
  /// `capacity` is the largest number of entries; the keys of the hash follow from `secret`.
  Demux(std::uint32_t capacity, const base::KeyedHash& secret);

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

  /// For whoever looks ahead: never `kNoHash`.
  [[nodiscard]] std::uint32_t hash_of(const wire::TupleKey& key) const noexcept {
    return usable(hash_(key));
  }
  static constexpr std::uint32_t kNoHash = 0;
  /// Brings the place where a search for that hash begins into the cache.
  void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(&slots_[hash & mask_]); }
  /// What the first entry with that hash names, which two tuples in four billion share: who takes
  /// it has yet to look at the tuple. None for `kNoHash`.
  [[nodiscard]] DemuxTarget guess(std::uint32_t hash) const noexcept {
    for (std::uint32_t at = hash & mask_; slots_[at].hash != kEmpty; at = (at + 1) & mask_) {
      if (slots_[at].hash == hash) {
        return slots_[at].target;
      }
    }
    return DemuxTarget::none();
  }

  /// What is found by `tuple` is what was inserted first of those that are still there.
  void insert(const FourTuple& tuple, DemuxTarget target) noexcept;
  /// `tuple` must be in it and name `target`.
  void erase(const FourTuple& tuple, DemuxTarget target) noexcept;
  /// `tuple` must be in it and name `from`.
  void retarget(const FourTuple& tuple, DemuxTarget from, DemuxTarget to) noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  static constexpr std::uint32_t kEmpty = kNoHash;

  struct Slot {
    std::uint32_t hash;  // kEmpty, or the tuple's, whose low bits are its home.
    DemuxTarget target;
  };
  struct Free {
    void operator()(Slot* slots) const noexcept;
  };

  [[nodiscard]] static std::uint32_t usable(std::uint32_t hash) noexcept {
    return hash + (hash == kEmpty ? 1U : 0U);
  }
  [[nodiscard]] std::uint32_t hash_of(const FourTuple& tuple) const noexcept {
    return usable(hash_(tuple));
  }
  [[nodiscard]] std::uint32_t locate(const FourTuple& tuple, DemuxTarget target) const noexcept;

  TupleHash hash_;
  std::unique_ptr<Slot[], Free> slots_;
  std::uint32_t mask_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace millrace::stack
