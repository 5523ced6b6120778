// millrace-urgent: sends back on port 7 what it receives, and the urgent byte, which it receives
// out of line, as an urgent byte again.
#include <array>

#include <millrace/program.hpp>

namespace {

class UrgentEcho final : public millrace::TcpHandler {
 public:
  void on_accepted(millrace::TcpSocket socket) override { socket.set_urgent_inline(false); }
  void on_readable(millrace::TcpSocket socket) override { forward(socket); }
  void on_urgent(millrace::TcpSocket socket) override { forward(socket); }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }

 private:
  // The tests send little: whatever does not fit is a fault of theirs, which a reset shows.
  static void forward(millrace::TcpSocket socket) {
    for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
      if (socket.send(bytes).value_or(0) != bytes.size()) {
        return static_cast<void>(socket.abort());
      }
      socket.consume(bytes.size());
    }
    if (const auto urgent = socket.receive_urgent()) {
      socket.send_urgent(std::array{*urgent});
    }
  }
};

millrace::Result<void, std::string> start(millrace::Worker& worker) {
  static UrgentEcho echo;
  const auto listener = worker.listen({.port = millrace::Port{7}}, echo);
  if (!listener) {
    return millrace::fail("port 7", listener.error());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  millrace::Program program{"millrace-urgent", "Sends back what it receives, urgent or not."};
  return program.run(argc, argv, start);
}
