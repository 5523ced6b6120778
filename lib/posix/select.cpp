// select: by way of poll. What poll tells unasked and select does not, that a stream was hung up
// for instance, must not end the call.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

/// How long to leave alone what holds and was not asked for.
constexpr Duration kPaceOfUnasked = std::chrono::milliseconds{1};

/// Empty: it is none. Microseconds may be more than a second's, as in Linux.
std::optional<Duration> to_duration(const timeval& value) noexcept {
  if (value.tv_sec < 0 || value.tv_usec < 0) {
    return std::nullopt;
  }
  constexpr std::int64_t kMostSeconds = 100LL * 365 * 24 * 3600;
  const std::int64_t seconds = std::min<std::int64_t>(value.tv_sec, kMostSeconds);
  const std::int64_t microseconds = std::min<std::int64_t>(value.tv_usec, kMostSeconds * 1'000'000);
  return std::chrono::seconds{seconds} + std::chrono::microseconds{microseconds};
}

timeval to_timeval(Duration duration) noexcept {
  const Duration left = std::max(duration, Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(left - seconds);
  return {.tv_sec = seconds.count(), .tv_usec = rest.count()};
}

/// poll passes over what is negative; twice gives it back.
void set_aside(pollfd& entry) noexcept { entry.fd = ~entry.fd; }

}  // namespace

int Sockets::select(int count, const SelectSets& sets, timeval* limit) {
  const std::optional<Duration> patience = to_duration(limit == nullptr ? timeval{} : *limit);
  if (count < 0 || count > FD_SETSIZE || !patience) {
    return -EINVAL;
  }
  waiting_.turn();
  refusals_ = 0;
  const Instant deadline =
      limit == nullptr ? Waiting::kForEver : base::later(waiting_.now(), *patience);
  const int held = select_until(count, sets, deadline);
  if (limit != nullptr) {
    *limit = to_timeval(deadline - waiting_.now());
  }
  return held;
}

int Sockets::select_until(int count, const SelectSets& sets, Instant deadline) {
  std::array<pollfd, FD_SETSIZE> room{};
  const std::span entries{room.data(), sets.ask(count, room)};
  while (true) {
    const bool has_unasked =
        std::ranges::any_of(entries, [](const pollfd& entry) { return entry.fd < 0; });
    const Instant until =
        has_unasked ? std::min(deadline, waiting_.now() + kPaceOfUnasked) : deadline;
    if (const int found = poll_until(entries.data(), entries.size(), until); found < 0) {
      return found;
    }
    int held = 0;
    for (pollfd& entry : entries) {
      if ((entry.revents & POLLNVAL) != 0) {
        return -EBADF;
      }
      const bool was_aside = entry.fd < 0;
      if (was_aside) {
        set_aside(entry);
      }
      const int of_entry = sets.count_held(entry);
      held += of_entry;
      if (!was_aside && of_entry == 0 && entry.revents != 0) {
        set_aside(entry);
      }
    }
    if (held > 0 || waiting_.now() >= deadline) {
      for (pollfd& entry : entries) {
        entry.fd = entry.fd < 0 ? ~entry.fd : entry.fd;
      }
      sets.keep_held(count, entries);
      return held;
    }
  }
}

}  // namespace millrace::posix
