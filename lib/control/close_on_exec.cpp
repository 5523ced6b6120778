#include "control/close_on_exec.hpp"

#include <fcntl.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace millrace::control {

namespace {

/// The one that lists them is among them, and closed when they are returned.
std::set<int> open_descriptors() {
  std::set<int> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    found.insert(number);
  }
  return found;
}

}  // namespace

CloseOnExec::CloseOnExec() : before_{open_descriptors()} {
  // The number that listing them took is free again.
  std::erase_if(before_, [](int number) { return ::fcntl(number, F_GETFD) < 0; });
}

void CloseOnExec::mark_new() const {
  for (const int number : open_descriptors()) {
    const int flags = before_.contains(number) ? -1 : ::fcntl(number, F_GETFD);
    if (flags >= 0) {
      static_cast<void>(::fcntl(number, F_SETFD, flags | FD_CLOEXEC));
    }
  }
}

}  // namespace millrace::control
