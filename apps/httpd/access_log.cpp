// Two batches: the core fills one while a helper writes the other.
#include "httpd/access_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

namespace httpd {
namespace {

// How long a line may wait for company.
constexpr millrace::Duration kGatherTime = std::chrono::milliseconds{100};

// O_NONBLOCK: a FIFO that nobody reads must hold up neither the start nor the helper; a file's
// writes are as without it.
File open_for_appending(const std::string& path) noexcept {
  return File{::open(path.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640)};
}

}  // namespace

millrace::Result<LogFile, std::string> LogFile::open(const std::string& path) {
  File file =
      path == "-" ? File{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)} : open_for_appending(path);
  if (!file.is_open()) {
    return millrace::fail("--access-log " + path + ": " + std::generic_category().message(errno) +
                          "; give a file that this user may write, or - for standard output");
  }
  return LogFile{path, std::move(file)};
}

void LogFile::write(std::string_view text) noexcept {
  reopen_if_moved();
  while (!text.empty()) {
    const ssize_t count = ::write(file_.descriptor(), text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      tell(errno);
      return;
    }
  }
  is_in_trouble_ = false;
}

void LogFile::reopen_if_moved() noexcept {
  if (path_ == "-") {
    return;
  }
  struct stat held {};
  struct stat named {};
  const bool is_same = ::fstat(file_.descriptor(), &held) == 0 &&
                       ::stat(path_.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
                       held.st_ino == named.st_ino;
  if (!is_same) {
    if (File file = open_for_appending(path_); file.is_open()) {
      file_ = std::move(file);
    } else {
      tell(errno);
    }
  }
}

void LogFile::tell(int error) noexcept {
  if (!std::exchange(is_in_trouble_, true)) {
    std::fprintf(stderr,
                 "millrace-httpd: access log %s: %s; lines are lost until it can be written\n",
                 path_.c_str(), std::generic_category().message(error).c_str());
  }
}

AccessLog::~AccessLog() {
  if (is_writing_ && !has_written_) {
    file_.write(written_);
  }
  if (!lines_.empty()) {
    file_.write(lines_);
  }
}

void AccessLog::add(LogEntry entry, std::int64_t seconds) {
  // A line takes at most four times its request's head; half a batch is more than that.
  if (lines_.size() > kBatchBytesMax / 2 && is_writing_) {
    ++lost_;
    return;
  }
  entry.time = time_.at(seconds);
  append_log_line(lines_, entry);
  if (lines_.size() > kBatchBytesMax / 2) {
    write_now();
  } else {
    write_later();
  }
}

void AccessLog::write_later() {
  if (waits_ || is_writing_) {
    return;
  }
  waits_ = worker_
               .after(kGatherTime,
                      [this] {
                        waits_ = false;
                        write_now();
                      })
               .has_value();
}

void AccessLog::write_now() {
  if (is_writing_ || lines_.empty()) {
    return;
  }
  std::swap(lines_, written_);
  has_written_ = false;
  const std::uint64_t lost = lost_ - std::exchange(lost_told_, lost_);
  const auto work = [this, lost] {
    if (lost > 0) {
      std::fprintf(stderr,
                   "millrace-httpd: access log: %llu lines were lost; the disk is too slow\n",
                   static_cast<unsigned long long>(lost));
    }
    file_.write(written_);
    has_written_ = true;
  };
  const auto done = [this] {
    is_writing_ = false;
    written_.clear();
    if (!lines_.empty()) {
      write_later();
    }
  };
  is_writing_ = worker_.background(work, done).has_value();
  if (!is_writing_) {
    std::swap(lines_, written_);  // The helpers are too busy; the next line or timer tries again.
    lost_told_ -= lost;
    write_later();
  }
}

}  // namespace httpd
