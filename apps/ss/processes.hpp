// Which Millrace processes there are: each has a folder of DPDK's, named after its process id, with
// the telemetry socket in it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ss {

struct Process {
  int id = 0;
  std::string program;  ///< From /proc; "?" if that does not tell.
  std::filesystem::path socket;
};

struct Processes {
  std::vector<Process> found;       ///< By id. Some may be dead and have left their folder.
  std::vector<std::string> errors;  ///< One line each: folders that could not be looked into.
  std::vector<std::string> looked_into;
};

/// The usual places: of root, of this user, and, for root, of every user.
[[nodiscard]] std::vector<std::string> usual_folders();
[[nodiscard]] Processes find_processes(std::span<const std::string> folders);

}  // namespace ss
