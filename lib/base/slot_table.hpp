// SlotTable<T>: a bounded pool of objects, named by index + generation so that a stale name is
// detected, never followed. One allocation at construction; the memory of a slot is first written
// when the slot is first used, so a table sized for the worst case costs what is really in use.
// Finding an object by its contents is left to others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "base/contract.hpp"

namespace millrace::base {

/// Names one use of one slot. Generation 0 names nothing.
struct SlotHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;

  friend constexpr bool operator==(const SlotHandle&, const SlotHandle&) noexcept = default;
};

/// Objects never move. All calls are O(1) but `for_each` and the destructor, which visit every slot
/// used so far.
///
///     objects:  | T 0 | T 1 | T 2 | ...     | never touched ...       |
///     meta:     | m 0 | m 1 | m 2 | ...     | never touched ...       |
///                                   touched_^                capacity_^
template <class T>
class SlotTable {
 public:
  explicit SlotTable(std::uint32_t capacity) noexcept;
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;
  ~SlotTable();

  /// The new object, or nullptr when every slot is in use. Reuses the slot freed last, which is
  /// likely cached. Without arguments members that have no initializer hold anything.
  template <class... A>
  [[nodiscard]] T* emplace(A&&... arguments) noexcept;

  /// Destroys the object; handles to it become stale.
  void erase(std::uint32_t index) noexcept;

  /// The object, or nullptr when the handle is stale or was never given out.
  [[nodiscard]] T* find(SlotHandle handle) noexcept;

  /// The live object in that slot. An index of a free slot is a broken contract, checked in debug
  /// builds.
  [[nodiscard]] T& at(std::uint32_t index) noexcept;
  [[nodiscard]] const T& at(std::uint32_t index) const noexcept;

  [[nodiscard]] std::uint32_t index_of(const T& object) const noexcept;
  [[nodiscard]] SlotHandle handle_of(const T& object) const noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

  /// Slots from there on have never been used.
  [[nodiscard]] std::uint32_t touched() const noexcept { return touched_; }
  /// The first object at or behind `index`, which is moved there, among the next `steps` slots, of
  /// which those that were looked at are taken off; or null, with `index` behind these.
  [[nodiscard]] const T* next_from(std::uint32_t& index, std::uint32_t& steps) const noexcept;

  /// Calls `visit(T&)` for each object in order of index. `visit` may erase any object; whether it
  /// meets one that it adds is open.
  template <class F>
  void for_each(F&& visit);

 private:
  static constexpr std::uint32_t kLive = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kNone = kLive - 1;

  struct Meta {
    std::uint32_t generation;  // Of the object in the slot, or of the next one to be.
    std::uint32_t next_free;   // kLive while in use, else the free list's next slot or kNone.
  };

  static constexpr std::align_val_t kAlignment{alignof(T) > alignof(Meta) ? alignof(T)
                                                                          : alignof(Meta)};

  [[nodiscard]] bool is_live(std::uint32_t index) const noexcept {
    return index < touched_ && meta_[index].next_free == kLive;
  }
  [[nodiscard]] std::uint32_t take_slot() noexcept;

  T* objects_ = nullptr;
  Meta* meta_ = nullptr;
  std::uint32_t capacity_;
  std::uint32_t size_ = 0;
  std::uint32_t touched_ = 0;  // Slots from here on have never been used.
  std::uint32_t first_free_ = kNone;
};

template <class T>
SlotTable<T>::SlotTable(std::uint32_t capacity) noexcept : capacity_{capacity} {
  expects(capacity > 0);
  expects(capacity < kNone);
  constexpr std::size_t kMetaAlignment = alignof(Meta);
  const std::size_t object_bytes =
      (std::size_t{capacity} * sizeof(T) + kMetaAlignment - 1) / kMetaAlignment * kMetaAlignment;
  const std::size_t bytes = object_bytes + std::size_t{capacity} * sizeof(Meta);
  void* const memory = ::operator new(bytes, kAlignment, std::nothrow);
  expects(memory != nullptr);
  objects_ = static_cast<T*>(memory);
  meta_ = static_cast<Meta*>(static_cast<void*>(static_cast<std::byte*>(memory) + object_bytes));
}

template <class T>
SlotTable<T>::~SlotTable() {
  for_each([](T& object) { std::destroy_at(&object); });
  ::operator delete(static_cast<void*>(objects_), kAlignment);
}

template <class T>
template <class... A>
T* SlotTable<T>::emplace(A&&... arguments) noexcept {
  if (size_ == capacity_) {
    return nullptr;
  }
  const std::uint32_t index = take_slot();
  ++size_;
  meta_[index].next_free = kLive;
  void* const place = objects_ + index;
  if constexpr (sizeof...(A) == 0) {
    return ::new (place) T;  // `T()` might clear it all before its constructor runs.
  } else {
    return ::new (place) T(std::forward<A>(arguments)...);
  }
}

template <class T>
std::uint32_t SlotTable<T>::take_slot() noexcept {
  if (first_free_ != kNone) {
    return std::exchange(first_free_, meta_[first_free_].next_free);
  }
  ::new (static_cast<void*>(meta_ + touched_)) Meta{.generation = 1, .next_free = kNone};
  return touched_++;
}

template <class T>
void SlotTable<T>::erase(std::uint32_t index) noexcept {
  expects(is_live(index));
  Meta& meta = meta_[index];
  ++meta.generation;
  if (meta.generation == 0) {
    meta.generation = 1;
  }
  // Not yet on the free list while the destructor runs: what it adds must not land on top of it.
  meta.next_free = kNone;
  std::destroy_at(objects_ + index);
  meta.next_free = std::exchange(first_free_, index);
  --size_;
}

template <class T>
T* SlotTable<T>::find(SlotHandle handle) noexcept {
  if (!is_live(handle.index) || meta_[handle.index].generation != handle.generation) {
    return nullptr;
  }
  return objects_ + handle.index;
}

template <class T>
T& SlotTable<T>::at(std::uint32_t index) noexcept {
  expects(index < touched_);
  debug_expects([&] { return is_live(index); });
  return objects_[index];
}

template <class T>
const T& SlotTable<T>::at(std::uint32_t index) const noexcept {
  expects(index < touched_);
  debug_expects([&] { return is_live(index); });
  return objects_[index];
}

template <class T>
std::uint32_t SlotTable<T>::index_of(const T& object) const noexcept {
  const auto index = static_cast<std::uint64_t>(&object - objects_);
  expects(index < touched_);
  return static_cast<std::uint32_t>(index);
}

template <class T>
SlotHandle SlotTable<T>::handle_of(const T& object) const noexcept {
  const std::uint32_t index = index_of(object);
  debug_expects([&] { return is_live(index); });
  return {.index = index, .generation = meta_[index].generation};
}

template <class T>
const T* SlotTable<T>::next_from(std::uint32_t& index, std::uint32_t& steps) const noexcept {
  for (; index < touched_ && steps > 0; ++index) {
    --steps;
    if (is_live(index)) {
      return objects_ + index;
    }
  }
  return nullptr;
}

template <class T>
template <class F>
void SlotTable<T>::for_each(F&& visit) {
  for (std::uint32_t index = 0; index < touched_; ++index) {
    if (is_live(index)) {
      visit(objects_[index]);
    }
  }
}

}  // namespace millrace::base
