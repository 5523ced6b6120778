// What people are told about the kernel's interface beneath a device: what sharing it means, and
// what to switch off on it. Only words; nothing is changed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <millrace/stats.hpp>

#include "control/local_addresses.hpp"
#include "device/dpdk/device_spec.hpp"

namespace millrace::control {

/// For an interface that the kernel itself has an address on: who gets the frames from now on.
/// Empty if there is nothing to say.
[[nodiscard]] std::optional<std::string> sharing_warning(const device::DeviceSpec& spec,
                                                         const std::vector<LocalAddress>& kernel);

/// For frames that an offload left unfinished (`reason` is TcpPartialChecksum, UdpPartialChecksum
/// or Ipv4Truncated): what they are, and the command that helps. Asks the kernel which interface to
/// name.
[[nodiscard]] std::string offload_advice(const device::DeviceSpec& spec, DropReason reason);

}  // namespace millrace::control
