// The line is written by hand: names are our own words, and numbers need no care.
#include "load/load.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

namespace load {

Load::Load(millrace::Worker& worker, const Options& options,
           std::move_only_function<void(int)> on_end)
    : worker_{worker}, options_{options}, on_end_{std::move(on_end)} {}

Load::~Load() = default;

void Load::start() {
  started_ = worker_.now();
  running_ = options_.connections;
  for (std::uint64_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, i));
  }
  for (const auto& connection : connections_) {
    connection->run();
  }
}

bool Load::take_request() {
  const bool is_late = options_.duration && worker_.now() - started_ >= *options_.duration;
  const bool is_enough = options_.requests && requests_taken_ >= *options_.requests;
  if (is_late || is_enough) {
    return false;
  }
  ++requests_taken_;
  return true;
}

void Load::count_done(std::uint64_t bytes_out, std::uint64_t bytes_in) {
  ++done_;
  bytes_out_ += bytes_out;
  bytes_in_ += bytes_in;
}

void Load::count_failed(std::string_view reason) {
  ++failed_;
  const auto known = reasons_.find(reason);
  if (known != reasons_.end()) {
    ++known->second;
  } else {
    reasons_.emplace(reason, 1);
  }
}

void Load::on_connection_ended() {
  if (--running_ == 0) {
    finish();
  }
}

void Load::finish() {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(worker_.now() - started_).count();
  std::string line = "{\"connections\": " + std::to_string(connections_opened_) +
                     ", \"done\": " + std::to_string(done_) +
                     ", \"failed\": " + std::to_string(failed_) + ", \"errors\": {";
  bool is_first = true;
  for (const auto& [reason, count] : reasons_) {
    line +=
        (std::exchange(is_first, false) ? "\"" : ", \"") + reason + "\": " + std::to_string(count);
  }
  line += "}, \"bytes_out\": " + std::to_string(bytes_out_) +
          ", \"bytes_in\": " + std::to_string(bytes_in_) +
          ", \"milliseconds\": " + std::to_string(milliseconds) + "}\n";
  const bool is_told =
      ::write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  on_end_(is_told && failed_ == 0 && done_ > 0 ? 0 : 1);
}

}  // namespace load
