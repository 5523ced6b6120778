// Server: answers each request after a while, as if it had to work for it. Meanwhile the connection
// may go: the handle that the timer keeps is stale then, and `send` says so.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <millrace/line_reader.hpp>
#include <millrace/worker.hpp>

namespace example {

class Server final : public millrace::TcpHandler {
 public:
  static constexpr std::size_t kRequestBytesMax = 1000;

  Server(millrace::Worker& worker, millrace::Duration work_per_letter)
      : worker_{worker}, work_per_letter_{work_per_letter} {}

  millrace::Result<void, std::string> start(millrace::Port port) {
    const auto listener = worker_.listen({.port = port}, *this);
    return listener ? millrace::Result<void, std::string>{}
                    : millrace::fail("server", listener.error());
  }

  void on_accepted(millrace::TcpSocket socket) override {
    socket.set_user_data(std::make_unique<millrace::LineReader>(kRequestBytesMax).release());
    socket.set_no_delay(true);
  }
  void on_readable(millrace::TcpSocket socket) override {
    auto& reader = *socket.user_data_as<millrace::LineReader>();
    while (const auto request = reader.next(socket)) {
      work_on(socket, *request);
    }
    if (reader.is_too_long()) {
      socket.abort();
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> /*outcome*/) override {
    const std::unique_ptr<millrace::LineReader> forgotten{
        socket.user_data_as<millrace::LineReader>()};
  }

 private:
  void work_on(millrace::TcpSocket socket, std::string_view request) {
    const std::size_t space = std::min(request.find(' '), request.size());
    std::string answer{request};
    std::reverse(answer.begin() + static_cast<std::ptrdiff_t>(std::min(space + 1, answer.size())),
                 answer.end());
    const auto letters = static_cast<millrace::Duration::rep>(request.size() - space);
    auto text = std::make_unique<std::string>(std::move(answer) + '\n');
    const auto timer = worker_.after(letters * work_per_letter_, [socket, text = std::move(text)] {
      // An answer is sent whole or not at all. A client that reads none of them has earned
      // that.
      if (socket.writable() < text->size() || !socket.send(*text)) {
        socket.abort();
      }
    });
    if (!timer) {
      socket.abort();  // Too much work at once: the client hears of it, and may come again.
    }
  }

  millrace::Worker& worker_;
  millrace::Duration work_per_letter_;
};

}  // namespace example
