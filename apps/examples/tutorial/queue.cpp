// tutorial-queue SERVER: sends a hundred requests at once, more than its send buffer holds.
#include <iostream>

#include <millrace/program.hpp>

struct Client final : millrace::TcpHandler {
  static constexpr int kRequests = 100;

  millrace::Result<void, std::string> start(millrace::Worker& on) {
    worker = &on;
    if (const auto socket = worker->connect(*server, *this); !socket) {
      return millrace::fail("connect", socket.error());
    }
    return {};
  }
  void on_connected(millrace::TcpSocket socket) override {
    for (int request = 0; request < kRequests; ++request) {
      queue.send(socket, "HEAD /hello.txt HTTP/1.1\r\nHost: tutorial\r\n\r\n");
    }
    std::cout << "sent at once: " << socket.unacknowledged() << " bytes\n";
    std::cout << "in the queue: " << queue.size() << " bytes, room for " << queue.room() << '\n';
  }
  void on_writable(millrace::TcpSocket socket) override {
    queue.flush(socket);
    if (queue.empty()) {
      std::cout << "the queue is empty\n";
    }
  }
  void on_readable(millrace::TcpSocket socket) override {
    while (const auto line = lines.next(socket)) {
      answers += line->starts_with("HTTP/1.1 200") ? 1 : 0;
    }
    if (answers == kRequests) {
      queue.close(socket);
    }
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    std::cout << answers << " answers, then "
              << (outcome ? "closed in order" : to_string(outcome.error())) << '\n';
    worker->stop();
  }

  std::optional<millrace::Endpoint> server;
  millrace::SendQueue queue{4096};
  millrace::LineReader lines{1000};
  int answers = 0;
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-queue", "Sends more than a send buffer holds."};
  program.config().tcp.send_buffer_bytes = 4096;
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
