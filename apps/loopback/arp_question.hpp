// ArpQuestion: asks for the far end's hardware address until it is answered.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include <millrace/time.hpp>

#include "loopback/port.hpp"
#include "loopback/test_frame.hpp"

namespace loopback {

class ArpQuestion {
 public:
  static constexpr millrace::Duration kInterval = std::chrono::milliseconds{250};
  static constexpr millrace::Duration kPatience = std::chrono::seconds{10};

  /// `self` asks who has `wanted`.
  ArpQuestion(const Station& self, const millrace::IpAddress& wanted) noexcept
      : self_{self}, wanted_{wanted} {}

  /// Asks through `port` when it is time to.
  void turn(millrace::Instant now, Port& port) noexcept;
  /// The address, if the frame tells it.
  [[nodiscard]] std::optional<millrace::MacAddress> take(
      std::span<const std::byte> frame) const noexcept;
  /// Whether it has asked for too long.
  [[nodiscard]] bool has_given_up(millrace::Instant now) const noexcept {
    return first_ && now - *first_ >= kPatience;
  }

 private:
  Station self_;
  millrace::IpAddress wanted_;
  std::optional<millrace::Instant> first_;
  millrace::Instant next_{};
};

}  // namespace loopback
