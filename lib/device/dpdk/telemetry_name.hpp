// The name of DPDK's telemetry socket in the file system: DPDK removes it when the process ends by
// exit, and does so in children of fork as well, whose parent goes on and is then found no more.
#pragma once

#include <filesystem>

namespace millrace::device {

/// Call it before EAL starts: what exit calls goes backwards.
void restore_telemetry_name_at_exit() noexcept;
/// Once EAL has started: `folder` is its own. A name that cannot be kept is one that a child
/// removes; nothing else depends on it.
void keep_telemetry_name(const std::filesystem::path& folder) noexcept;

}  // namespace millrace::device
