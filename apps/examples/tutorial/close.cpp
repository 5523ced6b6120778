// tutorial-close SERVER: half-closes, reads on until the peer has finished, then closes.
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
    socket.send("GET /hello.txt HTTP/1.1\r\nHost: tutorial\r\n\r\n");
    socket.shutdown();
    say("shut down", socket);
    if (const auto more = socket.send("more"); !more) {
      std::cout << "sending now: " << to_string(more.error()) << '\n';
    }
  }
  void on_readable(millrace::TcpSocket socket) override {
    say("reading on", socket);
    socket.consume(socket.readable());
  }
  void on_peer_finished(millrace::TcpSocket socket) override {
    say("the peer has finished", socket);
    socket.close();
  }
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override {
    say(outcome ? "closed in order" : to_string(outcome.error()), socket);
    worker->stop();
  }
  static void say(std::string_view what, millrace::TcpSocket socket) {
    std::cout << what << ": " << to_string(socket.state()) << '\n';
  }

  std::optional<millrace::Endpoint> server;
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-close", "Closes one direction, then the other."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
