// Memory for a fixed number of objects, taken at start and written only where one lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace httpd {

/// Hands out objects and takes them back. Destroys those that are still out when it goes.
template <class T>
class Pool {
 public:
  explicit Pool(std::uint32_t capacity)
      : slots_{std::make_unique_for_overwrite<Slot[]>(capacity)}, in_use_(capacity) {
    free_.reserve(capacity);
    for (std::uint32_t index = capacity; index > 0; --index) {
      free_.push_back(index - 1);
    }
  }
  ~Pool() {
    for (std::uint32_t index = 0; index < in_use_.size(); ++index) {
      if (in_use_[index]) {
        at(index)->~T();
      }
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A new object, or null when all are out.
  template <class... A>
  [[nodiscard]] T* take(A&&... arguments) {
    if (free_.empty()) {
      return nullptr;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    in_use_[index] = true;
    return ::new (static_cast<void*>(slots_[index].storage)) T{std::forward<A>(arguments)...};
  }
  /// Destroys an object that `take` returned.
  void give_back(T& object) noexcept {
    const auto* const place = static_cast<const Slot*>(static_cast<const void*>(&object));
    const auto index = static_cast<std::uint32_t>(place - slots_.get());
    object.~T();
    in_use_[index] = false;
    free_.push_back(index);
  }
  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_.size() - free_.size(); }

 private:
  struct Slot {
    alignas(T) std::byte storage[sizeof(T)];
  };

  [[nodiscard]] T* at(std::uint32_t index) noexcept {
    return std::launder(static_cast<T*>(static_cast<void*>(slots_[index].storage)));
  }

  std::unique_ptr<Slot[]> slots_;
  std::vector<bool> in_use_;
  std::vector<std::uint32_t> free_;  // The slot used last comes first: its memory is warm.
};

}  // namespace httpd
