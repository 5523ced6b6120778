// OnCore: the first way of waiting: the thread that calls is the core, and turns the loop itself
// whenever a call has to wait.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <millrace/error.hpp>

#include "control/command_line.hpp"
#include "control/embedded_core.hpp"
#include "posix/sockets.hpp"
#include "posix/waiting.hpp"

namespace millrace::posix {

class OnCore final : public Waiting {
 public:
  /// How long the end waits for what was sent to arrive.
  static constexpr Duration kDeliveryLimit = std::chrono::seconds{3};

  /// As EmbeddedCore::start.
  [[nodiscard]] static Result<std::unique_ptr<OnCore>, control::Stop> start(
      const std::vector<std::string>& arguments);
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;
  /// Closes what is open, as the end of a process does.
  ~OnCore() override;

  [[nodiscard]] Sockets& sockets() noexcept { return sockets_; }
  /// The native interface of the same core.
  [[nodiscard]] Worker& worker() noexcept { return *core_->core().face; }
  /// Whether the calling thread is the core.
  [[nodiscard]] bool is_here() const noexcept { return core_->core().stack->is_on_core(); }
  /// Whether a turn is under way: a handler calls.
  [[nodiscard]] bool is_in_turn() const noexcept { return is_in_turn_; }

  [[nodiscard]] int wait(Instant until, int descriptor) override;
  void turn() override;
  [[nodiscard]] Instant now() noexcept override { return core_->core().clock.now(); }

 private:
  explicit OnCore(std::unique_ptr<control::EmbeddedCore> core);

  std::unique_ptr<control::EmbeddedCore> core_;
  bool is_in_turn_ = false;
  Sockets sockets_;
};

}  // namespace millrace::posix
