// The folder that EAL keeps for each process, and those that killed processes have left beside it.
#pragma once

#include <filesystem>
#include <string>

#include "device/dpdk/own_descriptor.hpp"

namespace millrace::device {

/// What EAL is to call this process's folder: "millrace-" and the process id.
[[nodiscard]] std::string runtime_folder_name();

/// Marks a folder as in use for as long as the descriptor is open, also to processes that do not
/// see each other's ids. Holds none if that cannot be done.
[[nodiscard]] OwnDescriptor mark_in_use(const std::filesystem::path& folder) noexcept;

/// Removes those folders in `parent` that are named as ours are, belong to this user, are marked by
/// nobody, and name a process that is no more.
void remove_abandoned_folders(const std::filesystem::path& parent);

}  // namespace millrace::device
