// millrace-client ADDRESS:PORT [LINE]: sends one line, prints what comes back, ends with it.
#include <cstdio>
#include <millrace/program.hpp>

struct Client final : millrace::TcpHandler {
  millrace::Result<void, std::string> start(millrace::Worker& on) {
    worker = &on;
    if (const auto socket = worker->connect(*server, *this); !socket) {
      return millrace::fail("connect", socket.error());
    }
    return {};
  }
  void on_connected(millrace::TcpSocket socket) override {
    socket.send(line + '\n');
    socket.shutdown();
  }
  void on_readable(millrace::TcpSocket socket) override {
    for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
      std::fwrite(bytes.data(), 1, bytes.size(), stdout);
      socket.consume(bytes.size());
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    std::fprintf(stderr, "%s\n", outcome ? "done" : to_string(outcome.error()).data());
    worker->stop(outcome ? 0 : 1);
  }
  std::optional<millrace::Endpoint> server;
  std::string line = "hello";
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"millrace-client", "Sends a line and prints what comes back."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.option("LINE", client.line, "What to send").report_to_stderr(true);
  return program.run(argc, argv, [&](auto& worker) { return client.start(worker); });
}
