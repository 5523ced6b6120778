#include "ss/processes.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

namespace ss {

namespace {

constexpr std::string_view kPrefix = "millrace-";
constexpr std::string_view kSocket = "dpdk_telemetry.v2";

std::optional<int> process_of(std::string_view folder) {
  int id = 0;
  if (!folder.starts_with(kPrefix)) {
    return std::nullopt;
  }
  folder.remove_prefix(kPrefix.size());
  const auto [end, error] = std::from_chars(folder.data(), folder.data() + folder.size(), id);
  const bool is_number = error == std::errc{} && end == folder.data() + folder.size() && id > 0;
  return is_number ? std::optional{id} : std::nullopt;
}

std::string program_of(int process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/comm"};
  std::string name;
  return std::getline(file, name) ? name : "?";
}

void look_into(const std::string& folder, Processes& processes) {
  std::error_code error;
  std::filesystem::directory_iterator entry{folder, error};
  if (error == std::errc::no_such_file_or_directory) {
    return;
  }
  processes.looked_into.push_back(folder);
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    if (const auto id = process_of(entry->path().filename().native())) {
      processes.found.push_back(
          {.id = *id, .program = program_of(*id), .socket = entry->path() / kSocket});
    }
  }
  if (error) {
    processes.errors.push_back(
        "cannot look into " + folder + ": " + error.message() +
        (error == std::errc::permission_denied ? "; root sees every user's processes" : ""));
  }
}

}  // namespace

std::vector<std::string> usual_folders() {
  std::vector<std::string> folders{"/var/run/dpdk", "/tmp/dpdk"};
  if (const char* const own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && *own != '\0') {
    folders.push_back(std::string{own} + "/dpdk");
  }
  std::error_code ignored;
  if (::geteuid() == 0) {
    for (std::filesystem::directory_iterator entry{"/run/user", ignored}, end;
         !ignored && entry != end; entry.increment(ignored)) {
      folders.push_back((entry->path() / "dpdk").native());
    }
  }
  std::ranges::sort(folders);
  const auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());
  return folders;
}

Processes find_processes(std::span<const std::string> folders) {
  Processes processes;
  for (const std::string& folder : folders) {
    look_into(folder, processes);
  }
  std::ranges::sort(processes.found, {}, &Process::id);
  return processes;
}

}  // namespace ss
