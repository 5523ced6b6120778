// LinkParameters: what a link does to frames, as plain values, and LinkCounts: what it has done.
// Rates are in bits a second, chances in parts per million of the frames, sizes in bytes; what is
// zero does not happen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <millrace/time.hpp>

namespace millrace::sim {

/// Everything that a link may do to a frame beside delivering it in its turn.
enum class Fault : std::uint8_t {
  Loss,        ///< Lost, each for itself.
  BurstLoss,   ///< Lost while the link is in its bad state.
  Overflow,    ///< The queue was full.
  EarlyDrop,   ///< Dropped by RED.
  Marked,      ///< Marked by RED instead: congestion experienced.
  Policed,     ///< Beyond the policer's rate.
  Thinned,     ///< An ACK that a newer one of its connection has made needless.
  Down,        ///< Came while the link was down.
  TooLong,     ///< Larger than the link's MTU.
  Corrupted,   ///< One bit was turned over.
  Truncated,   ///< Cut off.
  Forged,      ///< A copy that somebody has changed came along with it.
  Duplicated,  ///< Came twice.
  Reordered,   ///< Came late, so that others passed it.
};
inline constexpr std::size_t kFaultCount = 14;

/// "burst-loss" and so on. Static storage.
[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

/// Loss in bursts (Gilbert and Elliott): a good state without loss and a bad one with much, and
/// chances with each frame to pass from one to the other.
struct BurstLoss {
  std::uint32_t enter_ppm = 0;
  std::uint32_t leave_ppm = 0;
  std::uint32_t loss_ppm = 0;                  ///< In the bad state.
  Duration longest = std::chrono::seconds{2};  ///< Of a bad state, however few frames come.
};

/// Random early detection by the average length of the queue. What is ECN-capable is marked, what
/// is not dropped: from `min_bytes` with a growing chance, which is `max_ppm` at `max_bytes`, and
/// always beyond. With both equal and no smoothing: a step, as RFC 8257 §3.1 wants it.
struct RedParameters {
  std::uint32_t min_bytes = 0;
  std::uint32_t max_bytes = 0;  ///< Zero: no RED.
  std::uint32_t max_ppm = 100'000;
  std::uint32_t weight_shift = 9;  ///< The average moves by 1/2^n of the difference. 0: none.
  bool marks_only = false;  ///< What is not ECN-capable passes, as long as the queue has room.
};

/// A token bucket: what comes faster than the rate, beyond the burst, is dropped.
struct PolicerParameters {
  std::uint64_t bits_per_second = 0;  ///< Zero: none.
  std::uint32_t burst_bytes = 15'000;
};

/// Up for a while, down for a while, and so on from the beginning of time.
struct FlapParameters {
  Duration up{};
  Duration down{};                   ///< Zero: always up.
  Duration until = Duration::max();  ///< Since the epoch; always up from then on.
};

struct LinkParameters {
  Duration delay = std::chrono::milliseconds{1};
  Duration jitter{};                  ///< Up to so much is added to the delay; order is kept.
  std::uint64_t bits_per_second = 0;  ///< Zero: any rate, and no queue.
  std::uint32_t queue_frames =
      1'000;  ///< Frames that may wait for their turn, the one in transmission included; what comes
              ///< then is lost (drop-tail).
  std::uint64_t queue_bytes = 0;  ///< Likewise in bytes. Zero: frames alone count.
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t corrupt_ppm = 0;   ///< One bit is turned over.
  std::uint32_t truncate_ppm = 0;  ///< Bytes at the end are lost.
  std::uint32_t forge_ppm = 0;     ///< A TCP segment is followed by a hostile copy.
  std::uint32_t reorder_ppm =
      0;  ///< The frame comes late by up to `reorder_delay`, and others pass it.
  Duration reorder_delay = std::chrono::milliseconds{5};
  BurstLoss bursts{};
  RedParameters red{};
  PolicerParameters policer{};
  FlapParameters flaps{};
  bool thins_acks = false;  ///< Of the pure ACKs of a direction that wait only the newest stays.
  std::uint32_t mtu = 0;    ///< Bytes of an IP datagram. Zero: any. Larger ones vanish.
};

struct LinkCounts {
  std::uint64_t sent = 0;
  std::array<std::uint64_t, kFaultCount> faults{};

  [[nodiscard]] std::uint64_t of(Fault fault) const noexcept {
    return faults[static_cast<std::size_t>(fault)];
  }
  void count(Fault fault) noexcept { ++faults[static_cast<std::size_t>(fault)]; }
};

}  // namespace millrace::sim
