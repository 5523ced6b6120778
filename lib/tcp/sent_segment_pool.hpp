// SentSegmentPool: the supply of records that the connections of a core share. Records go and come
// as chains in order of sequence, so that what one ACK acknowledges is given back at once, however
// much that is. Who has which record is left to its users: nothing is named, and nothing found.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/contract.hpp"
#include "tcp/sent_segment.hpp"

namespace millrace::tcp {

/// Records never move. The memory of one is first written when it is first used, so that a pool
/// sized for the worst case costs what is really in use.
class SentSegmentPool {
  static_assert(std::is_trivially_destructible_v<SentSegment>);
  static_assert(alignof(SentSegment) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

 public:
  explicit SentSegmentPool(std::uint32_t capacity) noexcept
      : records_{static_cast<SentSegment*>(
            ::operator new (std::size_t{capacity} * sizeof(SentSegment), std::nothrow))},
        capacity_{capacity} {
    base::expects(records_ != nullptr);
  }

  /// A record, to be written by whoever asks; null when all are in use. The one that came back last
  /// goes first, for it is likely cached.
  [[nodiscard]] SentSegment* take() noexcept {
    if (size_ == capacity_) [[unlikely]] {
      return nullptr;
    }
    ++size_;
    if (free_ == nullptr) [[unlikely]] {
      return ::new (static_cast<void*>(records_.get() + touched_++)) SentSegment;
    }
    return std::exchange(free_, free_->next);
  }
  /// Takes back the `count` records from `first` to `last`, each the `next` of the one before it.
  void give(SentSegment& first, SentSegment& last, std::uint32_t count) noexcept {
    base::expects(count > 0 && count <= size_);
    base::debug_expects([&] { return is_chain(first, last, count); });
    last.next = std::exchange(free_, &first);
    size_ -= count;
  }
  void give(SentSegment& record) noexcept { give(record, record, 1); }

  /// In use.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint32_t left() const noexcept { return capacity_ - size_; }

 private:
  struct Free {
    void operator()(SentSegment* records) const noexcept {
      ::operator delete(static_cast<void*>(records));
    }
  };

  [[nodiscard]] static bool is_chain(const SentSegment& first, const SentSegment& last,
                                     std::uint32_t count) noexcept {
    const SentSegment* record = &first;
    while (--count > 0 && record != nullptr) {
      record = record->next;
    }
    return record == &last;
  }

  std::unique_ptr<SentSegment, Free> records_;
  SentSegment* free_ = nullptr;  // By `next`.
  std::uint32_t capacity_;
  std::uint32_t size_ = 0;
  std::uint32_t touched_ = 0;  // Records from here on have never been used.
};

}  // namespace millrace::tcp
