// File: what a descriptor of ours names, and who watches it. Which events hold is its own to know.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "base/intrusive_list.hpp"

namespace millrace::posix {

class File;
class EpollSet;

/// One file in one epoll set.
struct Watch {
  Watch(File& watched, EpollSet& watching) noexcept : file{watched}, set{watching} {}

  File& file;
  EpollSet& set;
  std::uint32_t events = 0;  // What was asked for.
  epoll_data_t data{};
  bool is_disarmed = false;  // EPOLLONESHOT has fired.
  base::ListLink of_file;
  base::ListLink of_set;
  base::ListLink ready;  // Among those whose events may hold.
};

enum class FileKind : std::uint8_t { Tcp, Udp, Epoll };

class File {
 public:
  using Watches = base::IntrusiveList<Watch, &Watch::of_file>;

  explicit File(FileKind kind) noexcept : kind_{kind} {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  [[nodiscard]] FileKind kind() const noexcept { return kind_; }
  /// Those of the events asked for that hold now, EPOLLERR and EPOLLHUP asked for or not.
  [[nodiscard]] virtual std::uint32_t events(std::uint32_t asked) = 0;
  /// Something has happened: whoever watches is to look.
  void note() noexcept;

  Watches watches;
  int number = -1;              // Its descriptor; -1 while it has none.
  std::uint32_t pins = 0;       // Calls that wait on it, or let turns run.
  bool is_nonblocking = false;  // O_NONBLOCK.
  bool closes_on_exec = false;  // FD_CLOEXEC, for whoever asks.
  bool is_closing = false;      // Closed while it is pinned: it goes with the last pin.

 private:
  FileKind kind_;
};

}  // namespace millrace::posix
