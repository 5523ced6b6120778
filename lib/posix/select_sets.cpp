// Which events make which set is Linux's choice.
#include "posix/select_sets.hpp"

#include <array>

namespace millrace::posix {

namespace {

/// One of the sets with what it asks for, and what counts for it.
struct Kind {
  fd_set* set = nullptr;
  short asked = 0;
  short held = 0;
};

std::array<Kind, 3> kinds_of(const SelectSets& sets) noexcept {
  constexpr short kReadable = POLLIN | POLLRDNORM | POLLRDBAND;
  constexpr short kWritable = POLLOUT | POLLWRNORM | POLLWRBAND;
  return {{{sets.readable, kReadable, kReadable | POLLHUP | POLLERR},
           {sets.writable, kWritable, kWritable | POLLERR},
           {sets.exceptional, POLLPRI, POLLPRI}}};
}

bool is_in(const fd_set* set, int fd) noexcept { return set != nullptr && FD_ISSET(fd, set); }

}  // namespace

bool SelectSets::have(int fd) const noexcept {
  return is_in(readable, fd) || is_in(writable, fd) || is_in(exceptional, fd);
}

std::size_t SelectSets::ask(int count, std::span<pollfd> entries) const noexcept {
  std::size_t used = 0;
  for (int fd = 0; fd < count; ++fd) {
    short asked = 0;
    for (const Kind& kind : kinds_of(*this)) {
      asked = static_cast<short>(asked | (is_in(kind.set, fd) ? kind.asked : 0));
    }
    if (asked != 0) {
      entries[used++] = {.fd = fd, .events = asked, .revents = 0};
    }
  }
  return used;
}

int SelectSets::count_held(const pollfd& entry) const noexcept {
  int count = 0;
  for (const Kind& kind : kinds_of(*this)) {
    count += is_in(kind.set, entry.fd) && (entry.revents & kind.held) != 0 ? 1 : 0;
  }
  return count;
}

void SelectSets::keep_held(int count, std::span<const pollfd> entries) const noexcept {
  for (const Kind& kind : kinds_of(*this)) {
    if (kind.set == nullptr) {
      continue;
    }
    const fd_set asked = *kind.set;
    for (int fd = 0; fd < count; ++fd) {
      FD_CLR(fd, kind.set);
    }
    for (const pollfd& entry : entries) {
      if (FD_ISSET(entry.fd, &asked) && (entry.revents & kind.held) != 0) {
        FD_SET(entry.fd, kind.set);
      }
    }
  }
}

}  // namespace millrace::posix
