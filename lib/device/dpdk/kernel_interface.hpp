// KernelInterface: what the kernel says of one of its network interfaces. It changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::device {

/// One interface of the network namespace that the calling thread is in, as it was when asked.
struct KernelInterface {
  std::string name;
  unsigned index = 0;
  bool is_ethernet = false;
  bool is_up = false;       ///< As its administrator wants it.
  bool is_running = false;  ///< Up, and it has a link.
  std::uint32_t mtu = 0;    ///< Bytes of an IP datagram.
  unsigned rx_queues = 1;   ///< Over which received frames are spread.
  std::string driver;       ///< "veth", "e1000e"; empty if it does not tell.
  unsigned peer_index = 0;  ///< Of a veth's other end, in that end's namespace; otherwise 0.

  /// Empty if there is none of that name, or it cannot be asked.
  [[nodiscard]] static std::optional<KernelInterface> find(const std::string& name);
  [[nodiscard]] static std::optional<KernelInterface> find(unsigned index);

  [[nodiscard]] bool is_veth() const noexcept { return driver == "veth"; }
  /// The name of a veth's other end, if that end is in this namespace, too.
  [[nodiscard]] std::optional<std::string> peer_name() const;
};

/// The names of all interfaces in this namespace.
[[nodiscard]] std::vector<std::string> interface_names();

}  // namespace millrace::device
