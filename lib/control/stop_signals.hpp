// StopSignals: SIGINT, SIGTERM, SIGHUP and SIGUSR1 as something to read, instead of something that
// interrupts.
#pragma once

#include <csignal>
#include <optional>
#include <string>

#include <millrace/error.hpp>

namespace millrace::control {

/// Blocks them for the calling thread and for all that it starts later, SIGHUP only where nobody
/// has had it ignored (nohup); the previous mask returns with the destruction. Make one before any
/// other thread. What arrived and was not taken is then forgotten.
class StopSignals {
 public:
  /// Error: the reason in words.
  [[nodiscard]] static Result<StopSignals, std::string> block();
  StopSignals(StopSignals&& other) noexcept;
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

  /// Readable when a signal has arrived.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// Takes one signal that has arrived, by its number; empty: there is none.
  [[nodiscard]] std::optional<int> take() noexcept;
  /// Signals interrupt again from here on; the destructor does the same.
  void restore() noexcept;

 private:
  StopSignals(int descriptor, const sigset_t& previous) noexcept
      : descriptor_{descriptor}, previous_{previous} {}

  int descriptor_;
  sigset_t previous_;
};

}  // namespace millrace::control
