// The end of the conversations that runs on Millrace: opens some, accepts others, until the time is
// over and all of them are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <millrace/endpoint.hpp>
#include <millrace/tcp.hpp>
#include <millrace/worker.hpp>

#include "pressure/player.hpp"

namespace pressure {

struct MillraceOptions {
  millrace::Endpoint peer;  ///< Where the kernel's end listens.
  millrace::Port port;      ///< Where we do.
  std::uint64_t seed = 1;
  std::uint64_t lanes = 100;  ///< Conversations that we keep open at the same time.
  millrace::Duration duration{};
};

class MillraceEnd;

/// One connection and its player.
class MillraceConversation : public millrace::TcpHandler, private Wire {
 public:
  void on_connected(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

 protected:
  explicit MillraceConversation(MillraceEnd& end) noexcept : end_{end} {}

  void begin(millrace::TcpSocket socket, const Player& player);
  /// It is over; `this` may be deleted.
  virtual void on_over() = 0;

  MillraceEnd& end_;

 private:
  std::size_t send(std::span<const std::byte> bytes) override;
  std::size_t receive(std::span<std::byte> into) override;
  void finish_sending() override;
  void close() override;
  void abort() override;

  void pump();
  void set_timer();

  millrace::TcpSocket socket_;
  millrace::Timer timer_;
  std::optional<Player> player_;
};

/// Conversations that we open, one after the other.
class Lane final : public MillraceConversation {
 public:
  Lane(MillraceEnd& end, std::uint64_t number) noexcept
      : MillraceConversation{end}, number_{number} {}

  void run();

 private:
  void on_over() override;

  std::uint64_t number_;
  std::uint64_t rounds_ = 0;
};

/// One that the peer opened. Deletes itself when it is over.
class Guest final : public MillraceConversation {
 public:
  static void receive(MillraceEnd& end, millrace::TcpSocket socket);

 private:
  explicit Guest(MillraceEnd& end) noexcept : MillraceConversation{end} {}
  void on_over() override;
};

/// On one worker.
class MillraceEnd final : public millrace::TcpHandler {
 public:
  /// `on_end` hears the exit status. All must outlive this.
  MillraceEnd(millrace::Worker& worker, const MillraceOptions& options,
              std::function<void(int)> on_end);

  [[nodiscard]] millrace::Result<void> start();
  void on_accepted(millrace::TcpSocket socket) override;

  // For the conversations.
  [[nodiscard]] millrace::Worker& worker() noexcept { return worker_; }
  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] const MillraceOptions& options() const noexcept { return options_; }
  [[nodiscard]] bool is_time_over() const noexcept;
  void on_lane_done() noexcept { --lanes_running_; }
  void on_guest_gone() noexcept { --guests_; }

 private:
  void end_if_over();

  millrace::Worker& worker_;
  MillraceOptions options_;
  std::function<void(int)> on_end_;
  Ledger ledger_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::uint64_t lanes_running_ = 0;
  std::uint64_t guests_ = 0;
  millrace::Instant began_at_{};
  millrace::Instant busy_at_{};  // When a conversation was last open.
};

}  // namespace pressure
