// A program of somebody else's, against an installed Millrace: says hello to itself over a device
// that hands its frames back, and prints what arrived.
#include <cstdio>
#include <millrace/program.hpp>

struct Hello final : millrace::TcpHandler {
  void on_connected(millrace::TcpSocket socket) override { socket.send("hello\n"); }
  void on_readable(millrace::TcpSocket socket) override {
    std::fwrite(socket.peek().data(), 1, socket.readable(), stdout);
    worker->stop();
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void>) override { worker->stop(3); }
  millrace::Worker* worker = nullptr;
};

int main(int argc, char** argv) {
  Hello hello;
  millrace::Program program{"hello", "Says hello to itself."};
  program.report_to_stderr(true);
  return program.run(argc, argv, [&hello](millrace::Worker& worker) {
    hello.worker = &worker;
    const millrace::Endpoint self{millrace::IpAddress::v4(198, 18, 0, 2), millrace::Port{7}};
    const bool is_open = worker.listen({.port = self.port}, hello) && worker.connect(self, hello);
    return is_open ? millrace::Result<void, std::string>{} : millrace::fail("no socket");
  });
}
