// DevicePlan: the devices that a configuration comes to. Each of its entries is an interface;
// several may be VLANs of one device, which is then opened once. Opening is device_opener's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "device/dpdk/device_spec.hpp"

namespace millrace::control {

struct DevicePlan {
  /// A device to open.
  struct Device {
    device::DeviceSpec spec;
    DeviceConfig
        config;  ///< Its MAC address, and an MTU that leaves room for a tag where one is used.
    std::uint16_t tag_bytes = 0;          ///< What a VLAN's tag takes of its MTU.
    std::vector<std::size_t> interfaces;  ///< By position in `Config::devices`.

    /// The largest datagram in a VLAN, or without tag (0), once it takes datagrams of `mtu`.
    [[nodiscard]] std::uint16_t mtu_within(std::uint16_t mtu, std::uint16_t vlan) const noexcept {
      return static_cast<std::uint16_t>(mtu - (vlan == 0 ? 0 : tag_bytes));
    }
  };
  /// Where an entry of `Config::devices` is attached.
  struct Interface {
    std::uint32_t device = 0;
    std::uint16_t vlan = 0;  ///< 0: without tag.
  };

  std::vector<Device> devices;        ///< In the order of their first interfaces.
  std::vector<Interface> interfaces;  ///< By position in `Config::devices`.

  /// Looks at the configuration alone. Error: what was wrong; what would be right.
  [[nodiscard]] static Result<DevicePlan, std::string> make(
      const std::vector<DeviceConfig>& configs);
};

}  // namespace millrace::control
