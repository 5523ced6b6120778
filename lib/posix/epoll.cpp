// epoll and poll: what is watched, what holds, and waiting for it. The kernel's descriptors are
// asked seldom: a system call for each message would cost more than the message.
#include <sys/resource.h>

#include <climits>

#include <algorithm>
#include <cerrno>
#include <span>

#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr int kEventsMax = INT_MAX / static_cast<int>(sizeof(epoll_event));

Instant deadline_of(Instant now, int milliseconds) {
  return milliseconds < 0 ? Waiting::kForEver
                          : base::later(now, std::chrono::milliseconds{milliseconds});
}

/// What Linux lets EPOLLEXCLUSIVE be said with.
bool may_be_exclusive(const File& file, int operation, std::uint32_t events) noexcept {
  constexpr std::uint32_t kWith =
      EPOLLEXCLUSIVE | EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET;
  return operation == EPOLL_CTL_ADD && file.kind() != FileKind::Epoll && (events & ~kWith) == 0;
}

/// The program may have raised its limit since the start.
std::uint64_t numbers_allowed_now() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Watch* find_watch(const EpollSet& set, const File& file) {
  for (Watch& watch : file.watches) {
    if (&watch.set == &set) {
      return &watch;
    }
  }
  return nullptr;
}

}  // namespace

int Sockets::epoll_create(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) {
    return -EINVAL;
  }
  EpollSet* const set = epoll_sets_.emplace();
  if (set == nullptr) {
    return -ENOBUFS;
  }
  const int number = table_.add(*set);
  if (number < 0) {
    epoll_sets_.erase(epoll_sets_.index_of(*set));
    return number;
  }
  set->number = number;
  set->closes_on_exec = (flags & EPOLL_CLOEXEC) != 0;
  return number;
}

int Sockets::epoll_control(int epoll, int operation, int fd, epoll_event* event) {
  if (event == nullptr && operation != EPOLL_CTL_DEL) {
    return -EFAULT;
  }
  int error = 0;
  EpollSet* const set = find_set(epoll, error);
  if (set == nullptr) {
    return error;
  }
  if (!owns(fd)) {
    return set->control_kernel(operation, fd, event);
  }
  File* const file = table_.find(fd);
  if (file == nullptr) {
    return -EBADF;
  }
  if (file == set || (operation != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE) != 0 &&
                      !may_be_exclusive(*file, operation, event->events))) {
    return -EINVAL;
  }
  if (file->kind() == FileKind::Epoll && operation == EPOLL_CTL_ADD) {
    if (const int flaw = set->why_not_watch(static_cast<EpollSet&>(*file)); flaw < 0) {
      return flaw;
    }
  }
  Watch* const watch = find_watch(*set, *file);
  switch (operation) {
    case EPOLL_CTL_ADD: return watch != nullptr ? -EEXIST : add_watch(*set, *file, *event);
    case EPOLL_CTL_MOD:
      if (watch == nullptr) {
        return -ENOENT;
      }
      if ((watch->events & EPOLLEXCLUSIVE) != 0) {
        return -EINVAL;
      }
      watch->events = event->events;
      watch->data = event->data;
      watch->is_disarmed = false;
      set->make_ready(*watch);
      return 0;
    case EPOLL_CTL_DEL:
      if (watch == nullptr) {
        return -ENOENT;
      }
      drop_watch(*watch);
      return 0;
    default: return -EINVAL;
  }
}

int Sockets::add_watch(EpollSet& set, File& file, const epoll_event& event) {
  Watch* const watch = watches_.emplace(file, set);
  if (watch == nullptr) {
    return -ENOSPC;
  }
  watch->events = event.events;
  watch->data = event.data;
  file.watches.push_back(*watch);
  set.members.push_back(*watch);
  set.make_ready(*watch);  // Whether it is, the next wait finds out.
  return 0;
}

void Sockets::drop_watch(Watch& watch) {
  EpollSet::Watches::unlink(watch);
  File::Watches::unlink(watch);
  if (watch.ready.is_linked()) {
    base::IntrusiveList<Watch, &Watch::ready>::unlink(watch);
  }
  watches_.erase(watches_.index_of(watch));
}

void Sockets::drop_watches(File& file) {
  while (Watch* const watch = file.watches.front()) {
    drop_watch(*watch);
  }
  if (file.kind() == FileKind::Epoll) {
    while (Watch* const member = static_cast<EpollSet&>(file).members.front()) {
      drop_watch(*member);
    }
  }
}

