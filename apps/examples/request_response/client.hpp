// Client: sends requests without waiting for the answers before, and gives each its own limit in
// time. What no answer has come to by then is reported; answers that come later are ignored.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <millrace/line_reader.hpp>
#include <millrace/worker.hpp>

namespace example {

class Client final : public millrace::TcpHandler {
 public:
  Client(millrace::Worker& worker, millrace::Duration timeout)
      : worker_{worker}, timeout_{timeout} {}

  millrace::Result<void, std::string> start(const millrace::Endpoint& server, std::string words) {
    words_ = std::move(words);
    // Whoever does not answer requests may not answer a SYN either: the limit holds for that, too.
    const auto socket = worker_.connect(server, *this, {.timeout = timeout_});
    return socket ? millrace::Result<void, std::string>{}
                  : millrace::fail("client", socket.error());
  }

  void on_connected(millrace::TcpSocket socket) override {
    socket.set_no_delay(true);
    for (std::size_t at = 0; at < words_.size();) {
      const std::size_t end = std::min(words_.find(' ', at), words_.size());
      if (end > at) {
        ask(socket, words_.substr(at, end - at));
      }
      at = end + 1;
    }
    end_if_done(socket);
  }
  void on_readable(millrace::TcpSocket socket) override {
    while (const auto answer = reader_.next(socket)) {
      take(*answer);
    }
    if (reader_.is_too_long()) {
      socket.abort();
    }
    end_if_done(socket);
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    for (auto& [number, request] : waiting_) {
      request.limit.cancel();
      std::printf("%s: %s\n", request.word.c_str(),
                  outcome ? "the server has ended" : to_string(outcome.error()).data());
      has_failed_ = true;
    }
    if (!outcome && waiting_.empty()) {
      std::fprintf(stderr, "client: %s\n", to_string(outcome.error()).data());
      has_failed_ = true;
    }
    worker_.stop(has_failed_ ? 1 : 0);
  }

 private:
  struct Request {
    std::string word;
    millrace::Timer limit;
  };

  void ask(millrace::TcpSocket socket, std::string word) {
    const unsigned number = ++asked_;
    const std::string line = std::to_string(number) + ' ' + word + '\n';
    const auto limit = worker_.after(timeout_, [this, socket, number] {
      std::printf("%s: no answer in time\n", waiting_.at(number).word.c_str());
      has_failed_ = true;
      waiting_.erase(number);
      end_if_done(socket);
    });
    if (socket.writable() < line.size() || !limit || !socket.send(line)) {
      socket.abort();
      return;
    }
    waiting_.emplace(number, Request{std::move(word), *limit});
  }

  void take(std::string_view answer) {
    unsigned number = 0;
    const auto parsed = std::from_chars(answer.data(), answer.data() + answer.size(), number);
    const auto request = waiting_.find(number);
    if (parsed.ec != std::errc{} || request == waiting_.end()) {
      return;  // Late, or nothing that we asked for.
    }
    answer.remove_prefix(std::min(answer.size(), answer.find(' ') + 1));
    std::printf("%s: %.*s\n", request->second.word.c_str(), static_cast<int>(answer.size()),
                answer.data());
    request->second.limit.cancel();
    waiting_.erase(request);
  }

  void end_if_done(millrace::TcpSocket socket) {
    if (waiting_.empty()) {
      socket.close();
    }
  }

  millrace::Worker& worker_;
  millrace::Duration timeout_;
  std::string words_;
  millrace::LineReader reader_{1000};
  unsigned asked_ = 0;
  std::unordered_map<unsigned, Request> waiting_;  // By number.
  bool has_failed_ = false;
};

}  // namespace example
