// Transfer: an application that sends a seeded stream of bytes and checks the one it receives, in
// pieces of varied size and by every call that there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <millrace/worker.hpp>

#include "base/random.hpp"

namespace millrace::test {

/// The byte at `offset` of the stream that `seed` names.
[[nodiscard]] std::byte stream_byte(std::uint64_t seed, std::uint64_t offset);

/// How an application finishes.
enum class Ending : std::uint8_t {
  Shutdown,        ///< Half closes once all is sent; the connection ends when both have.
  CloseWhenDone,   ///< Closes once all is sent and everything up to the peer's FIN is read.
  CloseAfterSend,  ///< Closes once all is sent and as much received as is expected.
  CloseAfterPeer,  ///< Closes once the peer has finished, never first.
  AbortMidway,     ///< Aborts when half of what it expects has come.
};

struct TransferPlan {
  std::uint64_t seed = 1;  ///< Of the sizes of reads and writes.
  std::uint64_t send_seed = 1;
  std::uint64_t receive_seed = 2;
  std::uint64_t send_bytes = 0;
  std::uint64_t receive_bytes = 0;  ///< Expected, when the connection ends in order.
  std::uint32_t piece_max = 4'000;
  bool uses_buffers = true;  ///< Beside copies.
  bool no_delay = false;
  Ending ending = Ending::Shutdown;
};

/// The handler of one connection.
class Transfer final : public TcpHandler {
 public:
  Transfer(Worker& worker, const TransferPlan& plan);

  void on_accepted(TcpSocket socket) override { begin(socket); }
  void on_connected(TcpSocket socket) override { begin(socket); }
  void on_readable(TcpSocket socket) override;
  void on_writable(TcpSocket socket) override { write(socket); }
  void on_peer_finished(TcpSocket socket) override;
  void on_closed(TcpSocket socket, Result<void> outcome) override;

  [[nodiscard]] const std::optional<Result<void>>& outcome() const noexcept { return outcome_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
  /// What went wrong, in words; empty when nothing did.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// As above, and whether all has been received and the connection ended in order.
  [[nodiscard]] std::string verdict() const;

 private:
  void begin(TcpSocket socket);
  void write(TcpSocket socket);
  [[nodiscard]] std::size_t write_copy(TcpSocket socket, std::size_t bytes);
  [[nodiscard]] std::size_t write_buffer(TcpSocket socket, std::size_t bytes);
  void read(TcpSocket socket);
  [[nodiscard]] std::size_t read_piece(TcpSocket socket);
  void check(std::span<const std::byte> bytes);
  void finish_if_done(TcpSocket socket);
  void complain(const std::string& what);

  Worker& worker_;
  TransferPlan plan_;
  base::Random random_;
  std::vector<std::byte> scratch_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool has_begun_ = false;
  bool has_shut_down_ = false;
  bool peer_has_finished_ = false;
  std::optional<Result<void>> outcome_;
  std::string problem_;
};

/// Accepts connections and gives each a Transfer of its own.
class TransferServer final : public TcpHandler {
 public:
  TransferServer(Worker& worker, const TransferPlan& plan) : worker_{worker}, plan_{plan} {}

  void on_accepted(TcpSocket socket) override;

  [[nodiscard]] const std::vector<std::unique_ptr<Transfer>>& transfers() const noexcept {
    return transfers_;
  }

 private:
  Worker& worker_;
  TransferPlan plan_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
};

}  // namespace millrace::test
