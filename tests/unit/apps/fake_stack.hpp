// Sockets and a worker without a stack: what a program receives is written into them, what it does
// is read from them. Linked instead of the library; only what the tested programs call is there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/worker.hpp>

namespace millrace::stack {

/// One connection, seen from the peer's side.
struct FakeConnection {
  std::string to_read{};  ///< Sent by the peer and not yet received.
  bool peer_finished = false;
  std::string sent{};          ///< What the program has sent.
  std::size_t room = 1 << 20;  ///< Bytes that `send` still takes.
  std::size_t untaken = 0;     ///< Bytes that were sent and the peer has not acknowledged.
  bool lacks_packets = false;  ///< `send` finds none left.
  bool is_shut_down = false;
  bool is_closed = false;
  bool is_aborted = false;
  bool is_gone = false;  ///< The handle is stale.
  void* user_data = nullptr;
};

/// What the handles point to.
class Stack {
 public:
  FakeConnection connection;
  bool is_listening = true;
};

}  // namespace millrace::stack

/// Runs timers and background work when told to.
class FakeWorker final : public millrace::Worker {
 public:
  millrace::Result<millrace::TcpListener> listen(const millrace::ListenOptions&,
                                                 millrace::TcpHandler& handler) override {
    handler_ = &handler;
    return millrace::TcpListener{listeners_on, 1, 1};
  }
  millrace::Result<millrace::TcpSocket> connect(const millrace::Endpoint&,
                                                millrace::TcpHandler& handler,
                                                const millrace::ConnectOptions&) override {
    handler_ = &handler;
    return millrace::TcpSocket{};
  }
  millrace::Result<millrace::UdpSocket> open_udp(const millrace::UdpOptions&,
                                                 millrace::UdpHandler&) override {
    return millrace::fail(millrace::Error::Unsupported);
  }
  millrace::Result<millrace::Timer> after(millrace::Duration delay,
                                          millrace::InlineFunction function) override {
    timers_.emplace_back(now_ + delay, std::move(function));
    return millrace::Timer{};
  }
  millrace::Result<void> background(millrace::InlineFunction work,
                                    millrace::InlineFunction done) override {
    if (refuses_background) {
      return millrace::fail(millrace::Error::WouldBlock);
    }
    work_.emplace_back(std::move(work), std::move(done));
    return {};
  }
  millrace::Result<millrace::Buffer> allocate_buffer() override {
    return millrace::fail(millrace::Error::OutOfPackets);
  }
  void stop(int) noexcept override {}
  [[nodiscard]] millrace::Instant now() const noexcept override { return now_; }
  [[nodiscard]] const millrace::CoreStats& stats() const noexcept override { return stats_; }
  [[nodiscard]] millrace::CoreUsage usage() const noexcept override { return {}; }
  [[nodiscard]] std::span<const millrace::InterfaceAddress> addresses() const noexcept override {
    return {};
  }
  [[nodiscard]] std::span<const millrace::Endpoint> name_servers() const noexcept override {
    return {};
  }
  [[nodiscard]] unsigned index() const noexcept override { return 0; }

  [[nodiscard]] millrace::TcpHandler& handler() { return *handler_; }
  /// Runs background work and due timers until there is none.
  void settle();
  /// Drops work and timers, whose owner is about to go.
  void forget() {
    work_.clear();
    timers_.clear();
  }
  /// Lets time pass in steps of a second.
  void pass(millrace::Duration time);

  bool refuses_background = false;
  millrace::stack::Stack* listeners_on = nullptr;  ///< What a closed listener tells; may be null.

 private:
  bool run_due_timer();

  millrace::TcpHandler* handler_ = nullptr;
  millrace::Instant now_{};
  millrace::CoreStats stats_;
  std::vector<std::pair<millrace::Instant, millrace::InlineFunction>> timers_;
  std::vector<std::pair<millrace::InlineFunction, millrace::InlineFunction>> work_;
};
