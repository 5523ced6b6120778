// Views and samples for tests of congestion controllers, without a connection.
#pragma once

#include <chrono>
#include <cstdint>

#include "tcp/ack_sample.hpp"

namespace millrace::tcp::test {

inline constexpr std::uint32_t kMss = 1'000;

/// So much is under way, in a connection whose numbers begin shortly before they wrap.
inline PathView path_with(std::uint32_t flight, Duration now = {}) {
  PathView path;
  path.now = Instant{now};
  path.mss = kMss;
  path.in_network = flight;
  path.snd_una = SeqNum{0xffff'fc00U};
  path.snd_nxt = path.snd_una + flight;
  return path;
}

/// An ACK of that much, with the window in full use.
inline AckSample ack_of(std::uint32_t bytes) {
  AckSample sample;
  sample.newly_acked = bytes;
  sample.newly_delivered = bytes;
  sample.is_window_limited = true;
  return sample;
}

}  // namespace millrace::tcp::test
