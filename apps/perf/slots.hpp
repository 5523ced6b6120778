// Objects that come and go in great numbers: memory is taken in blocks, used again, and never given
// back before the end.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace perf {

/// Owns objects of type T, which stay where they are. One thread's.
template <class T>
class Slots {
 public:
  Slots() = default;
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  template <class... Arguments>
  [[nodiscard]] T& make(Arguments&&... arguments) {
    if (free_.empty()) {
      grow();
    }
    std::optional<T>* const slot = free_.back();
    free_.pop_back();
    return slot->emplace(std::forward<Arguments>(arguments)...);
  }
  /// `object` must be one that `make` has returned.
  void remove(T& object) noexcept {
    // An optional's value is where the optional is.
    auto* const slot = static_cast<std::optional<T>*>(static_cast<void*>(&object));
    slot->reset();
    free_.push_back(slot);
  }
  /// Whether `object`, which `make` has once returned, is there (or another in its place).
  [[nodiscard]] bool holds(const T& object) const noexcept {
    return static_cast<const std::optional<T>*>(static_cast<const void*>(&object))->has_value();
  }
  /// Calls `action` with each object; it may neither make nor remove any.
  template <class Action>
  void for_each(Action action) {
    for (const auto& block : blocks_) {
      for (std::size_t i = 0; i < kBlock; ++i) {
        if (block[i]) {
          action(*block[i]);
        }
      }
    }
  }

 private:
  static constexpr std::size_t kBlock = 1'024;

  void grow() {
    auto block = std::make_unique<std::optional<T>[]>(kBlock);
    free_.reserve((blocks_.size() + 1) * kBlock);  // So that `remove` never has to.
    for (std::size_t i = kBlock; i > 0; --i) {
      free_.push_back(&block[i - 1]);
    }
    blocks_.push_back(std::move(block));
  }

  std::vector<std::unique_ptr<std::optional<T>[]>> blocks_;
  std::vector<std::optional<T>*> free_;
};

}  // namespace perf
