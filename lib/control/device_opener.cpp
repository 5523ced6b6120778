// A ring is ours and needs no driver; everything else is a port of DPDK.
#include "control/device_opener.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <utility>

#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/shared_memory_device.hpp"
#include "device/ring.hpp"

namespace millrace::control {

namespace {

constexpr std::size_t kRingFrames = 1'024;
// A peer that is started beside us is there by then; another may come at any time.
constexpr Duration kPeerWait = std::chrono::seconds{1};

OpenDevice open_ring(const DeviceConfig& config, const OpenContext& context) {
  device::Capabilities capabilities;
  capabilities.mac = config.mac.value_or(random_mac(context.random));
  capabilities.mtu = config.mtu;
  capabilities.multi_segment = true;
  OpenDevice open;
  open.device = device::make_loopback_plug(
      kRingFrames, {.capabilities = capabilities, .receive_pool = context.pool});
  open.driver = "none: a loopback plug in this process";
  open.offloads = "multi-segment";
  return open;
}

Result<OpenDevice, std::string> open_port(const device::DeviceSpec& spec,
                                          const DeviceConfig& config, const OpenContext& context) {
  device::DpdkConfig wanted;
  wanted.port_name = spec.port_name;
  wanted.mtu = config.mtu;
  wanted.mac = config.mac;
  wanted.with_wake = context.with_wake;
  auto device = device::DpdkDevice::open(context.eal, wanted, context.pool);
  if (!device) {
    return fail(std::move(device).error());
  }
  OpenDevice open;
  open.driver = (*device)->agreement().driver;
  open.offloads = (*device)->agreement().offloads_to_string();
  open.is_link_up = (*device)->agreement().is_link_up;
  open.device = *std::move(device);
  return open;
}

Result<OpenDevice, std::string> open_shared_memory(const device::DeviceSpec& spec,
                                                   const DeviceConfig& config,
                                                   const OpenContext& context) {
  device::DpdkConfig wanted;
  wanted.mtu = config.mtu;
  wanted.mac = config.mac.value_or(random_mac(context.random));
  wanted.link_wait = kPeerWait;
  auto device = device::SharedMemoryDevice::open(context.eal, spec, wanted, context.pool);
  if (!device) {
    return fail(std::move(device).error());
  }
  OpenDevice open;
  open.driver = (*device)->driver();
  open.offloads = (*device)->offloads();
  open.is_link_up = (*device)->is_link_up();
  open.device = *std::move(device);
  return open;
}

}  // namespace

Result<OpenDevice, std::string> open_device(const device::DeviceSpec& spec,
                                            const DeviceConfig& config,
                                            const OpenContext& context) {
  if (!spec.uses_dpdk_port()) {
    return open_ring(config, context);
  }
  if (spec.is_shared_memory()) {
    return open_shared_memory(spec, config, context);
  }
  return open_port(spec, config, context);
}

MacAddress random_mac(base::Random& random) noexcept {
  std::array<std::uint8_t, MacAddress::kSize> bytes{};
  random.fill(std::as_writable_bytes(std::span{bytes}));
  constexpr std::uint8_t kLocal = 0x02;
  constexpr std::uint8_t kGroup = 0x01;
  bytes[0] = static_cast<std::uint8_t>((bytes[0] | kLocal) & ~kGroup);
  return MacAddress{bytes};
}

}  // namespace millrace::control
