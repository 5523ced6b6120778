// tutorial-slow-reader SERVER [PATH]: asks for a file and does not read any of it for a second.
#include <iostream>

#include <millrace/program.hpp>

using namespace std::chrono_literals;

class Client final : public millrace::TcpHandler {
 public:
  millrace::Result<void, std::string> start(millrace::Worker& worker) {
    worker_ = &worker;
    if (const auto socket = worker_->connect(*server, *this); !socket) {
      return millrace::fail("connect", socket.error());
    }
    return {};
  }
  void on_connected(millrace::TcpSocket socket) override {
    socket.send("GET " + path + " HTTP/1.1\r\nHost: tutorial\r\nConnection: close\r\n\r\n");
    worker_->after(1s, [this, socket] {
      std::cout << "held back: " << socket.readable() << " bytes\n";
      reads_ = true;
      on_readable(socket);
    });
  }
  void on_readable(millrace::TcpSocket socket) override {
    if (reads_) {
      received_ += socket.readable();
      socket.consume(socket.readable());
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override {
    std::cout << "received " << received_ << " bytes, then the end of the stream\n";
    socket.close();
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void> outcome) override {
    std::cout << "closed: " << (outcome ? "in order" : to_string(outcome.error())) << '\n';
    worker_->stop();
  }

  std::optional<millrace::Endpoint> server;
  std::string path = "/book.txt";

 private:
  millrace::Worker* worker_ = nullptr;
  bool reads_ = false;
  std::size_t received_ = 0;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-slow-reader", "Lets the window close."};
  program.config().tcp.receive_buffer_bytes = 16 * 1024;
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.option("PATH", client.path, "Which file").report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
