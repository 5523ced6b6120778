// The way to the socket: texts are sent whole, with what finds no room kept until there is some;
// other bytes are offered and stay their owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <millrace/tcp.hpp>

namespace httpd {

class Output {
 public:
  /// `lacks_packets` is set when the core has no packets left for this connection. It must outlive
  /// this.
  Output(millrace::TcpSocket socket, bool& lacks_packets) noexcept
      : socket_{socket}, lacks_packets_{&lacks_packets} {}

  /// Sends `text` behind all that was sent before.
  void say(std::string_view text);
  /// Sends as much of `bytes` as there is room for, if no text waits. Returns how many.
  [[nodiscard]] std::size_t offer(std::span<const std::byte> bytes);
  /// Bytes that `offer` would take. Zero: `on_writable` will come.
  [[nodiscard]] std::size_t room();
  /// Sends what waits. False: some still does.
  [[nodiscard]] bool flush();

  /// The socket has room again.
  void on_writable() noexcept { is_blocked_ = false; }
  /// Nothing can be sent until `on_writable`.
  [[nodiscard]] bool is_blocked() const noexcept { return is_blocked_; }
  /// The connection can no longer be sent on.
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
  /// Bytes that the peer has acknowledged.
  [[nodiscard]] std::uint64_t acknowledged() const { return sent_ - socket_.unacknowledged(); }
  [[nodiscard]] bool is_all_acknowledged() const { return socket_.unacknowledged() == 0; }

 private:
  millrace::TcpSocket socket_;
  bool* lacks_packets_;
  std::string waiting_;  // Empty nearly always.
  std::uint64_t sent_ = 0;
  bool is_blocked_ = false;
  bool has_failed_ = false;
};

}  // namespace httpd
