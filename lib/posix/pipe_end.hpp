// What can be asked of a pipe's end, or of anything of the kernel's that bytes come from, before
// they are moved: nothing here waits.
#pragma once

#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>

namespace millrace::posix {

[[nodiscard]] inline bool is_pipe(int fd) noexcept {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

[[nodiscard]] inline bool is_nonblocking(int fd) noexcept {
  return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/// Whether `access`, O_RDONLY or O_WRONLY, is all that the descriptor allows.
[[nodiscard]] inline bool is_only_for(int fd, int access) noexcept {
  return (::fcntl(fd, F_GETFL) & O_ACCMODE) == access;
}

[[nodiscard]] inline std::size_t bytes_in(int pipe) noexcept {
  int bytes = 0;
  return ::ioctl(pipe, FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

/// Bytes that one write puts into it without waiting.
[[nodiscard]] inline std::size_t room_in(int pipe) noexcept {
  pollfd descriptor{.fd = pipe, .events = POLLOUT, .revents = 0};
  if (::poll(&descriptor, 1, 0) <= 0) {
    return 0;
  }
  // Small pieces take a page each, so what is left is known of an empty pipe alone.
  const int capacity = bytes_in(pipe) == 0 ? ::fcntl(pipe, F_GETPIPE_SZ) : 0;
  return capacity > PIPE_BUF ? static_cast<std::size_t>(capacity) : std::size_t{PIPE_BUF};
}

/// Whoever writes gets EPIPE.
[[nodiscard]] inline bool has_no_reader(int pipe) noexcept {
  pollfd descriptor{.fd = pipe, .events = 0, .revents = 0};
  return ::poll(&descriptor, 1, 0) > 0 && (descriptor.revents & POLLERR) != 0;
}

/// A pipe's end that never waits to write, whoever else writes there: another file of the same
/// pipe, as O_NONBLOCK would be its other owners' as well. Where none can be had it is the end
/// itself, which takes no more than `room_in` at once.
class PipeWriter {
 public:
  explicit PipeWriter(int pipe) noexcept : pipe_{pipe} {
    if (!is_nonblocking(pipe)) {
      std::array<char, 32> name;
      std::snprintf(name.data(), name.size(), "/proc/self/fd/%d", pipe);
      own_ = ::open(name.data(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    never_waits_ = own_ >= 0 || is_nonblocking(pipe);
  }
  PipeWriter(const PipeWriter&) = delete;
  PipeWriter& operator=(const PipeWriter&) = delete;
  ~PipeWriter() {
    if (own_ >= 0) {
      ::close(own_);
    }
  }

  /// As write(2).
  [[nodiscard]] ssize_t write(std::span<const std::byte> bytes) const noexcept {
    return ::write(own_ >= 0 ? own_ : pipe_, bytes.data(), bytes.size());
  }
  /// Bytes that one write may be given.
  [[nodiscard]] std::size_t most() const noexcept {
    return never_waits_ ? SIZE_MAX : room_in(pipe_);
  }

 private:
  int pipe_;
  int own_ = -1;
  bool never_waits_ = false;
};

/// Nothing is in it, and nobody is left to write.
[[nodiscard]] inline bool has_hung_up(int pipe) noexcept {
  pollfd descriptor{.fd = pipe, .events = POLLIN, .revents = 0};
  return ::poll(&descriptor, 1, 0) > 0 && (descriptor.revents & POLLIN) == 0;
}

/// As Linux: sendfile(2) reads what can be read from any place, so never what it would have to wait
/// for. Zero or a negative errno.
[[nodiscard]] inline int why_no_file(int fd, bool has_offset) noexcept {
  if (::fcntl(fd, F_GETFD) < 0) {
    return -EBADF;
  }
  if (::lseek(fd, 0, SEEK_CUR) < 0) {
    return has_offset ? -ESPIPE : -EINVAL;
  }
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? -EINVAL : 0;
}

}  // namespace millrace::posix
