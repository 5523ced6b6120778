// millrace-both-ends: a server and its client in one program, on a device that hands every frame
// back. It needs no network, no root and no second program.
#include <cstdio>
#include <millrace/program.hpp>

struct Server final : millrace::TcpHandler {
  void on_readable(millrace::TcpSocket socket) override {
    while (const auto name = names.next(socket)) {
      socket.send("good day, " + std::string{*name} + '\n');
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  millrace::LineReader names{100};  // One is enough, since one client will come.
};

struct Client final : millrace::TcpHandler {
  void on_connected(millrace::TcpSocket socket) override {
    socket.send("Ada\nGrace\n");
    socket.shutdown();
  }
  void on_readable(millrace::TcpSocket socket) override {
    while (const auto answer = answers.next(socket)) {
      std::puts(std::string{*answer}.c_str());
    }
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    worker->stop(outcome ? 0 : 1);
  }
  millrace::LineReader answers{200};
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Server server;
  Client client;
  millrace::Program program{"millrace-both-ends", "Says good day to itself."};
  const auto address = millrace::IpPrefix::parse("198.18.0.2/24");
  program.report_to_stderr(true).config().devices = {{.spec = "ring", .addresses = {*address}}};
  const auto start = [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
    client.worker = &worker;
    const millrace::Endpoint self{worker.addresses().front().address(), millrace::Port{7}};
    if (const auto listener = worker.listen({.port = self.port}, server); !listener) {
      return millrace::fail("listen", listener.error());
    }
    const auto socket = worker.connect(self, client);
    return socket ? millrace::Result<void, std::string>{}
                  : millrace::fail("connect", socket.error());
  };
  return program.run(argc, argv, start);
}
