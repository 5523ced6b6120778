#include "control/page_line.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>

namespace millrace::control {

using std::chrono::steady_clock;

Result<stack::SocketPage, std::string> PageLine::ask(stack::SocketCursor from,
                                                     const stack::PageLimits& limits,
                                                     WakeEvent& core_wake, Duration patience) {
  const steady_clock::time_point deadline = steady_clock::now() + patience;
  PageAnswer answer;
  while (answers_.try_pop(answer)) {
    // Of questions that were given up.
  }
  if (!requests_.try_push(PageRequest{.number = ++asked_, .from = from, .limits = limits})) {
    return fail(std::string{"it has not answered the question before"});
  }
  core_wake.raise();
  while (true) {
    answered_.lower();
    while (answers_.try_pop(answer)) {
      if (answer.number == asked_) {
        return std::move(answer.page);
      }
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) {
      return fail(std::string{"it does not answer"});
    }
    pollfd descriptor{.fd = answered_.descriptor(), .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&descriptor, 1, static_cast<int>(left)));
  }
}

}  // namespace millrace::control
