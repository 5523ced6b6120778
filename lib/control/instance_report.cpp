// What an instance tells of itself: the start-up report, the exit status, sums of counters.
// Building and taking apart is instance.cpp's.
#include "control/instance.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "control/core_thread.hpp"
#include "control/memory_plan.hpp"

namespace millrace::control {

StartReport Instance::report() const {
  StartReport report;
  for (std::size_t i = 0; i < plan_.interfaces.size(); ++i) {
    report.devices.push_back(device_report(i));
  }
  report.routes = setup_.config.routes;
  report.processors = setup_.config.cores;
  report.allowed_processors = Affinity::of_this_thread().processors();
  report.sleeps_when_idle = sleeps_when_idle();
  report.kept_awake_by = devices_that_keep_awake();
  for (const auto& core : cores_) {
    report.packet_bytes += bytes_of(core->pools);
    report.packets += core->pools.capacity();
    report.max_connections += setup_.config.max_connections;
  }
  report.memory_kind = eal_->memory_kind();
  report.capture_file = setup_.config.capture_file;
  return report;
}

DeviceReport Instance::device_report(std::size_t index) const {
  const DevicePlan::Interface& place = plan_.interfaces[index];
  const device::DeviceSpec& spec = plan_.devices[place.device].spec;
  const Opened& opened = opened_[place.device];
  const DeviceConfig& config = setup_.config.devices[index];
  DeviceReport report;
  report.spec = spec.text;
  report.vlan = place.vlan;
  report.driver = opened.driver;
  report.mac = opened.capabilities.mac;
  report.mtu = std::min(
      config.mtu, plan_.devices[place.device].mtu_within(opened.capabilities.mtu, place.vlan));
  report.reflects = opened.capabilities.reflects;
  report.is_link_up = opened.is_link_up;
  report.addresses = config.addresses;
  report.gateway = config.gateway;
  report.offloads = opened.offloads;
  if (host_addresses_[index]) {
    report.host_end = fmt::format("{} on {}", host_addresses_[index]->to_string(), spec.name);
  } else if (spec.kind == device::DeviceKind::Tap && place.vlan != 0) {
    report.host_advice = vlan_peer_commands(spec.name, place.vlan, config.addresses.front());
  }
  return report;
}

std::vector<std::string> Instance::devices_that_keep_awake() const {
  std::vector<std::string> names;
  // Of two stacks on one device the first one's stands for both.
  for (std::size_t i = 0; i < plan_.devices.size(); ++i) {
    const device::DeviceSpec& spec = plan_.devices[i].spec;
    const bool is_polled_by_default =
        setup_.config.idle == IdlePolicy::Default && !spec.is_kernel_device();
    const bool cannot_wake = wants_sleep() && !opened_[i].can_wake;
    if (is_polled_by_default || cannot_wake) {
      names.push_back(spec.text);
    }
  }
  return names;
}

int Instance::exit_status() const noexcept {
  for (const std::unique_ptr<Core>& core : cores_) {
    if (core->exit_status != 0) {
      return core->exit_status;
    }
  }
  return 0;
}

CoreStats Instance::stats() const noexcept {
  CoreStats sum;
  for (const auto& core : cores_) {
    add(sum, core->stack->stats());
  }
  return sum;
}

CoreUsage Instance::usage() const noexcept {
  CoreUsage sum;
  for (const auto& core : cores_) {
    add(sum, core->stack->usage());
  }
  return sum;
}

}  // namespace millrace::control
