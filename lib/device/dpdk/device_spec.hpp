// DeviceSpec: what the text after `--device=` means, in EAL's words. It opens nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>

namespace millrace::device {

enum class DeviceKind : std::uint8_t {
  Tap,         ///< A TAP interface that DPDK makes on this machine and removes at the end.
  AfPacket,    ///< An interface of the kernel, whose frames it shares with us.
  AfXdp,       ///< An interface of the kernel, whose frames it leaves to us.
  Ring,        ///< A loopback plug of our own inside the process: no DPDK device.
  Vdev,        ///< Any virtual device of DPDK, as typed.
  Pci,         ///< A NIC bound to DPDK.
  Memif,       ///< Rings in memory shared with another process, which a socket introduces.
  Vhost,       ///< The host's end of a virtio device, in shared memory; serves its socket.
  VirtioUser,  ///< The driver's end of one; connects to a vhost-user socket.
};

/// "tap:NAME", "af_packet:NAME", "af_xdp:NAME", "ring", "memif:SOCKET[,server]",
/// "vhost:SOCKET[,tso]", "virtio-user:SOCKET[,tso]", "vdev:net_DRIVER[,ARGUMENTS]" or
/// "pci:[DOMAIN:]BUS:DEVICE.FUNCTION".
struct DeviceSpec {
  DeviceKind kind = DeviceKind::Tap;
  std::string text;       ///< As typed.
  std::string name;       ///< The kernel's interface, where there is one; the socket's full path
                          ///< for shared memory; otherwise as `port_name`.
  std::string port_name;  ///< What DPDK calls the port: see `DpdkConfig`. Empty for a ring.
  std::vector<std::string> eal_arguments;  ///< For `EalOptions::device_arguments`.
  bool serves_socket = false;   ///< Shared memory: we make the socket, and the peer connects.
  bool joins_segments = false;  ///< As `DpdkConfig`.

  /// `index` numbers the devices of one process. Error: one line about wrong usage.
  [[nodiscard]] static Result<DeviceSpec, std::string> parse(std::string_view text,
                                                             unsigned index = 0);

  /// Whether this machine lets us have it. Before the EAL is started. Error: one line about the
  /// surroundings: what is missing, what would help.
  [[nodiscard]] Result<void, std::string> check_surroundings() const;

  [[nodiscard]] bool uses_dpdk_port() const noexcept { return kind != DeviceKind::Ring; }
  /// Whether the other end is a process that shares memory with this one: `SharedMemoryDevice`.
  [[nodiscard]] bool is_shared_memory() const noexcept {
    return kind == DeviceKind::Memif || kind == DeviceKind::Vhost || kind == DeviceKind::VirtioUser;
  }
  /// Whether the peer maps all of our packet memory, which must consist of few files for that.
  [[nodiscard]] bool lends_memory() const noexcept { return kind == DeviceKind::VirtioUser; }
  [[nodiscard]] bool uses_pci() const noexcept { return kind == DeviceKind::Pci; }
  /// Whether the kernel stands at the other end, so that polling without pause only takes its time
  /// away.
  [[nodiscard]] bool is_kernel_device() const noexcept;
};

}  // namespace millrace::device
