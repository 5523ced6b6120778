// What `--device=pci:` says: a NIC that is bound to DPDK. The text is read, and the machine asked
// whether it can be had; nothing is opened.
#pragma once

#include <filesystem>
#include <string_view>

#include "device/dpdk/device_spec.hpp"

namespace millrace::device {

/// Where the kernel tells of devices. Tests have such folders of their own.
struct PciFolders {
  std::filesystem::path sys = "/sys";
  std::filesystem::path dev = "/dev";
};

/// `spec` has its text; `argument` is what follows "pci:". Error: one line about wrong usage.
[[nodiscard]] Result<DeviceSpec, std::string> parse_pci(DeviceSpec spec, std::string_view argument);

/// Whether the address is there, bound to a driver that DPDK can use, reachable for this process,
/// and hugepages are free. Error: one line: what is missing, what would help.
[[nodiscard]] Result<void, std::string> check_pci(const DeviceSpec& spec,
                                                  const PciFolders& folders = {});

}  // namespace millrace::device
