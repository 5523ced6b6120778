// Standard input and output as a helper thread uses them: calls that may block, and that can be
// interrupted.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <millrace/error.hpp>

namespace nc {

/// Two descriptors, and a third that ends every waiting. `read` and `write` may run at the same
/// time on two threads; `interrupt` may be called from any.
class StandardIo {
 public:
  /// Does not own the two descriptors.
  StandardIo(int input, int output);
  ~StandardIo();
  StandardIo(const StandardIo&) = delete;
  StandardIo& operator=(const StandardIo&) = delete;

  /// Waits for input and returns how much there was; zero at its end, or when interrupted. The
  /// error is the system's.
  [[nodiscard]] millrace::Result<std::size_t, int> read(std::span<std::byte> into) noexcept;
  /// Writes all of `bytes` unless interrupted. The error is the system's.
  [[nodiscard]] millrace::Result<void, int> write(std::span<const std::byte> bytes) noexcept;
  /// From now on nothing waits any more.
  void interrupt() noexcept;

 private:
  [[nodiscard]] bool wait(int descriptor, short events) noexcept;

  int input_;
  int output_;
  int interrupted_;  // An event descriptor, readable for ever once interrupted.
};

}  // namespace nc
