// MemifIntroduction: whether what a peer says at a memif link's start may reach DPDK's driver. The
// driver believes nearly all of it: it maps what is announced without a look at the file, follows
// ring offsets wherever they lead, and forgets the descriptors of messages that it refuses. Once
// introduced, a peer writes into shared rings, which nobody checks: it is trusted from there on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "device/dpdk/memif_message.hpp"

namespace millrace::device {

/// Of one peer; a new one for the next.
class MemifIntroduction {
 public:
  /// Regions that a client may announce: as many as the driver has places for.
  static constexpr std::size_t kRegionsMax = 256;

  /// What a client says to a driver that serves: who it is, its memory, one ring in each
  /// direction, and that it is done; in this order.
  [[nodiscard]] bool allows_from_client(const MemifMessage& message) noexcept;
  /// What a server says to a driver that has connected: its limits, an acknowledgment of each thing
  /// that the driver has said, and that it is done, after the driver has said so.
  [[nodiscard]] bool allows_from_server(const MemifMessage& message) noexcept;
  /// To be told of what our own driver says.
  void note_from_driver(const MemifMessage& message) noexcept;

 private:
  [[nodiscard]] bool add_region(const MemifMessage& message) noexcept;
  [[nodiscard]] bool add_ring(const MemifMessage& message) noexcept;

  bool has_begun_ = false;
  bool driver_is_done_ = false;
  unsigned unanswered_ = 0;         // Of what our driver has said.
  std::array<bool, 2> has_ring_{};  // By direction.
  std::size_t regions_ = 0;
  std::array<std::uint64_t, kRegionsMax> region_bytes_{};
};

}  // namespace millrace::device
