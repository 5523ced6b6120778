#include "stack/device_map.hpp"

#include "base/contract.hpp"

namespace millrace::stack {

void DeviceMap::add(std::uint32_t device, std::uint16_t vlan, std::uint32_t interface_index) {
  if (device >= devices_.size()) {
    devices_.resize(std::size_t{device} + 1);
  }
  base::expects(!find(device, vlan).has_value());
  devices_[device].members.push_back({.vlan = vlan, .interface_index = interface_index});
}

}  // namespace millrace::stack
