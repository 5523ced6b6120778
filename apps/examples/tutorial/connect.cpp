// tutorial-connect SERVER: opens a connection, keeps it for a tenth of a second, closes it.
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
    std::cout << "connect has returned: " << to_string(socket->state()) << '\n';
    return {};
  }
  void on_connected(millrace::TcpSocket socket) override {
    std::cout << "connected: " << to_string(socket.state()) << '\n';
    worker->after(100ms, [socket] { socket.close(); });
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
  millrace::Program program{"tutorial-connect", "Opens a connection and closes it."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
