// Standard input to the peer and the peer to standard output over UDP: what one read returns is one
// datagram. As with other netcats, UDP has no end of its own: -q, -w or a signal end it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <millrace/worker.hpp>

#include "nc/options.hpp"
#include "nc/standard_io.hpp"

namespace nc {

/// Runs on one worker's core; reads and writes run on its helper threads.
class UdpRelay final : public millrace::UdpHandler {
 public:
  /// Called once, with the exit status.
  using OnEnd = std::move_only_function<void(int status)>;

  UdpRelay(millrace::Worker& worker, StandardIo& io, const Options& options, OnEnd on_end);

  /// Connects, or waits for the first datagram. The error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> start();

  void on_readable(millrace::UdpSocket socket) override;
  void on_writable(millrace::UdpSocket socket) override;
  void on_error(millrace::UdpSocket socket, const millrace::UdpError& error) override;

 private:
  // The most that a datagram carries.
  static constexpr std::size_t kChunkBytes = 65'507;

  // One direction.
  struct Direction {
    bool is_busy = false;  // A helper reads or writes the chunk.
    std::size_t size = 0;  // What of the chunk is to be handed on.
    int error = 0;         // Of the system; set by the helper.
    std::array<std::byte, kChunkBytes> chunk;
  };

  void begin();
  void read_input();
  void send_input();
  void finish_input();
  void write_output();
  void take_datagram(millrace::Datagram datagram);
  void watch_idle();
  void fail(std::string_view what, std::string_view why);
  void say(std::string_view what) const;
  void end(int status);

  millrace::Worker& worker_;
  StandardIo& io_;
  const Options& options_;
  OnEnd on_end_;
  std::string peer_name_;  // For messages.
  millrace::UdpSocket socket_;
  millrace::Instant last_traffic_{};
  bool has_peer_ = false;
  Direction input_;   // From standard input.
  Direction output_;  // To standard output.
};

}  // namespace nc
