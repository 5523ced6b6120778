// tutorial-abort SERVER: begins a request, then breaks the connection instead of closing it.
#include <iostream>

#include <millrace/program.hpp>

using namespace std::chrono_literals;

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
    socket.send("GET /hello.txt HTTP/1.1\r\n");
    worker->after(100ms, [socket] { socket.abort(); });
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
  millrace::Program program{"tutorial-abort", "Breaks a connection."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
