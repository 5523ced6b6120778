// millrace-timers: a server that says goodbye to connections on which nothing is said. It shows the
// three ways of using timers: one that is set anew whenever something happens, one that repeats
// without drifting, and one that ends the program.
#include <cstdio>
#include <memory>
#include <string>

#include <millrace/program.hpp>

namespace {

struct Options {
  millrace::Port port{4001};
  millrace::Duration silence = std::chrono::seconds{10};
  millrace::Duration report = std::chrono::seconds{1};
  std::optional<std::uint64_t> reports;
};

/// What belongs to one connection. The timer keeps the socket's handle, not the session's address,
/// so it does no harm when it fires after the session has gone.
struct Session {
  millrace::Timer goodbye;
};

class Server final : public millrace::TcpHandler {
 public:
  millrace::Result<void, std::string> start(millrace::Worker& worker, const Options& options) {
    worker_ = &worker;
    options_ = options;
    next_report_ = worker.now();
    if (const auto listener = worker.listen({.port = options.port}, *this); !listener) {
      return millrace::fail("listen", listener.error());
    }
    schedule_report();
    return {};
  }

  void on_accepted(millrace::TcpSocket socket) override {
    ++open_;
    socket.set_user_data(std::make_unique<Session>().release());
    put_off_goodbye(socket);
  }
  void on_readable(millrace::TcpSocket socket) override {
    put_off_goodbye(socket);
    while (socket.consume(socket.peek().size()) && socket.readable() > 0) {
    }
  }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> /*outcome*/) override {
    --open_;
    const std::unique_ptr<Session> session{socket.user_data_as<Session>()};
    session->goodbye.cancel();  // StaleHandle if it has fired, which is just as well.
  }

 private:
  /// Something has happened: the old timer is cancelled, a new one begins.
  void put_off_goodbye(millrace::TcpSocket socket) {
    auto& session = *socket.user_data_as<Session>();
    session.goodbye.cancel();
    const auto timer = worker_->after(options_.silence, [socket] {
      socket.send("goodbye\n");
      socket.close();
    });
    if (!timer) {
      socket.abort();  // Without a timer it might stay for ever.
      return;
    }
    session.goodbye = *timer;
  }

  /// Each deadline follows from the one before, not from the time at which it was noticed, so the
  /// intervals do not add up their delays.
  void schedule_report() {
    next_report_ += options_.report;
    if (!worker_->after(next_report_ - worker_->now(), [this] { report(); })) {
      std::fputs("no timer is left for the reports\n", stderr);
      worker_->stop(1);
    }
  }

  void report() {
    std::printf("%u open\n", open_);
    std::fflush(stdout);
    if (options_.reports && ++reports_ >= *options_.reports) {
      worker_->stop();
      return;
    }
    schedule_report();
  }

  millrace::Worker* worker_ = nullptr;
  Options options_;
  millrace::Instant next_report_{};
  std::uint64_t reports_ = 0;
  unsigned open_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  Server server;
  millrace::Program program{"millrace-timers", "Says goodbye to those who say nothing."};
  program.option("-p,--port", options.port, "Where to listen")
      .option("-s,--silence", options.silence, "How long a connection may say nothing")
      .option("-r,--report", options.report, "How often to tell how many are open")
      .option("-n,--reports", options.reports,
              "How many reports there are before the end; none: no end")
      .suggest("nc {address} 4001");
  return program.run(argc, argv, [&](auto& worker) { return server.start(worker, options); });
}
