// Sets up one DPDK port with one queue pair: what is wanted, what the driver offers, what was
// agreed. Moving bursts is left to DpdkDevice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <millrace/address.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "device/device.hpp"
#include "device/dpdk/kernel_socket.hpp"
#include "device/dpdk/umem_pool.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

/// What is wanted of a port.
struct DpdkConfig {
  std::string port_name{};               ///< `DeviceSpec::port_name`.
  std::uint16_t mtu = 1500;              ///< Bytes of an IP datagram, at most; see the agreement.
  std::optional<MacAddress> mac{};       ///< Overrides the device's own.
  std::uint16_t rx_descriptors = 1'024;  ///< Adjusted to what the driver takes.
  std::uint16_t tx_descriptors = 1'024;
  std::optional<std::uint16_t> tx_free_threshold{};  ///< Of free descriptors, at which sent frames
                                                     ///< are freed; else the driver's own.
  bool is_promiscuous = false;                       ///< Take frames for other addresses, too.
  bool joins_segments = false;  ///< vhost and virtio-user: TSO, large receive and the checksums
                                ///< that come with them, which both ends must agree on.
  bool with_wake = true;        ///< Ask for receive interrupts, so that a core can sleep.
  Duration link_wait =
      std::chrono::seconds{5};  ///< How long a link may take to come up; down is no failure.
  Duration answer_limit =
      std::chrono::seconds{3};  ///< How long a virtio-user device's peer may take to answer.
};

/// What was agreed.
struct DpdkAgreement {
  std::uint16_t port_id = 0;
  std::string driver;  ///< "net_tap"
  Capabilities capabilities;
  std::uint64_t rx_offloads = 0;  ///< RTE_ETH_RX_OFFLOAD_*
  std::uint64_t tx_offloads = 0;  ///< RTE_ETH_TX_OFFLOAD_*
  std::uint16_t rx_descriptors = 0;
  std::uint16_t tx_descriptors = 0;
  bool has_wake = false;
  bool is_link_up = false;
  bool is_promiscuous = false;
  int interface_index = 0;  ///< Of the kernel's interface, or 0.
  int socket = -1;  ///< The driver's, on the kernel's interface it was given; -1 for other drivers.

  /// "net_tap, 02:…, checksums: …, descriptors …": one line for the start-up report.
  [[nodiscard]] std::string to_string() const;
  /// The offloads alone: "tx: IPv4 and TCP checksum, multi-segment; rx: checksum verdicts" or
  /// "none".
  [[nodiscard]] std::string offloads_to_string() const;
};

/// A port that runs, and what must outlive it.
struct DpdkPort {
  DpdkAgreement agreement;
  UmemPool umem;            ///< Holds nothing unless the driver shares its buffers with the kernel.
  Promiscuity promiscuity;  ///< Of the kernel's interface, where another MAC address is wanted.
};

/// What an end of a virtio device can do when both have been told to join segments.
void add_joined_segments(Capabilities& capabilities) noexcept;

/// Configures and starts the port. Received packets come from `pool`, but for drivers that fill
/// `DpdkPort::umem`. An interface of the kernel keeps its MTU and its MAC address: the agreed MTU
/// is then the smaller of both. Error: one line; the port is closed again.
[[nodiscard]] Result<DpdkPort, std::string> start_port(const DpdkConfig& config,
                                                       packet::PacketPool& pool);

}  // namespace millrace::device
