#include "device/dpdk/pci_spec.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

namespace millrace::device {

namespace {

namespace fs = std::filesystem;

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

std::string first_word_of(const fs::path& path) {
  std::ifstream file{path};
  std::string word;
  file >> word;
  return word;
}

std::string name_behind(const fs::path& link) {
  std::error_code error;
  return fs::read_symlink(link, error).filename();
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Result<void, std::string> check_driver(const DeviceSpec& spec, const std::string& driver) {
  constexpr std::array<std::string_view, 6> kUsable{"vfio-pci",  "uio_pci_generic", "igb_uio",
                                                    "mlx5_core", "mlx4_core",       "mana"};
  if (std::ranges::find(kUsable, driver) != kUsable.end()) {
    return {};
  }
  return fail(spec.name + " is " +
              (driver.empty() ? "not bound to a driver"
                              : "bound to the kernel's driver " + driver +
                                    ", whose interface would go away with it") +
              ": bind it to DPDK with modprobe vfio-pci; dpdk-devbind.py -b vfio-pci " + spec.name);
}

/// VFIO hands a device out by its IOMMU group, or, where somebody has allowed that, without one.
Result<void, std::string> check_vfio(const DeviceSpec& spec, const PciFolders& folders) {
  if (!is_there(folders.dev / "vfio" / "vfio")) {
    return fail(spec.text +
                " needs /dev/vfio/vfio: load its module (modprobe vfio-pci), or give "
                "the container that device");
  }
  const std::string group =
      name_behind(folders.sys / "bus" / "pci" / "devices" / spec.name / "iommu_group");
  const std::string is_unsafe_allowed =
      first_word_of(folders.sys / "module" / "vfio" / "parameters" / "enable_unsafe_noiommu_mode");
  if (group.empty() && is_unsafe_allowed != "Y" && is_unsafe_allowed != "1") {
    return fail("no IOMMU stands before " + spec.name +
                ": switch it on in the firmware and with intel_iommu=on or amd_iommu=on on the "
                "kernel's command line; where there is none, as in most virtual machines, write 1 "
                "to /sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
  }
  const bool is_unsafe = group.empty() || is_there(folders.dev / "vfio" / ("noiommu-" + group));
  const fs::path door = folders.dev / "vfio" / ((is_unsafe ? "noiommu-" : "") + group);
  if (!group.empty() && ::access(door.c_str(), R_OK | W_OK) != 0) {
    return fail("no permission to open " + door.string() + " for " + spec.text +
                ": run as root, or let this user read and write it");
  }
  return {};
}

Result<void, std::string> check_hugepages(const DeviceSpec& spec, const PciFolders& folders) {
  std::error_code error;
  for (const auto& size :
       fs::directory_iterator{folders.sys / "kernel" / "mm" / "hugepages", error}) {
    const std::string free = first_word_of(size.path() / "free_hugepages");
    if (!free.empty() && free != "0") {
      return {};
    }
  }
  return fail(spec.text +
              " needs hugepages, and none are free: reserve some with sysctl "
              "vm.nr_hugepages=256");
}

}  // namespace

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

Result<void, std::string> check_pci(const DeviceSpec& spec, const PciFolders& folders) {
  const fs::path folder = folders.sys / "bus" / "pci" / "devices" / spec.name;
  if (!is_there(folder)) {
    return fail("no PCI device has the address " + spec.name + ": lspci -D lists those there are");
  }
  const std::string driver = name_behind(folder / "driver");
  if (auto bound = check_driver(spec, driver); !bound) {
    return bound;
  }
  if (auto reachable =
          driver == "vfio-pci" ? check_vfio(spec, folders) : Result<void, std::string>{};
      !reachable) {
    return reachable;
  }
  return check_hugepages(spec, folders);
}

}  // namespace millrace::device
