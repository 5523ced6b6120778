// Prr: proportional rate reduction (RFC 9937, which follows RFC 6937): how large the congestion
// window is during a fast recovery, so that sending slows down evenly and ends at the slow-start
// threshold. When a recovery begins and ends is decided elsewhere.
#pragma once

#include <cstdint>

namespace millrace::tcp {

/// Sizes in octets of payload.
class Prr {
 public:
  struct Ack {
    std::uint32_t delivered = 0;   ///< Newly arrived.
    std::uint32_t in_network = 0;  ///< After it.
    std::uint32_t mss = 0;
    bool is_safe = false;  ///< It moves the edge and tells of no further loss.
  };

  /// A recovery begins with so much in flight; `ssthresh` is where it is to end.
  void start(std::uint32_t flight, std::uint32_t ssthresh) noexcept;
  /// The window after an ACK; zero: as it was.
  [[nodiscard]] std::uint32_t on_ack(const Ack& ack) noexcept;
  void on_sent(std::uint32_t bytes) noexcept { out_ += bytes; }
  void on_not_sent(std::uint32_t bytes) noexcept { out_ -= out_ < bytes ? out_ : bytes; }
  /// Nothing has left yet: what was found lost first need not wait for room.
  [[nodiscard]] bool has_sent() const noexcept { return out_ > 0; }

 private:
  std::uint32_t flight_ = 1;
  std::uint32_t ssthresh_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t out_ = 0;
};

}  // namespace millrace::tcp
