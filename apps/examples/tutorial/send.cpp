// tutorial-send SERVER: sends a request in three pieces and watches what is not acknowledged yet.
#include <iostream>

#include <millrace/program.hpp>

struct Client final : millrace::TcpHandler {
  millrace::Result<void, std::string> start(millrace::Worker& on) {
    worker = &on;
    const auto socket = worker->connect(*server, *this);
    if (!socket) {
      return millrace::fail("connect", socket.error());
    }
    return {};
  }
  void on_connected(millrace::TcpSocket socket) override {
    std::cout << "room for " << socket.writable() << " bytes\n";
    for (const std::string_view piece :
         {"HEAD /hello.txt HTTP/1.1\r\n", "Host: tutorial\r\n", "\r\n"}) {
      const auto taken = socket.send(piece);
      std::cout << "took " << taken.value_or(0) << " of " << piece.size() << " bytes\n";
    }
    std::cout << "not acknowledged: " << socket.unacknowledged() << '\n';
  }
  void on_readable(millrace::TcpSocket socket) override {
    std::cout << "an answer of " << socket.readable() << " bytes; ";
    std::cout << "not acknowledged: " << socket.unacknowledged() << '\n';
    socket.consume(socket.readable());
    socket.close();
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    std::cout << "closed: " << (outcome ? "in order" : to_string(outcome.error())) << '\n';
    worker->stop();
  }

  std::optional<millrace::Endpoint> server;
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-send", "Sends a request in three pieces."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
