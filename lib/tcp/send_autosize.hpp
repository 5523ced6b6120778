// SendAutosize: how much memory an application may fill with what is to be sent: enough for two
// congestion windows, so that the one behind the one in flight is at hand when it is acknowledged.
// What the core has left is looked at elsewhere.
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace::tcp {

/// It lives as long as there is something to send, and grows meanwhile: what a loss takes from the
/// congestion window is not taken from the application.
class SendAutosize {
 public:
  /// `cwnd` in bytes of payload, which may take up half of the memory that it is charged.
  void on_ack(std::uint32_t cwnd) noexcept {
    wanted_ = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::max<std::uint64_t>(wanted_, 4ULL * cwnd), UINT32_MAX));
  }
  /// Bytes of memory, from `initial` (or from `max`, if that is less) up to `max`.
  [[nodiscard]] std::uint32_t limit(std::uint32_t initial, std::uint32_t max) const noexcept {
    return std::min(std::max(wanted_, initial), max);
  }

 private:
  std::uint32_t wanted_ = 0;
};

}  // namespace millrace::tcp
