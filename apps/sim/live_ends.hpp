// The applications of a Millrace host in a live world: one connects and sends, the other listens
// and swallows. What they say of it are plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <millrace/worker.hpp>

namespace swarm {

/// What a sender has done so far.
struct SenderReport {
  std::uint64_t queued_bytes = 0;  ///< Taken by its socket.
  std::optional<millrace::TcpInfo> info{};
  std::string controller{};
  std::uint64_t timeouts = 0;         ///< Of retransmission.
  std::uint64_t timeouts_undone = 0;  ///< Of these, too early.
  std::uint64_t tail_loss_probes = 0;
  bool is_complete = false;  ///< The connection ended in order, with all that was to be sent.
  std::string problem{};
};

class LiveSender final : public millrace::TcpHandler {
 public:
  /// `worker` must outlive it. `bytes` zero: no end.
  LiveSender(millrace::Worker& worker, const millrace::Endpoint& destination, std::uint64_t bytes);

  /// Connects; tries again for as long as nobody listens.
  void dial();
  void on_connected(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

  /// Whether its connection is over, or was never going to be.
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }
  /// Ends the connection at once.
  void abort();
  [[nodiscard]] const SenderReport& report() const noexcept { return report_; }

 private:
  void note(millrace::TcpSocket socket);
  [[nodiscard]] bool has_queued_all() const noexcept {
    return bytes_ == 0 || report_.queued_bytes == bytes_;
  }

  millrace::Worker& worker_;
  millrace::Endpoint destination_;
  std::uint64_t bytes_;
  millrace::TcpSocket socket_;
  millrace::Timer retry_;
  SenderReport report_;
  bool is_connected_ = false;
  bool is_done_ = false;
};

/// What a receiver has got, from all connections together.
struct ReceiverReport {
  std::uint64_t connections = 0;
  std::uint64_t bytes = 0;
  std::optional<millrace::Instant> first_accepted{};
  std::optional<millrace::Instant> last_received{};

  /// Bits a second from the first connection to the last byte; zero without either.
  [[nodiscard]] double goodput() const noexcept;
};

class LiveReceiver final : public millrace::TcpHandler {
 public:
  /// `worker` must outlive it.
  explicit LiveReceiver(millrace::Worker& worker) : worker_{worker} {}

  void on_accepted(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

  /// Ends all connections at once.
  void abort();
  [[nodiscard]] const ReceiverReport& report() const noexcept { return report_; }

 private:
  void drain(millrace::TcpSocket socket);

  millrace::Worker& worker_;
  std::map<std::uint64_t, millrace::TcpSocket> open_;  // By their keys.
  ReceiverReport report_;
};

}  // namespace swarm
