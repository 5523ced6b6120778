// Talker: the application at one end of a connection. It sends the stream of its plan and checks
// the one that it receives, in pieces of varied size, by every call that there is, at the pace that
// the plan wants; and it notices when the library breaks its word on events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/worker.hpp>

#include "apps/sim/plan.hpp"
#include "base/random.hpp"

namespace swarm {

class Talker : public millrace::TcpHandler {
 public:
  using OnOpen = std::move_only_function<void(millrace::TcpSocket)>;

  /// All must outlive it. `on_open` hears of its socket.
  Talker(millrace::Worker& worker, const EndPlan& plan, OnOpen on_open);

  void on_accepted(millrace::TcpSocket socket) override { begin(socket); }
  void on_connected(millrace::TcpSocket socket) override { begin(socket); }
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

  /// So much of the stream has left with the SYN.
  void note_sent(std::uint64_t bytes) noexcept { sent_ = bytes; }

  /// Is called when the connection has ended.
  void on_end(std::move_only_function<void()> callback) { on_end_ = std::move(callback); }

  [[nodiscard]] const std::optional<millrace::Result<void>>& outcome() const noexcept {
    return outcome_;
  }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  [[nodiscard]] bool has_stalled() const noexcept { return is_stalling_; }
  [[nodiscard]] millrace::TcpSocket socket() const noexcept { return socket_; }
  [[nodiscard]] const EndPlan& plan() const noexcept { return plan_; }
  /// What went wrong whatever the connection's end, in words; empty when nothing did.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// As above, and whether all has been received and the connection ended in order. What is aborted
  /// may end in any way but not at all.
  [[nodiscard]] std::string verdict(bool may_abort) const;

 private:
  void begin(millrace::TcpSocket socket);
  void apply_options();
  // Writing.
  void write();
  [[nodiscard]] std::size_t write_piece(std::size_t bytes);
  [[nodiscard]] std::size_t write_copy(std::size_t bytes, bool is_urgent);
  [[nodiscard]] std::size_t write_buffer(std::size_t bytes);
  [[nodiscard]] bool is_trouble(const millrace::Error& error) const noexcept;
  // Reading.
  void read_soon();
  void read();
  [[nodiscard]] std::size_t read_piece();
  void check(std::span<const std::byte> bytes);
  [[nodiscard]] bool stalls();
  // Ending.
  [[nodiscard]] bool has_all() const noexcept { return received_ >= plan_.receive_bytes; }
  void finish_if_done();
  void complain(const std::string& what);
  void after(Duration delay, millrace::Timer& timer, void (Talker::*what)());
  void on_write_timer();
  void on_read_timer();

  millrace::Worker& worker_;
  const EndPlan& plan_;
  OnOpen on_open_;
  std::move_only_function<void()> on_end_;
  millrace::base::Random random_;
  std::vector<std::byte> scratch_;
  millrace::TcpSocket socket_;
  millrace::Timer write_timer_;
  millrace::Timer read_timer_;
  bool is_write_paused_ = false;
  bool is_read_paused_ = false;
  bool is_stalling_ = false;
  bool has_stall_begun_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool has_begun_ = false;
  bool has_shut_down_ = false;
  bool peer_has_finished_ = false;
  std::optional<millrace::Result<void>> outcome_;
  std::string problem_;
};

}  // namespace swarm
