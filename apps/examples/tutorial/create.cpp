// tutorial-create SERVER: makes a socket, looks at it, and gives it up before anything was sent.
#include <iostream>

#include <millrace/program.hpp>

struct Client final : millrace::TcpHandler {
  millrace::Result<void, std::string> start(millrace::Worker& on) {
    worker = &on;
    millrace::TcpSocket nothing;
    std::cout << "a TcpSocket without connection: " << to_string(nothing.state()) << '\n';

    auto socket = worker->connect(*server, *this);
    if (!socket) {
      return millrace::fail("connect", socket.error());
    }
    std::cout << "connect has returned: " << to_string(socket->state()) << '\n';
    std::cout << "from " << socket->endpoints()->local.to_string();
    std::cout << " to " << socket->endpoints()->remote.to_string() << '\n';
    socket->abort();
    return {};
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
  millrace::Program program{"tutorial-create", "Makes a socket and looks at it."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
