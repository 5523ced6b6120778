#include "device/dpdk/device_spec.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "device/dpdk/kernel_spec.hpp"
#include "device/dpdk/pci_spec.hpp"
#include "device/dpdk/shared_memory_spec.hpp"

namespace millrace::device {

namespace {

constexpr std::string_view kOffered =
    "tap:NAME, af_packet:IFACE, af_xdp:IFACE, ring, memif:SOCKET[,server], vhost:SOCKET[,tso], "
    "virtio-user:SOCKET[,tso], vdev:net_DRIVER[,ARGUMENTS] and pci:ADDRESS";
constexpr std::size_t kPortNameMax = 63;

Result<DeviceSpec, std::string> parse_vdev(DeviceSpec spec, std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find(','));
  if (!name.starts_with("net_") || name.size() > kPortNameMax) {
    return fail("'" + spec.text + "' names no network driver of DPDK: write vdev:net_ring0, say");
  }
  spec.kind = DeviceKind::Vdev;
  spec.name = name;
  spec.port_name = name;
  spec.eal_arguments = {"--vdev=" + std::string{argument}};
  return spec;
}

}  // namespace

Result<DeviceSpec, std::string> DeviceSpec::parse(std::string_view text, unsigned index) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view argument =
      colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  DeviceSpec spec;
  spec.text = text;
  if (kind == "tap") {
    return parse_tap(std::move(spec), argument, index);
  }
  if (kind == "af_packet") {
    return parse_af_packet(std::move(spec), argument, index);
  }
  if (kind == "af_xdp") {
    return parse_af_xdp(std::move(spec), argument, index);
  }
  if (kind == "vdev") {
    return parse_vdev(std::move(spec), argument);
  }
  if (kind == "pci") {
    return parse_pci(std::move(spec), argument);
  }
  constexpr std::array<std::pair<std::string_view, DeviceKind>, 3> kSharedMemory{
      {{"memif", DeviceKind::Memif},
       {"vhost", DeviceKind::Vhost},
       {"virtio-user", DeviceKind::VirtioUser}}};
  for (const auto& [word, shared_kind] : kSharedMemory) {
    if (kind == word) {
      return parse_shared_memory(std::move(spec), shared_kind, argument, index);
    }
  }
  if (kind == "ring") {
    if (colon != std::string_view::npos) {
      return fail("'" + spec.text + "': a ring takes no argument, write ring");
    }
    spec.kind = DeviceKind::Ring;
    return spec;
  }
  return fail("unknown device '" + spec.text + "'; offered are " + std::string{kOffered});
}

Result<void, std::string> DeviceSpec::check_surroundings() const {
  switch (kind) {
    case DeviceKind::Tap: return check_tap(*this);
    case DeviceKind::AfPacket: return check_af_packet(*this);
    case DeviceKind::AfXdp: return check_af_xdp(*this);
    case DeviceKind::Pci: return check_pci(*this);
    case DeviceKind::Memif:
    case DeviceKind::Vhost:
    case DeviceKind::VirtioUser: return check_socket(*this);
    case DeviceKind::Ring:
    case DeviceKind::Vdev: return {};
  }
  std::unreachable();
}

bool DeviceSpec::is_kernel_device() const noexcept {
  return port_name.starts_with("net_tap") || port_name.starts_with("net_af_packet") ||
         port_name.starts_with("net_af_xdp");
}

}  // namespace millrace::device
