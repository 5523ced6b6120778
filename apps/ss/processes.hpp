// Which Millrace processes there are: each has a folder of DPDK's, named after its process id, with
// the telemetry socket in it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ss {

struct Process {
  int id = 0;
  uid_t owner = 0;  ///< Of its folder; whoever answers there must be that user's.
  std::filesystem::path socket;
  std::string refusal;  ///< One line; unless empty, why it is better not asked.
};

struct Processes {
  std::vector<Process> found;       ///< By id. Some may be dead and have left their folder.
  std::vector<std::string> errors;  ///< One line each: folders that could not be looked into.
  std::vector<std::string> looked_into;
};

/// The usual places: of root, of this user, and, for root, of every user.
[[nodiscard]] std::vector<std::string> usual_folders();
/// `are_named`: the user has named the folders. Of others root asks only its own processes: anybody
/// can make a folder in /tmp that looks like theirs.
[[nodiscard]] Processes find_processes(std::span<const std::string> folders, bool are_named);
/// Of a process id, from /proc; "?" if that does not tell.
[[nodiscard]] std::string program_of(int process);

}  // namespace ss
