// InterfaceSpec: what one --device names: a device, or one VLAN of it. What a device's own text
// means is device_spec's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/option_values.hpp"

namespace millrace::control {

/// "tap:b.100" and "pci:0000:03:00.0.100" are VLAN 100 of tap:b and of that NIC. ",vlan=100" says
/// the same of any device: of existing interfaces, whose names may end in a number of their own,
/// and of those that are named by a socket or by arguments.
struct InterfaceSpec {
  std::string device;      ///< Without the VLAN: what `DeviceSpec::parse` takes.
  std::uint16_t vlan = 0;  ///< IEEE 802.1Q, 1 to 4094; 0: frames go without a tag.

  [[nodiscard]] static Parsed<InterfaceSpec> parse(std::string_view text);
};

}  // namespace millrace::control
