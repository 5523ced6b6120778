#include "posix/epoll_set.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

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

int EpollSet::why_not_watch(const EpollSet& inner) const noexcept {
  if (&inner == this || inner.kernel_ >= 0) {
    return -EINVAL;
  }
  return inner.reaches(*this) || inner.levels_below() + levels_above() > kLevelsMax ? -ELOOP : 0;
}

int EpollSet::levels_below() const noexcept {
  int most = 0;
  for (const Watch& member : members) {
    if (member.file.kind() == FileKind::Epoll) {
      most = std::max(most, static_cast<const EpollSet&>(member.file).levels_below());
    }
  }
  return most + 1;
}

int EpollSet::levels_above() const noexcept {
  int most = 0;
  for (const Watch& watch : watches) {
    most = std::max(most, watch.set.levels_above());
  }
  return most + 1;
}

bool EpollSet::reaches(const EpollSet& other) const noexcept {
  if (this == &other) {
    return true;
  }
  for (const Watch& member : members) {
    if (member.file.kind() == FileKind::Epoll &&
        static_cast<const EpollSet&>(member.file).reaches(other)) {
      return true;
    }
  }
  return false;
}

int EpollSet::control_kernel(int operation, int fd, epoll_event* event) noexcept {
  if (operation == EPOLL_CTL_ADD && !watches.empty()) {
    return -EINVAL;  // Whoever watches this set would not hear of it.
  }
  if (kernel_ < 0) {
    kernel_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (kernel_ < 0) {
      return -errno;
    }
  }
  const int result = ::epoll_ctl(kernel_, operation, fd, event) == 0 ? 0 : -errno;
  if (result == 0 && operation == EPOLL_CTL_ADD) {
    ++kernel_members_;
  } else if (result == 0 && operation == EPOLL_CTL_DEL) {
    --kernel_members_;
  }
  if (kernel_members_ == 0) {
    ::close(std::exchange(kernel_, -1));
  }
  return result;
}

bool EpollSet::is_kernels_turn(bool asks) noexcept {
  const bool is_turn = kernel_ >= 0 && (asks || ++collections_ >= kCollectionsBeforeKernel);
  collections_ = is_turn ? 0 : collections_;
  return is_turn;
}

std::uint32_t EpollSet::kernel_events() const noexcept {
  pollfd kernels{.fd = kernel_, .events = POLLIN, .revents = 0};  // Below zero: never ready.
  return ::poll(&kernels, 1, 0) > 0 ? EPOLLIN | EPOLLRDNORM : 0;
}

int EpollSet::collect_kernel(epoll_event* out, int most) noexcept {
  if (kernel_ < 0 || most <= 0) {
    return 0;
  }
  const int count = ::epoll_wait(kernel_, out, most, 0);
  return count < 0 ? 0 : count;
}

}  // namespace millrace::posix
