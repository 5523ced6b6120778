// millrace-echo: sends back what it receives on port 7, in the very packets it came in. One handler
// serves all connections of all cores, because there is nothing to remember.
#include <millrace/program.hpp>

class Echo final : public millrace::TcpHandler {
 public:
  void on_readable(millrace::TcpSocket socket) override { forward(socket); }
  void on_writable(millrace::TcpSocket socket) override { forward(socket); }
  void on_peer_finished(millrace::TcpSocket socket) override { socket.close(); }

 private:
  // A packet is taken only if it can leave again. What must wait stays where it is, so the peer's
  // window closes, and on_writable follows when there is room.
  static void forward(millrace::TcpSocket socket) {
    while (socket.readable() > 0 && socket.writable() > 0) {
      if (!socket.send(*socket.receive_buffer())) {
        return static_cast<void>(socket.abort());
      }
    }
  }
};

millrace::Result<void, std::string> start_echo(millrace::Worker& worker) {
  static Echo echo;
  const auto listener = worker.listen({.port = millrace::Port{7}}, echo);
  if (!listener) {
    return millrace::fail("port 7: " + std::string{to_string(listener.error())});
  }
  return {};
}

int main(int argc, char** argv) {
  millrace::Program program{"millrace-echo", "Sends back what it receives on port 7."};
  return program.suggest("nc {address} 7").run(argc, argv, start_echo);
}
