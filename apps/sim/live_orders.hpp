// What `millrace-sim live` is told, as plain values: who stands at either end of a path, what the
// path does to frames, and for how long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <millrace/config.hpp>
#include <millrace/time.hpp>

#include "sim/link_parameters.hpp"

namespace swarm {

/// Millrace, or Linux behind a TAP.
struct LiveEnd {
  std::string interface {};         ///< Of the TAP. Empty: Millrace.
  std::string network_namespace{};  ///< Where the TAP is. Empty: the program's own.

  [[nodiscard]] bool is_tap() const noexcept { return !interface.empty(); }
};

struct LiveOrders {
  LiveEnd from{};  ///< A Millrace here connects and sends.
  LiveEnd to{};    ///< A Millrace here listens and swallows.
  millrace::sim::LinkParameters forth{};
  millrace::sim::LinkParameters back{};
  double buffer_bdp = 1;  ///< Of the bandwidth-delay product, but at least twenty packets.
  std::uint64_t seed = 1;
  millrace::Duration duration = std::chrono::seconds{10};
  std::uint64_t bytes = 0;  ///< To send. Zero: as many as the time allows.
  std::uint16_t port = 5'001;
  millrace::TcpConfig tcp{};  ///< Of Millrace's ends.
  millrace::Duration late_limit = std::chrono::milliseconds{2};
  bool is_urgent = false;  ///< Before all ordinary processes of the machine.
  std::string capture_folder{};
  bool as_json = false;

  /// What is under way when the path and its buffer are full.
  [[nodiscard]] std::uint64_t in_flight_bytes() const noexcept {
    constexpr std::uint64_t kNanosecondsPerByteAndBit = 8'000'000'000;
    const auto trip = static_cast<std::uint64_t>((forth.delay + back.delay).count());
    return forth.bits_per_second / 1'000 * trip / (kNanosecondsPerByteAndBit / 1'000) +
           forth.queue_bytes;
  }
};

}  // namespace swarm
