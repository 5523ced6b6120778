// Standard input to the peer and the peer to standard output, for one connection. Each direction
// has one chunk of memory, which is either being filled or being emptied; that is all the buffering
// and all the flow control there is.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/worker.hpp>

#include "nc/options.hpp"
#include "nc/standard_io.hpp"

namespace nc {

/// Runs on one worker's core; reads and writes run on its helper threads.
class Relay final : public millrace::TcpHandler {
 public:
  /// Called once, with the exit status.
  using OnEnd = std::move_only_function<void(int status)>;

  Relay(millrace::Worker& worker, StandardIo& io, const Options& options, OnEnd on_end);

  /// Connects or listens. The error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> start();

  void on_accepted(millrace::TcpSocket socket) override;
  void on_connected(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

 private:
  static constexpr std::size_t kChunkBytes = 64 * 1024;

  // One direction.
  struct Direction {
    bool is_busy = false;  // A helper reads or writes the chunk.
    bool is_finished = false;
    std::size_t begin = 0;  // What of the chunk is to be handed on.
    std::size_t end = 0;
    int error = 0;  // Of the system; set by the helper.
    std::array<std::byte, kChunkBytes> chunk;
  };

  void stop_listening();
  void begin(millrace::TcpSocket socket);
  void read_input();
  void send_input();
  void finish_input();
  void write_output();
  [[nodiscard]] std::size_t next_output();
  void on_output_written();
  void keep_rest();
  void end_if_done();
  void watch_idle();
  void give_up(std::string_view why);
  void fail(std::string_view what, std::string_view why);
  void say(std::string_view what) const;
  void end();

  millrace::Worker& worker_;
  StandardIo& io_;
  const Options& options_;
  OnEnd on_end_;
  std::string peer_name_;  // For messages.
  millrace::TcpListener listener_;
  millrace::TcpSocket socket_;
  millrace::Instant last_traffic_{};
  bool has_failed_ = false;
  bool gave_up_ = false;
  bool peer_finished_ = false;
  bool is_closed_ = false;
  std::vector<std::byte>
      rest_;  // Received and unread when the connection ended; at most a receive buffer.
  std::size_t rest_begin_ = 0;
  Direction input_;   // From standard input.
  Direction output_;  // To standard output.
};

}  // namespace nc
