#include "posix/epoll_set.hpp"

#include <unistd.h>

#include <cerrno>

namespace millrace::posix {

namespace {

/// What holds of a watched file, of what was asked for.
std::uint32_t events_of(const Watch& watch) {
  constexpr std::uint32_t kAlways = EPOLLERR | EPOLLHUP;
  const std::uint32_t asked = watch.events | kAlways;
  return watch.is_disarmed ? 0 : watch.file.events(asked) & asked;
}

}  // namespace

EpollSet::~EpollSet() {
  if (kernel_ >= 0) {
    ::close(kernel_);
  }
}

std::uint32_t EpollSet::events(std::uint32_t /*asked*/) {
  for (const Watch& watch : ready_) {
    if (events_of(watch) != 0) {
      return EPOLLIN | EPOLLRDNORM;
    }
  }
  return 0;
}

int EpollSet::collect(epoll_event* out, int most) {
  int count = 0;
  base::IntrusiveList<Watch, &Watch::ready> again;
  while (count < most) {
    Watch* const watch = ready_.pop_front();
    if (watch == nullptr) {
      break;
    }
    const std::uint32_t events = events_of(*watch);
    if (events == 0) {
      continue;
    }
    out[count].events = events;
    out[count].data = watch->data;
    ++count;
    if ((watch->events & EPOLLONESHOT) != 0) {
      watch->is_disarmed = true;
    } else if ((watch->events & EPOLLET) == 0) {
      // Level: it is looked at again next time, behind those that had no turn.
      again.push_back(*watch);
    }
  }
  ready_.splice_back(again);
  return count;
}

int EpollSet::control_kernel(int operation, int fd, epoll_event* event) noexcept {
  if (kernel_ < 0) {
    kernel_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (kernel_ < 0) {
      return -errno;
    }
  }
  return ::epoll_ctl(kernel_, operation, fd, event) == 0 ? 0 : -errno;
}

int EpollSet::collect_kernel(epoll_event* out, int most) noexcept {
  if (kernel_ < 0 || most <= 0) {
    return 0;
  }
  const int count = ::epoll_wait(kernel_, out, most, 0);
  return count < 0 ? 0 : count;
}

}  // namespace millrace::posix
