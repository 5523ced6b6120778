// A second name is kept beside the first; a child gives the socket its first name back, right after
// DPDK has taken it. The folder goes with both when the process itself ends.
#include "device/dpdk/telemetry_name.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace millrace::device {

namespace {

/// Handlers of exit have no argument.
struct Kept {
  pid_t process = 0;
  std::string name;
  std::string second_name;
};

Kept& kept() noexcept {
  static Kept& only = *new Kept;  // Never destroyed: it is used while the process ends.
  return only;
}

void restore_in_child() {
  if (kept().process != 0 && kept().process != ::getpid()) {
    static_cast<void>(::link(kept().second_name.c_str(), kept().name.c_str()));
  }
}

}  // namespace

void restore_telemetry_name_at_exit() noexcept { static_cast<void>(std::atexit(restore_in_child)); }

void keep_telemetry_name(const std::filesystem::path& folder) noexcept {
  const std::string name = folder / "dpdk_telemetry.v2";
  const std::string second_name = folder / "kept_telemetry";
  // Of a process that was killed, and had the same number.
  ::unlink(second_name.c_str());
  if (::link(name.c_str(), second_name.c_str()) == 0) {
    kept() = {.process = ::getpid(), .name = name, .second_name = second_name};
  }
}

}  // namespace millrace::device
