// ReceiveAutotune: how much memory a connection may fill with what has arrived: as much as the
// application reads in a round trip asks for, and no more (dynamic right-sizing, as Linux does it).
// What the core has left, and what window follows, is decided elsewhere.
#pragma once

#include <cstdint>

#include <millrace/time.hpp>

#include "wire/seq_num.hpp"

namespace millrace::tcp {

using wire::SeqNum;

/// Part of every control block, since what was learned outlives idle times. Times are microseconds
/// that wrap around.
class ReceiveAutotune {
 public:
  /// `limit_bytes` of memory to begin with; reading more than `flight_bytes`, what a sender begins
  /// with, in a round trip asks for more.
  void start(std::uint32_t limit_bytes, std::uint32_t flight_bytes) noexcept;
  /// From now on exactly so many bytes of memory; zero: it may grow again. Before `start`, too.
  void fix(std::uint32_t limit_bytes) noexcept {
    is_fixed_ = limit_bytes != 0;
    limit_ = is_fixed_ ? limit_bytes : limit_;
  }
  /// A round trip as the handshake tells it: a first guess, which is only ever corrected downwards
  /// without timestamps. A slow sender takes much longer for a window.
  void on_handshake(Duration sample) noexcept;
  /// Whether an echo may tell a round trip: it is not the one before.
  [[nodiscard]] bool is_new(std::uint32_t echo) const noexcept {
    return static_cast<std::uint16_t>(echo) != last_echo_;
  }
  /// A round trip as timestamps tell it: how long ago we sent what full-sized data echoes. Data
  /// that follows an idle time is late by that, so one sample can at most double what is known.
  void on_echo(std::uint32_t echo, Duration sample) noexcept;
  /// Data has arrived in order up to `rcv_nxt`; the application has read up to `read_nxt`; the
  /// window is open up to `rcv_adv`. `limit_max` bounds the memory.
  void on_data(Instant now, SeqNum rcv_nxt, SeqNum read_nxt, SeqNum rcv_adv, std::uint32_t mss,
               std::uint32_t limit_max) noexcept;

  /// Bytes of memory.
  [[nodiscard]] std::uint32_t limit() const noexcept { return limit_; }
  /// Microseconds; zero while unknown.
  [[nodiscard]] std::uint32_t round_trip_us() const noexcept { return round_trip_us_; }
  /// Bytes read in the round trip that saw most; what a sender begins with before any has.
  [[nodiscard]] std::uint32_t most_read() const noexcept { return read_before_; }

 private:
  void measure_round_trip(std::uint32_t now_us, SeqNum rcv_nxt, SeqNum rcv_adv) noexcept;
  void grow(std::uint32_t read, std::uint32_t mss, std::uint32_t limit_max) noexcept;

  std::uint32_t limit_ = 0;
  std::uint32_t round_trip_us_ = 0;
  std::uint32_t read_before_ = 0;      // In the round trip that saw most.
  SeqNum read_from_{0};                // Where this round trip's reading started,
  std::uint32_t read_since_us_ = 0;    // and when.
  SeqNum window_end_{0};               // Where the window ended,
  std::uint32_t window_since_us_ = 0;  // and when.
  bool has_started_ = false;
  bool is_fixed_ = false;
  bool has_timestamps_ = false;
  std::uint16_t last_echo_ = 0;  // Its low bits: each value is measured once.
};

}  // namespace millrace::tcp
