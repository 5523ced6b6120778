// PageLine: how somebody who looks from outside asks a core for a page of its sockets. The core
// answers between two turns; whoever asks waits with a limit.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "base/mailbox.hpp"
#include "control/wake_event.hpp"
#include "stack/socket_list.hpp"

namespace millrace::control {

/// A question, and its answer; each bears the question's number, so that an answer which comes too
/// late is not taken for another's.
struct PageRequest {
  std::uint32_t number = 0;
  stack::SocketCursor from;
  stack::PageLimits limits;
};
struct PageAnswer {
  std::uint32_t number = 0;
  stack::SocketPage page;
};

/// `ask` is for one thread at a time, `answer` for the core.
class PageLine {
 public:
  /// How long a core may take: many of its turns, even long ones.
  static constexpr Duration kPatience = std::chrono::milliseconds{500};

  /// `answered` is this line's own.
  explicit PageLine(WakeEvent answered) noexcept : answered_{std::move(answered)} {}

  /// Error: one line; the core has not answered in time. `core_wake` is raised when there is a
  /// question.
  [[nodiscard]] Result<stack::SocketPage, std::string> ask(stack::SocketCursor from,
                                                           const stack::PageLimits& limits,
                                                           WakeEvent& core_wake,
                                                           Duration patience = kPatience);

  /// Answers what has been asked by what `list(from, limits)` returns.
  template <class F>
  void answer(F&& list) noexcept {
    PageRequest request;
    while (requests_.try_pop(request)) {
      // Where an answer lies that nobody waits for any more there is no room; then this is one,
      // too.
      if (answers_.try_push(
              PageAnswer{.number = request.number, .page = list(request.from, request.limits)})) {
        answered_.raise();
      }
    }
  }

 private:
  base::Mailbox<PageRequest> requests_{1};
  base::Mailbox<PageAnswer> answers_{2};
  WakeEvent answered_;
  std::uint32_t asked_ = 0;
};

}  // namespace millrace::control
