// Load: the run as a whole. It hands out requests to the connections, counts what became of them,
// and ends the program with one line of JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>
#include <millrace/time.hpp>
#include <millrace/worker.hpp>

#include "load/connection.hpp"
#include "load/options.hpp"

namespace load {

/// On one worker.
class Load {
 public:
  /// `on_end` hears the exit status: 0 if every request was answered as it should be, and there was
  /// one. All must outlive this.
  Load(millrace::Worker& worker, const Options& options, std::move_only_function<void(int)> on_end);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void start();

  // For the connections.
  [[nodiscard]] millrace::Worker& worker() noexcept { return worker_; }
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  /// Whether another request is wanted; counts it.
  [[nodiscard]] bool take_request();
  void count_done(std::uint64_t bytes_out, std::uint64_t bytes_in);
  void count_failed(std::string_view reason);
  void count_connection() { ++connections_opened_; }
  /// A connection of the run has no more to do.
  void on_connection_ended();

 private:
  void finish();

  millrace::Worker& worker_;
  const Options& options_;
  std::move_only_function<void(int)> on_end_;
  millrace::Instant started_{};
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t running_ = 0;
  std::uint64_t requests_taken_ = 0;
  std::uint64_t connections_opened_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> reasons_;
};

}  // namespace load
