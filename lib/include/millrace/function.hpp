// InlineFunction: a move-only callable that lives in place and never allocates.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace millrace {

/// Bytes of captures that a callback handed to a worker may hold.
inline constexpr std::size_t kInlineFunctionBytes = 48;

/// Holds any `void()` callable of at most `kInlineFunctionBytes`. Larger captures do not compile:
/// keep them in an object of your own and capture a pointer to it. Calling an empty one is
/// undefined. It owns the callable and destroys it on whichever thread destroys the function.
///
///     void remember(millrace::InlineFunction& later, int& count) {
///       later = [&count] { ++count; };
///     }
class InlineFunction {
 public:
  /// Holds nothing.
  InlineFunction() noexcept = default;

  /// Moves or copies `callable` in.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, InlineFunction> &&
           std::is_invocable_r_v<void, F&>)
      InlineFunction(
          F&& callable) {  // Implicit, so that a lambda can be passed where one is expected.
    using Stored = std::remove_cvref_t<F>;
    static_assert(sizeof(Stored) <= kInlineFunctionBytes,
                  "captures too large: capture a pointer instead");
    static_assert(alignof(Stored) <= alignof(std::max_align_t));
    static_assert(std::is_nothrow_move_constructible_v<Stored>);
    ::new (static_cast<void*>(storage_)) Stored(std::forward<F>(callable));
    operations_ = &kOperationsOf<Stored>;
  }

  /// Takes over what `other` holds, which is empty afterwards.
  InlineFunction(InlineFunction&& other) noexcept { take(other); }
  /// Destroys what is held, then takes over what `other` holds.
  InlineFunction& operator=(InlineFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  InlineFunction(const InlineFunction&) = delete;
  InlineFunction& operator=(const InlineFunction&) = delete;
  ~InlineFunction() { reset(); }

  /// Calls what is held, which must be something.
  void operator()() { operations_->call(storage_); }
  /// Whether something is held.
  [[nodiscard]] explicit operator bool() const noexcept { return operations_ != nullptr; }

  /// Destroys what is held; empty afterwards.
  void reset() noexcept {
    if (operations_ != nullptr) {
      std::exchange(operations_, nullptr)->destroy(storage_);
    }
  }

 private:
  struct Operations {
    void (*call)(void*);
    void (*move)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };

  template <class Stored>
  static constexpr Operations kOperationsOf{
      [](void* self) { (*static_cast<Stored*>(self))(); },
      [](void* from, void* to) noexcept {
        ::new (to) Stored(std::move(*static_cast<Stored*>(from)));
        static_cast<Stored*>(from)->~Stored();
      },
      [](void* self) noexcept { static_cast<Stored*>(self)->~Stored(); },
  };

  void take(InlineFunction& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) {
      operations_->move(other.storage_, storage_);
    }
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[kInlineFunctionBytes];
};

}  // namespace millrace
