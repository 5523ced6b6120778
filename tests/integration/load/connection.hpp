// Connection: one of those that a run keeps going: connects, sends requests, checks the answers,
// closes, and begins again while there are requests left.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <millrace/tcp.hpp>
#include <millrace/worker.hpp>

#include "load/body.hpp"
#include "load/response_reader.hpp"

namespace load {

class Load;

/// `load` outlives it.
class Connection final : public millrace::TcpHandler {
 public:
  Connection(Load& load, std::uint64_t number) noexcept : load_{load}, number_{number} {}

  /// Takes a request and connects, or tells the run that there is none.
  void run();

  void on_connected(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

 private:
  static constexpr std::size_t kPieceBytes = 16'384;

  void begin_request();
  void send_more();
  [[nodiscard]] bool refill();
  void on_answer();
  [[nodiscard]] std::string_view flaw_in_answer();
  void end_request(std::string_view flaw);
  void set_deadline();
  void run_later();
  [[nodiscard]] bool closes_after_answer() const noexcept;
  [[nodiscard]] bool server_closes() const noexcept;

  Load& load_;
  std::uint64_t number_;
  std::uint64_t requests_begun_ = 0;
  millrace::TcpSocket socket_;
  millrace::Timer deadline_;
  bool is_pending_ = false;   // A request was taken and its outcome is not counted yet.
  bool is_answered_ = false;  // Its answer is there and right.
  std::string_view flaw_;     // What was wrong, once that is known; static text.
  std::string head_;
  std::size_t head_sent_ = 0;
  std::optional<SeededBody> body_;
  std::array<std::byte, kPieceBytes> piece_{};
  std::size_t piece_sent_ = 0;
  std::size_t piece_size_ = 0;
  std::optional<ResponseReader> answer_;
};

}  // namespace load
