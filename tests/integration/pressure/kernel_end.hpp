// The end of the conversations that runs on the kernel's sockets, over epoll.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "pressure/player.hpp"

namespace pressure {

struct KernelOptions {
  std::string peer_address;  ///< In digits.
  std::uint16_t peer_port = 9000;
  std::uint16_t port = 9001;
  std::uint64_t seed = 1;
  std::uint64_t lanes = 100;
  millrace::Duration duration{};
};

/// A descriptor and its player.
class KernelConversation final : public Wire {
 public:
  KernelConversation(int descriptor, bool is_connecting, std::optional<std::uint64_t> of_lane,
                     const Player& player) noexcept
      : lane{of_lane}, descriptor_{descriptor}, is_connecting_{is_connecting}, player_{player} {}
  KernelConversation(const KernelConversation&) = delete;
  KernelConversation& operator=(const KernelConversation&) = delete;
  ~KernelConversation() override;

  /// Something may have happened; false: it is over.
  [[nodiscard]] bool pump(millrace::Instant now);
  [[nodiscard]] millrace::Instant next_wake() const noexcept { return player_.next_wake(); }

  const std::optional<std::uint64_t> lane;  ///< Which of ours opened it, if any.

 private:
  std::size_t send(std::span<const std::byte> bytes) override;
  std::size_t receive(std::span<std::byte> into) override;
  void finish_sending() override;
  void close() override;
  void abort() override;

  [[nodiscard]] bool check_connected();
  [[nodiscard]] std::size_t transferred(ssize_t result) noexcept;

  int descriptor_;
  bool is_connecting_;
  bool is_at_end_ = false;
  bool is_end_told_ = false;
  int error_ = 0;  // What it has failed with.
  bool is_closed_ = false;
  Player player_;
};

class KernelEnd {
 public:
  explicit KernelEnd(const KernelOptions& options) noexcept : options_{options} {}
  KernelEnd(const KernelEnd&) = delete;
  KernelEnd& operator=(const KernelEnd&) = delete;
  ~KernelEnd();

  /// Listens; the error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> start();
  /// Until all is over; the exit status.
  [[nodiscard]] int run();

 private:
  [[nodiscard]] static millrace::Instant now();
  void accept_all();
  void open_lanes();
  void open(std::uint64_t lane);
  void add(int descriptor, bool is_connecting, std::optional<std::uint64_t> lane,
           const Player& player);
  void pump(int descriptor);
  void pump_due();

  KernelOptions options_;
  Ledger ledger_;
  int listener_ = -1;
  int epoll_ = -1;
  std::unordered_map<int, std::unique_ptr<KernelConversation>> conversations_;
  std::unordered_map<std::uint64_t, bool> is_lane_busy_;
  std::uint64_t rounds_ = 0;
  millrace::Instant began_at_{};
};

}  // namespace pressure
