// EalText: catches what EAL and the drivers print, and picks from it the line that tells a cause.
// Starting the EAL is left to eal.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::device {

/// DPDK's log, kept in memory (its last part), and passed through to standard error if verbose.
/// Must not move.
class EalText {
 public:
  explicit EalText(bool is_verbose);
  EalText(const EalText&) = delete;
  EalText& operator=(const EalText&) = delete;
  ~EalText();

  /// The last line that tells a cause, without its prefix, and what helps where that is known;
  /// empty if there is none.
  [[nodiscard]] std::string last_cause() const;
  /// One line on why the EAL did not start, from the log, or from what it printed elsewhere, or
  /// from its error number.
  [[nodiscard]] std::string start_failure(std::string_view standard_error, int error_number) const;
  void forget() noexcept;

 private:
  static ssize_t on_write(void* self, const char* bytes, std::size_t size);
  [[nodiscard]] std::string kept() const;

  bool is_verbose_;
  std::string kept_;
  std::FILE* stream_;
};

/// Diverts the process's standard output and standard error to memory while it lives: EAL prints
/// its usage and getopt's complaints there, whatever the log is set to.
class StandardStreams {
 public:
  StandardStreams();
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;
  ~StandardStreams();

  /// Puts both back and returns what went to standard error.
  std::string restore();

 private:
  int saved_output_;
  int saved_error_;
  int memory_;
};

}  // namespace millrace::device
