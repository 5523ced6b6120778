// Opening the device that a specification names, and what is to be told about it. Decorating it is
// the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <millrace/config.hpp>
#include <millrace/error.hpp>

#include "base/random.hpp"
#include "device/device.hpp"
#include "device/dpdk/device_spec.hpp"
#include "device/dpdk/eal.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::control {

/// A device that is ready, and its words for the report.
struct OpenDevice {
  std::unique_ptr<device::Device> device;
  std::string driver;
  std::string offloads;
  bool is_link_up = true;
};

/// What a port is made like where the configuration says nothing of it.
struct PortSettings {
  std::uint16_t rx_descriptors = 1'024;  ///< Of a ring: the frames that it takes.
  std::uint16_t tx_descriptors = 1'024;
  bool is_promiscuous = false;  ///< Takes frames for other addresses, too.
};

/// What opening takes beside the device's own configuration.
struct OpenContext {
  device::Eal& eal;
  packet::PacketPool& pool;  ///< Received packets come from it.
  base::Random& random;      ///< For an address of our own where the device has none.
  bool with_wake = true;     ///< Whether the core wants to sleep.
  PortSettings port{};
};

/// `context.eal` and `context.pool` must outlive the device. Error: one line.
[[nodiscard]] Result<OpenDevice, std::string> open_device(const device::DeviceSpec& spec,
                                                          const DeviceConfig& config,
                                                          const OpenContext& context);

/// Both ends of a cable inside the process, and what is to be told about them.
[[nodiscard]] std::pair<OpenDevice, OpenDevice> open_cable(const DeviceConfig& first,
                                                           const OpenContext& first_context,
                                                           const DeviceConfig& second,
                                                           const OpenContext& second_context);

/// A locally administered unicast address.
[[nodiscard]] MacAddress random_mac(base::Random& random) noexcept;

}  // namespace millrace::control
