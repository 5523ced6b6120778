#include "control/interface_advice.hpp"

#include <string_view>

#include <fmt/format.h>

#include "device/dpdk/kernel_interface.hpp"

namespace millrace::control {

namespace {

using device::DeviceKind;
using device::KernelInterface;

constexpr std::string_view kPlainVeth = "tx off tso off gso off gro off";

std::string addresses_on(const std::string& interface, const std::vector<LocalAddress>& kernel) {
  std::string list;
  for (const LocalAddress& held : kernel) {
    if (held.interface == interface) {
      list += (list.empty() ? "" : ", ") + held.address.to_string();
    }
  }
  return list;
}

std::string cure_on_veth(const KernelInterface& interface) {
  if (const auto peer = interface.peer_name()) {
    return fmt::format("run: ethtool -K {} {}", *peer, kPlainVeth);
  }
  return fmt::format(
      "on the other end of the veth (interface number {} in its namespace) run: ethtool -K IFACE "
      "{}",
      interface.peer_index, kPlainVeth);
}

std::string cure_on(const std::string& name) {
  const auto interface = KernelInterface::find(name);
  if (interface && interface->is_veth()) {
    return cure_on_veth(*interface);
  }
  return fmt::format(
      "run: ethtool -K {} gro off lro off; if it goes on, the sender is a guest or a container of "
      "this machine and needs: ethtool -K IFACE tx off tso off",
      name);
}

}  // namespace

std::optional<std::string> sharing_warning(const device::DeviceSpec& spec,
                                           const std::vector<LocalAddress>& kernel) {
  const std::string held = addresses_on(spec.name, kernel);
  if (held.empty()) {
    return std::nullopt;
  }
  switch (spec.kind) {
    case DeviceKind::AfPacket:
      return fmt::format(
          "{} is the kernel's interface, too, with {}: the kernel goes on receiving every frame of "
          "it, and where it forwards (net.ipv4.ip_forward), it sends ours on; an interface "
          "without an address is better",
          spec.name, held);
    case DeviceKind::AfXdp:
      return fmt::format(
          "{} is the kernel's interface, too, with {}: until the end of this program nothing that "
          "arrives there reaches the kernel, SSH included; an interface without an address is "
          "better",
          spec.name, held);
    default: return std::nullopt;
  }
}

std::string offload_advice(const device::DeviceSpec& spec, DropReason reason) {
  const std::string_view what =
      reason == DropReason::Ipv4Truncated        ? "longer than its MTU and so cut off"
      : reason == DropReason::UdpPartialChecksum ? "with UDP checksums that a NIC was to finish"
                                                 : "with TCP checksums that a NIC was to finish";
  return fmt::format("frames arrive on {} {}, and are dropped; {}", spec.name, what,
                     cure_on(spec.name));
}

}  // namespace millrace::control
