#include "ss/processes.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

#include "ss/printable.hpp"

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

/// Nothing: a folder that is none, a link for instance, or gone already, or, where it would not be
/// asked, what a dead process has left.
std::optional<Process> process_in(const std::filesystem::path& folder, bool is_named) {
  const auto id = process_of(folder.filename().native());
  struct stat about {};
  if (!id || ::lstat(folder.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) {
    return std::nullopt;
  }
  Process process{.id = *id, .owner = about.st_uid, .socket = folder / kSocket, .refusal = {}};
  if (::geteuid() == 0 && about.st_uid != 0 && !is_named) {
    std::error_code ignored;
    if (!std::filesystem::exists("/proc/" + std::to_string(*id), ignored)) {
      return std::nullopt;
    }
    process.refusal = "not asked: " + folder.native() + " is not root's but user " +
                      std::to_string(about.st_uid) + "'s; --folder " +
                      folder.parent_path().native() + " asks all the same";
  }
  return process;
}

void look_into(const std::string& folder, bool is_named, Processes& processes) {
  std::error_code error;
  std::filesystem::directory_iterator entry{folder, error};
  if (error == std::errc::no_such_file_or_directory) {
    return;
  }
  processes.looked_into.push_back(folder);
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    if (auto process = process_in(entry->path(), is_named)) {
      processes.found.push_back(*std::move(process));
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

Processes find_processes(std::span<const std::string> folders, bool are_named) {
  Processes processes;
  for (const std::string& folder : folders) {
    look_into(folder, are_named, processes);
  }
  std::ranges::sort(processes.found, {}, &Process::id);
  return processes;
}

std::string program_of(int process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/comm"};
  // The name may hold line ends, and one of the kernel's is behind it.
  std::string name{std::istreambuf_iterator<char>{file}, {}};
  if (name.ends_with('\n')) {
    name.pop_back();
  }
  return name.empty() ? "?" : printable(name);
}

}  // namespace ss
