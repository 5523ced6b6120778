// Device: what "moving bursts" means. One object is one queue pair of a NIC as one core sees it;
// implementations and decorators stand beside this file. Nothing here knows protocols.
#pragma once

#include <cstdint>
#include <string>

#include <millrace/address.hpp>

#include "packet/burst.hpp"

namespace millrace::device {

/// What a device takes off the stack's hands, and its limits. Fixed while it runs.
struct Capabilities {
  MacAddress mac;
  std::uint16_t mtu = 1500;  ///< Bytes of an IP datagram.
  bool tx_ipv4_checksum =
      false;  ///< Fills in the IPv4 header checksum when asked (`Packet::request_checksums`).
  bool tx_tcp_checksum = false;  ///< Fills in the TCP checksum when asked.
  bool tx_udp_checksum = false;  ///< Fills in the UDP checksum when asked.
  bool rx_checksum = false;      ///< Gives verdicts on received checksums.
  bool multi_segment = false;    ///< Takes chained packets.
  bool reflects = false;         ///< A loopback plug: what is sent comes back.
  std::uint16_t tso_pieces = 0;  ///< Cuts a frame with several TCP segments, in a chain of at most
                                 ///< so many pieces, into one frame for each
                                 ///< (`Packet::request_segmentation`); 0: it does not.
  bool joins_received = false;   ///< Received frames may hold several TCP segments (LRO).
};

/// Frames that a device did not deliver since it was opened, as far as its driver tells.
struct Losses {
  std::uint64_t rx_missed = 0;     ///< Arrived and found no place in the receive ring.
  std::uint64_t rx_errors = 0;     ///< Arrived damaged, or longer than is taken.
  std::uint64_t rx_no_buffer = 0;  ///< Arrived while the pool had no buffer.
  std::uint64_t tx_errors = 0;     ///< Taken from the stack, and not sent.
};

/// Implementations are used by one core at a time. Packets change hands with every call: what is in
/// the burst after `rx_burst` belongs to the caller, what is gone from it after `tx_burst` belongs
/// to the device.
class Device {
 public:
  virtual ~Device() = default;

  /// Appends up to `burst.room()` received packets. Never blocks.
  virtual void rx_burst(packet::Burst& burst) noexcept = 0;

  /// Takes packets from the front of `burst`; what it could not take stays, in order. Never blocks.
  /// A taken packet may be held for any time and its bytes must not change until the device frees
  /// it.
  virtual void tx_burst(packet::Burst& burst) noexcept = 0;

  [[nodiscard]] virtual const Capabilities& capabilities() const noexcept = 0;

  /// A descriptor that becomes readable when packets arrive, or -1 where there is none and the core
  /// must poll.
  [[nodiscard]] virtual int wake_descriptor() const noexcept { return -1; }
  /// Arms the descriptor before sleeping and disarms it afterwards. False: packets may have
  /// arrived, poll again.
  [[nodiscard]] virtual bool arm_wake() noexcept { return false; }
  virtual void disarm_wake() noexcept {}

  /// Packets of the pools that the device itself holds (its receive ring, say); for accounting.
  [[nodiscard]] virtual std::uint32_t held_packets() const noexcept { return 0; }
  /// For reports, not for every turn: drivers may have to ask the kernel.
  [[nodiscard]] virtual Losses losses() const noexcept { return {}; }
};

}  // namespace millrace::device
