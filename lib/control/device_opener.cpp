// A ring is ours and needs no driver; everything else is a port of DPDK.
#include "control/device_opener.hpp"

#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "device/dpdk/dpdk_device.hpp"
#include "device/dpdk/shared_memory_device.hpp"
#include "device/ring.hpp"

namespace millrace::control {

namespace {

constexpr const char* kRingOffloads = "multi-segment";
// A peer that is started beside us is there by then; another may come at any time.
constexpr Duration kPeerWait = std::chrono::seconds{1};

device::RingEnd ring_end(const DeviceConfig& config, const OpenContext& context) {
  device::Capabilities capabilities;
  capabilities.mac = config.mac.value_or(random_mac(context.random));
  capabilities.mtu = config.mtu;
  capabilities.multi_segment = true;
  return {.capabilities = capabilities, .receive_pool = context.pool};
}

OpenDevice open_ring(const DeviceConfig& config, const OpenContext& context) {
  OpenDevice open;
  open.device = device::make_loopback_plug(context.port.rx_descriptors, ring_end(config, context));
  open.driver = "none: a loopback plug in this process";
  open.offloads = kRingOffloads;
  return open;
}

void apply(const PortSettings& settings, device::DpdkConfig& wanted) {
  wanted.rx_descriptors = settings.rx_descriptors;
  wanted.tx_descriptors = settings.tx_descriptors;
  wanted.is_promiscuous = settings.is_promiscuous;
}

Result<OpenDevice, std::string> open_port(const device::DeviceSpec& spec,
                                          const DeviceConfig& config, const OpenContext& context) {
  device::DpdkConfig wanted;
  wanted.port_name = spec.port_name;
  wanted.mtu = config.mtu;
  wanted.mac = config.mac;
  wanted.with_wake = context.with_wake;
  apply(context.port, wanted);
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
  apply(context.port, wanted);
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

std::pair<OpenDevice, OpenDevice> open_cable(const DeviceConfig& first,
                                             const OpenContext& first_context,
                                             const DeviceConfig& second,
                                             const OpenContext& second_context) {
  auto [one, other] =
      device::make_ring_pair(first_context.port.rx_descriptors, ring_end(first, first_context),
                             ring_end(second, second_context));
  std::pair<OpenDevice, OpenDevice> ends;
  ends.first.device = std::move(one);
  ends.second.device = std::move(other);
  for (OpenDevice* const end : {&ends.first, &ends.second}) {
    end->driver = "none: a cable in this process";
    end->offloads = kRingOffloads;
  }
  return ends;
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
