// FixedVector<T, N>: a vector of at most N elements that lives in place and never allocates.
// A full vector refuses; what that means (a dropped hole, back-pressure) is left to its owner.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/contract.hpp"

namespace millrace::base {

template <class T, std::size_t N>
class FixedVector {
  static_assert(N > 0);
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  FixedVector() noexcept = default;
  FixedVector(const FixedVector& other) noexcept requires std::copy_constructible<T> {
    copy_from(other);
  }
  FixedVector(FixedVector&& other) noexcept { take_from(other); }
  FixedVector& operator=(const FixedVector& other) noexcept requires std::copy_constructible<T> {
    if (this != &other) {
      clear();
      copy_from(other);
    }
    return *this;
  }
  FixedVector& operator=(FixedVector&& other) noexcept {
    if (this != &other) {
      clear();
      take_from(other);
    }
    return *this;
  }
  ~FixedVector() requires std::is_trivially_destructible_v<T>
  = default;
  ~FixedVector() { clear(); }

  /// False, with nothing changed, when full.
  [[nodiscard]] bool push_back(const T& value) noexcept { return emplace_back(value) != nullptr; }
  [[nodiscard]] bool push_back(T&& value) noexcept {
    return emplace_back(std::move(value)) != nullptr;
  }

  /// The new element, or nullptr, with nothing changed, when full.
  template <class... A>
  [[nodiscard]] T* emplace_back(A&&... arguments) noexcept {
    if (full()) {
      return nullptr;
    }
    T* const made = ::new (raw_slot(size_)) T(std::forward<A>(arguments)...);
    ++size_;
    return made;
  }

  void pop_back() noexcept {
    expects(!empty());
    --size_;
    std::destroy_at(begin() + size_);
  }

  /// Keeps the order of the rest. Returns the place of the element that followed.
  iterator erase(iterator position) noexcept {
    expects(position >= begin());
    expects(position < end());
    std::move(position + 1, end(), position);
    pop_back();
    return position;
  }

  void clear() noexcept {
    std::destroy(begin(), end());
    size_ = 0;
  }

  [[nodiscard]] T& operator[](std::size_t index) noexcept {
    expects(index < size_);
    return begin()[index];
  }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept {
    expects(index < size_);
    return begin()[index];
  }
  [[nodiscard]] T& back() noexcept { return (*this)[size_ - 1]; }
  [[nodiscard]] const T& back() const noexcept { return (*this)[size_ - 1]; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == N; }
  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }

  [[nodiscard]] T* data() noexcept { return std::launder(static_cast<T*>(raw_slot(0))); }
  [[nodiscard]] const T* data() const noexcept {
    return std::launder(static_cast<const T*>(static_cast<const void*>(storage_)));
  }
  [[nodiscard]] iterator begin() noexcept { return data(); }
  [[nodiscard]] iterator end() noexcept { return data() + size_; }
  [[nodiscard]] const_iterator begin() const noexcept { return data(); }
  [[nodiscard]] const_iterator end() const noexcept { return data() + size_; }

  friend bool operator==(const FixedVector& a,
                         const FixedVector& b) noexcept requires std::equality_comparable<T> {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  [[nodiscard]] void* raw_slot(std::size_t index) noexcept {
    return static_cast<void*>(storage_ + index * sizeof(T));
  }
  void copy_from(const FixedVector& other) noexcept {
    std::uninitialized_copy(other.begin(), other.end(), begin());
    size_ = other.size_;
  }
  void take_from(FixedVector& other) noexcept {
    std::uninitialized_move(other.begin(), other.end(), begin());
    size_ = other.size_;
    other.clear();
  }

  std::size_t size_ = 0;
  alignas(T) std::byte storage_[N * sizeof(T)];
};

}  // namespace millrace::base
