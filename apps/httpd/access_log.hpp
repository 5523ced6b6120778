// The access log of one core: lines collect in memory and are written by helper threads, so that a
// full or slow disk delays no connection. How a line looks is log_line's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <millrace/worker.hpp>

#include "httpd/document_root.hpp"
#include "httpd/http_date.hpp"
#include "httpd/log_line.hpp"

namespace httpd {

/// Where the lines go. Blocks, so after `open` it is used on helper threads, one at a time.
class LogFile {
 public:
  /// Opens or makes `path` for appending; "-" is standard output. The error is a sentence.
  [[nodiscard]] static millrace::Result<LogFile, std::string> open(const std::string& path);

  /// Appends `text`. When the file has been renamed or removed, which is how logs are rotated, one
  /// of the old name is made first. Trouble is told on standard error, once until it is over.
  void write(std::string_view text) noexcept;

 private:
  LogFile(std::string path, File file) : path_{std::move(path)}, file_{std::move(file)} {}
  void reopen_if_moved() noexcept;
  void tell(int error) noexcept;

  std::string path_;
  File file_;
  bool is_in_trouble_ = false;
};

/// Used on its core. Holds at most two batches of lines; lines beyond them are lost and counted.
class AccessLog {
 public:
  AccessLog(millrace::Worker& worker, LogFile file) : worker_{worker}, file_{std::move(file)} {}
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  /// Writes what is left, once the worker and its helpers have ended.
  ~AccessLog();

  /// Adds a line for the end of a request, at `seconds` since 1970. `entry.time` is filled in here.
  void add(LogEntry entry, std::int64_t seconds);

  /// Lines that found both batches full.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  static constexpr std::size_t kBatchBytesMax = 256 * 1024;

  void write_later();
  void write_now();

  millrace::Worker& worker_;
  LogFile file_;
  SecondText time_{&append_log_time};
  std::string lines_;    // Filled by the core.
  std::string written_;  // A helper's while `is_writing_`.
  bool is_writing_ = false;
  bool has_written_ = false;  // Set by the helper; read when the job is back, or will never be.
  bool waits_ = false;        // A timer will write.
  std::uint64_t lost_ = 0;
  std::uint64_t lost_told_ = 0;
};

}  // namespace httpd
