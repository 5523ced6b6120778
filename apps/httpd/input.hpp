// Bytes received and not yet understood: a request's head fits, and no more is taken from the
// socket, so that a client that sends ahead fills TCP's window, not our memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <millrace/tcp.hpp>

#include "httpd/request_parser.hpp"

namespace httpd {

class Input {
 public:
  explicit Input(millrace::TcpSocket socket) noexcept : socket_{socket} {}

  /// Receives what there is room for. False: nothing came; see `has_ended`.
  [[nodiscard]] bool fill() {
    if (begin_ > 0) {
      std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
    }
    const auto received = socket_.receive(std::span{bytes_}.subspan(end_));
    if (!received) {
      has_ended_ = has_ended_ || received.error() == millrace::Error::EndOfStream;
      return false;
    }
    end_ += *received;
    return *received > 0;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::span{bytes_}.subspan(begin_, end_ - begin_);
  }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  void drop(std::size_t bytes) noexcept { begin_ += bytes; }
  void drop_all() noexcept { begin_ = end_ = 0; }
  /// Whether the peer has finished and all of it was received.
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }

 private:
  millrace::TcpSocket socket_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool has_ended_ = false;
  std::array<std::byte, kHeadBytesMax> bytes_;
};

}  // namespace httpd
