// SelectSets: what select asks for and answers, in terms of poll.
#pragma once

#include <poll.h>
#include <sys/select.h>

#include <span>

namespace millrace::posix {

struct SelectSets {
  fd_set* readable = nullptr;  ///< Each may be null.
  fd_set* writable = nullptr;
  fd_set* exceptional = nullptr;

  /// Whether one of the sets has it.
  [[nodiscard]] bool have(int fd) const noexcept;
  /// Writes an entry for each descriptor below `count` that is in one of the sets; returns how many
  /// there are. `entries` has room for `count`.
  [[nodiscard]] std::size_t ask(int count, std::span<pollfd> entries) const noexcept;
  /// Of the sets that have the entry's descriptor: for how many something holds.
  [[nodiscard]] int count_held(const pollfd& entry) const noexcept;
  /// Leaves in the sets only those below `count` for which something holds.
  void keep_held(int count, std::span<const pollfd> entries) const noexcept;
};

}  // namespace millrace::posix
