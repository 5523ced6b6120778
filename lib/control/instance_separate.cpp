// What an instance does otherwise where stacks are to be apart: each gets a device of its own, or
// an end of a single one.
#include "control/instance.hpp"

#include <algorithm>
#include <utility>

#include "device/plug_share.hpp"

namespace millrace::control {

namespace {

bool wants(const device::Faults& faults) noexcept {
  return faults.drop_ppm + faults.duplicate_ppm + faults.corrupt_ppm + faults.reorder_ppm > 0;
}

}  // namespace

std::size_t Instance::core_count() const noexcept {
  if (!setup_.separation) {
    return std::max<std::size_t>(setup_.config.cores.size(), 1);
  }
  return plan_.devices.size() + (setup_.separation->second ? 1 : 0);
}

Result<void, std::string> Instance::open_separate() {
  if (setup_.separation->second) {
    if (auto opened = open_for_two(plan_.devices.front()); !opened) {
      return opened;
    }
  } else {
    for (std::size_t i = 0; i < plan_.devices.size(); ++i) {
      const DevicePlan::Device& device = plan_.devices[i];
      auto open = open_device(device.spec, device.config, open_context(*cores_[i]));
      if (!open) {
        return fail(std::move(open).error());
      }
      keep(*cores_[i], *std::move(open), device.spec);
    }
  }
  if (wants(setup_.separation->faults)) {
    for (const std::unique_ptr<Core>& core : cores_) {
      core->devices.front() = std::make_unique<device::FaultInjector>(
          std::move(core->devices.front()), core->pools.data, make_random(),
          setup_.separation->faults, device::Faults{});
    }
  }
  return check_receive_rings();
}

Result<void, std::string> Instance::open_for_two(const DevicePlan::Device& device) {
  Core& first = *cores_[0];
  Core& second = *cores_[1];
  DeviceConfig other = device.config;
  other.mac = setup_.separation->second->mac;
  if (setup_.separation->is_cable) {
    auto ends = open_cable(device.config, open_context(first), other, open_context(second));
    keep(first, std::move(ends.first), device.spec);
    keep(second, std::move(ends.second), device.spec);
    return {};
  }
  auto open = open_device(device.spec, device.config, open_context(first));
  if (!open) {
    return fail(std::move(open).error());
  }
  OpenDevice half;
  half.driver = open->driver;
  half.offloads = open->offloads;
  half.is_link_up = open->is_link_up;
  auto [one, two] =
      device::PlugShare::split(std::move(open->device), other.mac.value_or(random_mac(*random_)));
  open->device = std::move(one);
  half.device = std::move(two);
  keep(first, *std::move(open), device.spec);
  keep(second, std::move(half), device.spec);
  return {};
}

}  // namespace millrace::control
