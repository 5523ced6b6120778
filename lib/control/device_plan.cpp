#include "control/device_plan.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "control/interface_spec.hpp"

namespace millrace::control {

namespace {

// Bytes.
constexpr std::uint16_t kVlanTag = 4;
constexpr std::uint16_t kTapMtuMax = 1'500;  // DPDK's net_tap takes no longer frames.

using device::DeviceKind;
using device::DeviceSpec;

/// Whether two texts, read with the same index, mean one device.
bool is_same(const DeviceSpec& a, const DeviceSpec& b) {
  return a.kind == b.kind && a.eal_arguments == b.eal_arguments;
}

/// Whether they mean one device and want different things of it.
bool contradicts(const DeviceSpec& a, const DeviceSpec& b) {
  const bool is_named_by_text = a.kind == DeviceKind::Pci || a.kind == DeviceKind::Vdev;
  return is_named_by_text && a.kind == b.kind && a.name == b.name && !is_same(a, b);
}

/// The position of the device that `spec` (of index 0) means; it is added if it is new.
Result<std::size_t, std::string> find_or_add(DevicePlan& plan, std::vector<DeviceSpec>& seen,
                                             DeviceSpec spec) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (is_same(seen[i], spec)) {
      return i;
    }
    if (contradicts(seen[i], spec)) {
      return fail(
          fmt::format("--device: {} and {} are one device with different arguments; give "
                      "the same to both",
                      seen[i].text, spec.text));
    }
  }
  Result<DeviceSpec, std::string> numbered =
      DeviceSpec::parse(spec.text, static_cast<unsigned>(seen.size()));
  if (!numbered) {
    return fail(std::move(numbered).error());
  }
  DevicePlan::Device& added = plan.devices.emplace_back();
  added.config.spec = spec.text;
  added.config.mtu = 0;
  // The kernel lets a tag come on top of an interface's MTU. A NIC's driver may count it in.
  added.tag_bytes = numbered->is_kernel_device() ? 0 : kVlanTag;
  added.spec = *std::move(numbered);
  seen.push_back(std::move(spec));
  return seen.size() - 1;
}

Result<void, std::string> attach(DevicePlan& plan, std::size_t device, const InterfaceSpec& spec,
                                 const DeviceConfig& config) {
  DevicePlan::Device& target = plan.devices[device];
  const bool is_taken = std::ranges::any_of(target.interfaces, [&](std::size_t other) {
    return plan.interfaces[other].vlan == spec.vlan;
  });
  if (is_taken) {
    return fail(fmt::format(
        "--device: {} was given twice; name each device and each VLAN of it once", config.spec));
  }
  if (config.mac && target.config.mac && config.mac != target.config.mac) {
    return fail(fmt::format("--device: {} has two MAC addresses, {} and {}; give one",
                            target.spec.text, target.config.mac->to_string(),
                            config.mac->to_string()));
  }
  if (target.spec.kind == DeviceKind::Tap && config.mtu > kTapMtuMax) {
    return fail(fmt::format("--mtu: {} is more than {} takes; give at most {}", config.mtu,
                            target.spec.text, kTapMtuMax));
  }
  const int tag_bytes = spec.vlan == 0 ? 0 : target.tag_bytes;
  target.config.mtu =
      std::max(target.config.mtu, static_cast<std::uint16_t>(config.mtu + tag_bytes));
  target.config.mac = target.config.mac ? target.config.mac : config.mac;
  target.interfaces.push_back(plan.interfaces.size());
  plan.interfaces.push_back({.device = static_cast<std::uint32_t>(device), .vlan = spec.vlan});
  return {};
}

}  // namespace

Result<DevicePlan, std::string> DevicePlan::make(const std::vector<DeviceConfig>& configs) {
  DevicePlan plan;
  std::vector<DeviceSpec> seen;
  for (const DeviceConfig& config : configs) {
    const Parsed<InterfaceSpec> interface = InterfaceSpec::parse(config.spec);
    if (!interface) {
      return fail(fmt::format("--device: {}", interface.error()));
    }
    Result<DeviceSpec, std::string> spec = DeviceSpec::parse(interface->device);
    if (!spec) {
      return fail(std::move(spec).error());
    }
    const Result<std::size_t, std::string> device = find_or_add(plan, seen, *std::move(spec));
    if (!device) {
      return fail(device.error());
    }
    if (auto attached = attach(plan, *device, *interface, config); !attached) {
      return fail(std::move(attached).error());
    }
  }
  return plan;
}

}  // namespace millrace::control
