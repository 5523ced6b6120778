// What `--device=` says of the kernel's interfaces: a TAP of our own, or one that is there and is
// used by AF_PACKET or AF_XDP. The text is read, and the machine asked whether it can be had;
// nothing is opened.
#pragma once

#include <string_view>

#include "device/dpdk/device_spec.hpp"

namespace millrace::device {

/// `spec` has its text; `name` is what follows "tap:"; `index` numbers the devices of the process.
/// Error: one line about wrong usage.
[[nodiscard]] Result<DeviceSpec, std::string> parse_tap(DeviceSpec spec, std::string_view name,
                                                        unsigned index);
/// "af_packet:NAME".
[[nodiscard]] Result<DeviceSpec, std::string> parse_af_packet(DeviceSpec spec,
                                                              std::string_view name,
                                                              unsigned index);
/// "af_xdp:NAME".
[[nodiscard]] Result<DeviceSpec, std::string> parse_af_xdp(DeviceSpec spec, std::string_view name,
                                                           unsigned index);

/// Whether an interface of that name can be made. Error: one line: what is missing, what would
/// help.
[[nodiscard]] Result<void, std::string> check_tap(const DeviceSpec& spec);
/// Whether the interface is there, up, and open to this process. Error: as above.
[[nodiscard]] Result<void, std::string> check_af_packet(const DeviceSpec& spec);
/// The same for AF_XDP, which asks more of the kernel and of the interface. Error: as above.
[[nodiscard]] Result<void, std::string> check_af_xdp(const DeviceSpec& spec);

}  // namespace millrace::device
