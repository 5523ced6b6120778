// Whether a client moves bytes as fast as it has to, measured over one span after the other.
#pragma once

#include <chrono>
#include <cstdint>

#include <millrace/time.hpp>

namespace httpd {

/// Looked at now and then with the bytes moved so far; slow only once a whole span was.
class Pace {
 public:
  void begin(millrace::Instant now, std::uint64_t bytes) noexcept {
    began_ = looked_at_ = now;
    bytes_at_begin_ = bytes_ = bytes;
  }

  /// `rate_min` in bytes per second.
  [[nodiscard]] bool is_too_slow(millrace::Instant now, std::uint64_t bytes,
                                 millrace::Duration span, std::uint64_t rate_min) noexcept {
    if (bytes != bytes_) {
      bytes_ = bytes;
      looked_at_ = now;
    }
    if (now - began_ < span) {
      return false;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - began_).count();
    const bool is_slow = bytes - bytes_at_begin_ < rate_min * static_cast<std::uint64_t>(seconds);
    began_ = now;
    bytes_at_begin_ = bytes;
    return is_slow;
  }

  /// How long nothing at all has moved, as far as anybody looked; `bytes` as it is now.
  [[nodiscard]] millrace::Duration standstill(millrace::Instant now,
                                              std::uint64_t bytes) const noexcept {
    return bytes == bytes_ ? now - looked_at_ : millrace::Duration::zero();
  }

 private:
  millrace::Instant began_{};
  millrace::Instant looked_at_{};  // When bytes were last seen to have moved.
  std::uint64_t bytes_at_begin_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace httpd
