#include "device/dpdk/device_spec.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "device/dpdk/shared_memory_spec.hpp"

namespace millrace::device {

namespace {

constexpr std::string_view kOffered =
    "tap:NAME, ring, memif:SOCKET[,server], vhost:SOCKET, virtio-user:SOCKET, "
    "vdev:net_DRIVER[,ARGUMENTS] and pci:ADDRESS";
constexpr std::size_t kInterfaceNameMax = IFNAMSIZ - 1;
constexpr std::size_t kPortNameMax = 63;

Result<DeviceSpec, std::string> parse_tap(DeviceSpec spec, std::string_view name, unsigned index) {
  if (name.empty()) {
    return fail("'" + spec.text + "' lacks the interface's name: write tap:millrace0, say");
  }
  if (name.size() > kInterfaceNameMax) {
    return fail("'" + std::string{name} + "' is too long for an interface: at most " +
                std::to_string(kInterfaceNameMax) + " characters");
  }
  // The kernel refuses some, and reads '%' as a pattern; a comma ends the name in DPDK's arguments.
  const bool has_bad_letter = std::ranges::any_of(name, [](char letter) {
    return letter <= ' ' || letter > '~' ||
           std::string_view{"/:,%\"'\\"}.find(letter) != std::string_view::npos;
  });
  if (has_bad_letter || name == "." || name == "..") {
    return fail("'" + std::string{name} +
                "' is no name for an interface: use letters, digits, '-', '_' and '.'");
  }
  spec.kind = DeviceKind::Tap;
  spec.name = name;
  spec.port_name = "net_tap" + std::to_string(index);
  spec.eal_arguments = {"--vdev=" + spec.port_name + ",iface=" + spec.name};
  return spec;
}

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

/// Reads `count` hexadecimal digits from the front.
bool take_hex(std::string_view& text, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() < count ||
      text.substr(0, count).find_first_not_of(kDigits) != std::string_view::npos) {
    return false;
  }
  text.remove_prefix(count);
  return true;
}

bool take_character(std::string_view& text, char character) {
  if (!text.starts_with(character)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

/// "0000:03:00.0" in lower case.
bool is_full_pci_address(std::string_view text) {
  return take_hex(text, 4) && take_character(text, ':') && take_hex(text, 2) &&
         take_character(text, ':') && take_hex(text, 2) && take_character(text, '.') &&
         text.size() == 1 && text[0] >= '0' && text[0] <= '7';
}

Result<DeviceSpec, std::string> parse_pci(DeviceSpec spec, std::string_view argument) {
  std::string address{argument.substr(0, argument.find(','))};
  std::ranges::transform(address, address.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'F' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  constexpr std::size_t kShortAddress = 7;  // "03:00.0"
  if (address.size() == kShortAddress) {
    address = "0000:" + address;
  }
  if (!is_full_pci_address(address)) {
    return fail("'" + spec.text + "' names no PCI address: write pci:0000:03:00.0, say");
  }
  const std::size_t comma = argument.find(',');
  spec.kind = DeviceKind::Pci;
  spec.name = address;
  spec.port_name = address;
  spec.eal_arguments = {
      "--allow=" + address +
      (comma == std::string_view::npos ? "" : std::string{argument.substr(comma)})};
  return spec;
}

/// What making an interface takes; asked of the kernel directly, since it is one number.
bool may_administer_network() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data[0].effective & (1U << CAP_NET_ADMIN)) != 0;
}

Result<void, std::string> check_tap(const DeviceSpec& spec) {
  const int descriptor = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (descriptor < 0 && (errno == EACCES || errno == EPERM)) {
    return fail("no permission to open /dev/net/tun for " + spec.text +
                ": run as root, or let this user read and write it");
  }
  if (descriptor < 0) {
    return fail(spec.text + " needs /dev/net/tun (" + std::strerror(errno) +
                "): load its module (modprobe tun), or give the container that device");
  }
  ::close(descriptor);
  if (!may_administer_network()) {
    return fail("no permission to make the interface of " + spec.text +
                ": run as root, or with CAP_NET_ADMIN");
  }
  if (::if_nametoindex(spec.name.c_str()) != 0) {
    return fail("an interface " + spec.name +
                " exists already: name another, or remove it (ip link delete " + spec.name + ")");
  }
  return {};
}

Result<void, std::string> check_pci(const DeviceSpec& spec) {
  const std::filesystem::path folder = "/sys/bus/pci/devices/" + spec.name;
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) {
    return fail("no PCI device has the address " + spec.name + ": lspci -D lists those there are");
  }
  const std::string driver = std::filesystem::read_symlink(folder / "driver", error).filename();
  constexpr std::array<std::string_view, 6> kUsable{"vfio-pci",  "uio_pci_generic", "igb_uio",
                                                    "mlx5_core", "mlx4_core",       "mana"};
  if (std::ranges::find(kUsable, driver) == kUsable.end()) {
    return fail(spec.name + " is " +
                (driver.empty() ? "not bound to a driver" : "bound to " + driver) +
                ": bind it to DPDK (dpdk-devbind.py -b vfio-pci " + spec.name + ")");
  }
  return {};
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
  constexpr std::array<std::string_view, 2> kLater{"af_packet", "af_xdp"};
  if (std::ranges::find(kLater, kind) != kLater.end()) {
    return fail("device '" + spec.text + "' is not offered yet; offered are " +
                std::string{kOffered});
  }
  return fail("unknown device '" + spec.text + "'; offered are " + std::string{kOffered});
}

Result<void, std::string> DeviceSpec::check_surroundings() const {
  switch (kind) {
    case DeviceKind::Tap: return check_tap(*this);
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
  return kind == DeviceKind::Tap || port_name.starts_with("net_tap") ||
         port_name.starts_with("net_af_packet") || port_name.starts_with("net_af_xdp");
}

}  // namespace millrace::device
