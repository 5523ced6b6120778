// SoftError: trouble that may pass: what the application hears of, and what a connection that ends
// for lack of progress had last heard (RFC 9293 §3.9.1.8).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/error.hpp>

namespace millrace::tcp {

/// Four bytes: part of every control block.
class SoftError {
 public:
  /// Whether the application is to hear of it: not if it has asked for silence (SHLD-20).
  [[nodiscard]] bool note(Error error) noexcept {
    last_ = error;
    untold_ = is_silent_ ? std::nullopt : last_;
    return !is_silent_;
  }
  /// Something worked again.
  void on_progress() noexcept { last_.reset(); }
  void set_silent(bool on) noexcept {
    is_silent_ = on;
    untold_ = on ? std::nullopt : untold_;
  }
  /// What the application is to be told, once.
  [[nodiscard]] std::optional<Error> take() noexcept {
    return std::exchange(untold_, std::nullopt);
  }
  /// The reason to give when the time is up: as in Linux, what was last heard says more than that
  /// nobody answered.
  [[nodiscard]] Error reason_for_timeout() const noexcept {
    return last_.value_or(Error::TimedOut);
  }

 private:
  std::optional<Error> last_;
  std::optional<Error> untold_;
  bool is_silent_ = false;
};

}  // namespace millrace::tcp
