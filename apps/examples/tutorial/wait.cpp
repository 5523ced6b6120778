// tutorial-wait SERVER: closes a connection, then wants its local port back and has to wait for it.
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
    port_ = socket.endpoints()->local.port;
    worker_->after(100ms, [socket] { socket.close(); });
  }
  void on_closed(millrace::TcpSocket, millrace::Result<void>) override {
    if (++closed_ == 2) {
      return worker_->stop();
    }
    std::cout << "closed; " << worker_->usage().time_wait << " connection in TIME-WAIT\n";
    closed_at_ = worker_->now();
    connect_again();
  }

  std::optional<millrace::Endpoint> server;

 private:
  void connect_again() {
    const auto socket = worker_->connect(*server, *this, {.local_port = port_});
    const auto waited = std::chrono::duration<double>{worker_->now() - closed_at_};
    if (socket) {
      std::cout << "after " << waited.count() << " s: the port is free\n";
      return;
    }
    if (waited == 0s) {
      std::cout << "the same port: " << to_string(socket.error()) << '\n';
    }
    worker_->after(10ms, [this] { connect_again(); });
  }

  millrace::Worker* worker_ = nullptr;
  millrace::Port port_;
  millrace::Instant closed_at_;
  int closed_ = 0;
};

int main(int argc, char** argv) {
  Client client;
  millrace::Program program{"tutorial-wait", "Wants a port back from TIME-WAIT."};
  program.option("SERVER", client.server, "Where to, as ADDRESS:PORT").required("SERVER");
  program.report_to_stderr(true);
  return program.run(argc, argv, [&](millrace::Worker& worker) { return client.start(worker); });
}
