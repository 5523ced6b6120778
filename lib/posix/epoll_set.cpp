#include "posix/epoll_set.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/fixed_vector.hpp"

namespace millrace::posix {

namespace {

/// What holds of a watched file, of what was asked for.
std::uint32_t events_of(const Watch& watch) {
  constexpr std::uint32_t kAlways = EPOLLERR | EPOLLHUP;
  const std::uint32_t asked = watch.events | kAlways;
  return watch.is_disarmed ? 0 : watch.file.events(asked) & asked;
}

constexpr bool kNever = false;

/// Walks over a list of watches and, behind each, over the list that `enter(watch, level)` returns,
/// if it is not null, until `is_over`. By a path of one place for each level, of which there are
/// few.
template <int LevelsMax, class List, class Enter>
void walk(const List& first, Enter enter, const bool& is_over = kNever) noexcept {
  struct Place {
    typename List::Iterator at;
    typename List::Iterator end;
  };
  base::FixedVector<Place, LevelsMax + 1> path;
  static_cast<void>(path.push_back({first.begin(), first.end()}));
  while (!path.empty() && !is_over) {
    Place& place = path.back();
    if (place.at == place.end) {
      path.pop_back();
    } else if (const List* const next = enter(*place.at++, static_cast<int>(path.size()))) {
      static_cast<void>(path.push_back({next->begin(), next->end()}));
    }
  }
}

const EpollSet* set_in(const Watch& watch) noexcept {
  return watch.file.kind() == FileKind::Epoll ? static_cast<const EpollSet*>(&watch.file) : nullptr;
}

}  // namespace

EpollSet::~EpollSet() {
  if (kernel_ >= 0) {
    ::close(kernel_);
  }
}

std::uint32_t EpollSet::events(std::uint32_t /*asked*/) {
  constexpr std::uint32_t kIn = EPOLLIN | EPOLLRDNORM;
  bool holds = false;
  const auto look = [&holds](const Watch& watch, int /*level*/) -> const ReadyList* {
    const EpollSet* const inner = set_in(watch);
    if (inner != nullptr) {
      return !watch.is_disarmed && (watch.events & kIn) != 0 ? &inner->ready_ : nullptr;
    }
    holds = events_of(watch) != 0;
    return nullptr;
  };
  walk<kLevelsMax>(ready_, look, holds);
  return holds ? kIn : 0;
}

int EpollSet::collect(epoll_event* out, int most) {
  int count = 0;
  ReadyList again;
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

int EpollSet::why_not_watch(EpollSet& inner) const noexcept {
  if (&inner == this) {
    return -EINVAL;
  }
  inner.forget_closed_kernels();
  if (inner.kernel_ >= 0) {
    return -EINVAL;
  }
  return inner.reaches(*this) || inner.levels_below() + levels_above() > kLevelsMax ? -ELOOP : 0;
}

/// Whoever watches this set may have looked, found nothing that holds, and forgotten it.
void EpollSet::note_sets_above() noexcept {
  walk<kLevelsMax>(watches, [](Watch& watch, int /*level*/) {
    watch.set.link_ready(watch);
    return &watch.set.watches;
  });
}

int EpollSet::levels_below() const noexcept {
  int most = 0;
  walk<kLevelsMax>(members, [&most](const Watch& member, int level) -> const Watches* {
    const EpollSet* const inner = set_in(member);
    most = inner != nullptr ? std::max(most, level) : most;
    return inner != nullptr ? &inner->members : nullptr;
  });
  return most + 1;
}

int EpollSet::levels_above() const noexcept {
  int most = 0;
  walk<kLevelsMax>(watches, [&most](const Watch& watch, int level) {
    most = std::max(most, level);
    return &watch.set.watches;
  });
  return most + 1;
}

bool EpollSet::reaches(const EpollSet& other) const noexcept {
  bool is_there = this == &other;
  const auto look = [&](const Watch& member, int /*level*/) -> const Watches* {
    const EpollSet* const inner = set_in(member);
    is_there = inner == &other;
    return inner != nullptr ? &inner->members : nullptr;
  };
  walk<kLevelsMax>(members, look, is_there);
  return is_there;
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

/// Those of the kernel's that were closed without leaving: the kernel lists the others.
void EpollSet::forget_closed_kernels() noexcept {
  if (kernel_ < 0) {
    return;
  }
  std::array<char, 48> name;
  std::snprintf(name.data(), name.size(), "/proc/self/fdinfo/%d", kernel_);
  const int list = ::open(name.data(), O_RDONLY | O_CLOEXEC);
  // The first of them is behind four short lines.
  std::array<char, 512> text;
  const ssize_t got = list < 0 ? -1 : ::read(list, text.data(), text.size());
  if (list >= 0) {
    ::close(list);
  }
  if (got > 0 && !std::string_view{text.data(), static_cast<std::size_t>(got)}.contains("tfd:")) {
    ::close(std::exchange(kernel_, -1));
    kernel_members_ = 0;
  }
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
