// WakeEvent: wakes a thread that sleeps in poll(2), from any other thread.
#pragma once

#include <string>

#include <millrace/error.hpp>

namespace millrace::control {

/// An eventfd. Raised any number of times before it is lowered, it wakes once.
class WakeEvent {
 public:
  /// Error: the reason in words.
  [[nodiscard]] static Result<WakeEvent, std::string> make();
  WakeEvent(WakeEvent&& other) noexcept;
  WakeEvent& operator=(WakeEvent&&) = delete;
  ~WakeEvent();

  /// Readable from `raise` to `lower`.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  void raise() noexcept;
  void lower() noexcept;

 private:
  explicit WakeEvent(int descriptor) noexcept : descriptor_{descriptor} {}

  int descriptor_;
};

}  // namespace millrace::control
