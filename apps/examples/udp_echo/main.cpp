// millrace-udp-echo [PORT]: sends back each datagram, in the very packets that it came in. What the
// device does not take at once stays in the socket's queue, and goes on when there is room.
#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <millrace/program.hpp>

class UdpEcho final : public millrace::UdpHandler {
 public:
  void on_readable(millrace::UdpSocket socket) override { forward(socket); }
  void on_writable(millrace::UdpSocket socket) override { forward(socket); }

 private:
  void forward(millrace::UdpSocket socket) {
    do {
      if (!send_burst(socket)) {
        return;
      }
      count_ = socket.receive(burst_).value_or(0);
      next_ = 0;
    } while (count_ > 0);
  }

  // False while the rest has to wait. What cannot be sent at all is dropped: the network might have
  // done so, too.
  bool send_burst(millrace::UdpSocket socket) {
    for (; next_ < count_; ++next_) {
      millrace::Datagram& datagram = burst_[next_];
      const auto sent = socket.send_to(datagram.source, std::move(datagram.payload));
      if (!sent && (sent.error() == millrace::Error::WouldBlock ||
                    sent.error() == millrace::Error::OutOfPackets)) {
        return false;
      }
      datagram.payload = {};
    }
    return true;
  }

  std::array<millrace::Datagram, 32> burst_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
};

int main(int argc, char** argv) {
  millrace::Port port{7};
  UdpEcho echo;
  millrace::Program program{"millrace-udp-echo", "Sends back each datagram that it receives."};
  program.option("PORT", port, "UDP port").suggest("nc -u {address} 7");
  return program.run(
      argc, argv, [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
        const auto socket = worker.open_udp({.port = port}, echo);
        if (!socket) {
          return millrace::fail("port " + std::to_string(port.number()), socket.error());
        }
        return {};
      });
}