/// Who waits for more than there is room for is not told so by any event of its connection.
void Sockets::tell_unsated() noexcept {
  while (!unsated_.empty() &&
         packet_budget().left(packet::BudgetUse::InOrder) < packet::PacketBudget::kPacketCharge) {
    TcpFile* const file = unsated_.pop_front();
    file->note();  // Looked at again, it comes back if it still is not enough.
  }
}

int Sockets::collect(EpollSet& set, epoll_event* events, int most, bool asks_kernel) {
  tell_unsated();
  // The kernel's come first when they are asked: ours may fill all there is, again and again.
  const bool is_asked = set.is_kernels_turn(asks_kernel);
  const int count = is_asked ? set.collect_kernel(events, most) : 0;
  return count + set.collect(events + count, most - count);
}

int Sockets::epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  if (most <= 0 || most > kEventsMax) {
    return -EINVAL;
  }
  if (events == nullptr) {
    return -EFAULT;
  }
  waiting_.turn();  // Before the set is looked up, which may be closed meanwhile.
  refusals_ = 0;
  int error = 0;
  EpollSet* const set = find_set(epoll, error);
  if (set == nullptr) {
    return error;
  }
  int count = collect(*set, events, most, false);
  if (count > 0) {
    return count;
  }
  count = collect(*set, events, most, true);
  const Instant deadline = deadline_of(waiting_.now(), timeout);
  const Pin pin{*this, *set};
  while (count == 0 && waiting_.now() < deadline && !set->is_closing) {
    const int woken = waiting_.wait(deadline, set->kernel_descriptor());
    // What has happened meanwhile goes before a signal.
    count = set->is_closing ? 0 : collect(*set, events, most, woken == Waiting::kSlept);
    if (count == 0 && woken < 0) {
      count = woken == -ERESTART ? -EINTR : woken;
    }
  }
  if (set->is_closing) {
    return -EBADF;
  }
  return count == 0 ? collect(*set, events, most, true) : count;
}

/// Whether the descriptor is one of the kernel's, or a set that has some.
bool Sockets::must_ask_kernel(int fd) const noexcept {
  int error = 0;
  const EpollSet* const set = find_set(fd, error);
  return set != nullptr ? set->kernel_descriptor() >= 0 : fd >= 0 && !owns(fd);
}

/// Says what holds of each and returns of how many something does.
int Sockets::look_at(pollfd* fds, nfds_t count, bool asks_kernel) {
  int found = 0;
  for (pollfd& entry : std::span{fds, count}) {
    if (entry.fd < 0) {
      entry.revents = 0;
    } else if (!owns(entry.fd)) {
      pollfd kernels{.fd = entry.fd, .events = entry.events, .revents = 0};
      const bool holds = asks_kernel && ::poll(&kernels, 1, 0) > 0;
      entry.revents = holds ? kernels.revents : short{0};
    } else if (File* const file = table_.find(entry.fd)) {
      const std::uint32_t asked =
          static_cast<std::uint16_t>(entry.events) | std::uint32_t{POLLERR | POLLHUP};
      std::uint32_t events = file->events(asked);
      if (asks_kernel && file->kind() == FileKind::Epoll) {
        events |= static_cast<EpollSet&>(*file).kernel_events();
      }
      entry.revents = static_cast<short>(events & asked);
    } else {
      entry.revents = POLLNVAL;
    }
    found += entry.revents != 0 ? 1 : 0;
  }
  return found;
}

int Sockets::poll(pollfd* fds, nfds_t count, int timeout) {
  if (count > table_.limit() && count > numbers_allowed_now()) {
    return -EINVAL;
  }
  if (fds == nullptr && count > 0) {
    return -EFAULT;
  }
  waiting_.turn();
  refusals_ = 0;
  return poll_until(fds, count, deadline_of(waiting_.now(), timeout));
}

int Sockets::poll_until(pollfd* fds, nfds_t count, Instant deadline) {
  const bool has_kernels = std::any_of(
      fds, fds + count, [this](const pollfd& entry) { return must_ask_kernel(entry.fd); });
  int found = look_at(fds, count, true);
  bool has_asked = true;
  Instant next_look = has_kernels ? waiting_.now() + kKernelPace : Waiting::kForEver;
  while (found == 0 && waiting_.now() < deadline) {
    const int woken = waiting_.wait(std::min(deadline, next_look), Waiting::kNoDescriptor);
    has_asked = waiting_.now() >= next_look;
    next_look = has_asked ? waiting_.now() + kKernelPace : next_look;
    found = look_at(fds, count, has_asked);
    if (found == 0 && woken < 0) {
      return woken == -ERESTART ? -EINTR : woken;
    }
  }
  // Time may be up a little before it is the kernel's turn again.
  return found == 0 && !has_asked && has_kernels ? look_at(fds, count, true) : found;
}

}  // namespace millrace::posix
