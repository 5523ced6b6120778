// tutorial-receive SERVER [PATH]: asks for a file and reads the answer as it comes.
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
    socket.send("GET " + path + " HTTP/1.1\r\nHost: tutorial\r\nConnection: close\r\n\r\n");
  }
  void on_readable(millrace::TcpSocket socket) override {
    // `peek` lends the bytes of one packet at a time; nothing is copied on the way here.
    for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
      received += bytes.size();
      socket.consume(bytes.size());
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override {
    std::cout << "received " << received << " bytes, then the end of the stream\n";
    socket.close();
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    std::cout << "closed: " << (outcome ? "in order" : to_string(outcome.error())) << '\n';
    worker->stop();
  }

  std::optional<millrace::Endpoint> server;
  std::string path = "/page.txt";
  std::size_t received = 0;
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-receive", "Asks for a file and counts its bytes."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.option("PATH", client.path, "Which file").report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
