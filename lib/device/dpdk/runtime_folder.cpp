// A process id alone does not tell: containers may share the folder and not the ids. A lock alone
// does not tell either: between EAL's making the folder and our locking it there is a moment.
#include "device/dpdk/runtime_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <string_view>
#include <system_error>
#include <vector>

namespace millrace::device {

namespace {

constexpr std::string_view kPrefix = "millrace-";

/// The process that the name tells; zero if it is none of ours.
pid_t process_of(std::string_view name) noexcept {
  pid_t process = 0;
  if (!name.starts_with(kPrefix)) {
    return 0;
  }
  const std::string_view digits = name.substr(kPrefix.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), process);
  return error == std::errc{} && end == digits.data() + digits.size() ? process : 0;
}

bool is_over(pid_t process) noexcept { return ::kill(process, 0) != 0 && errno == ESRCH; }

bool is_ours(const OwnDescriptor& folder) noexcept {
  struct stat found {};
  return ::fstat(folder.number(), &found) == 0 && found.st_uid == ::geteuid();
}

}  // namespace

std::string runtime_folder_name() { return std::string{kPrefix} + std::to_string(::getpid()); }

OwnDescriptor mark_in_use(const std::filesystem::path& folder) noexcept {
  OwnDescriptor opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (opened && ::flock(opened.number(), LOCK_EX | LOCK_NB) != 0) {
    opened.close();
  }
  return opened;
}

void remove_abandoned_folders(const std::filesystem::path& parent) {
  std::vector<std::filesystem::path> over;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{parent, error}, end; !error && entry != end;
       entry.increment(error)) {
    const pid_t process = process_of(entry->path().filename().native());
    if (process > 0 && is_over(process)) {
      over.push_back(entry->path());
    }
  }
  for (const std::filesystem::path& folder : over) {
    if (const OwnDescriptor unmarked = mark_in_use(folder); unmarked && is_ours(unmarked)) {
      std::filesystem::remove_all(folder, error);
    }
  }
}

}  // namespace millrace::device
