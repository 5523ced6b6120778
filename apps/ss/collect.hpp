// All sockets of one process, page by page.
#pragma once

#include <string>
#include <vector>

#include "ss/processes.hpp"
#include "ss/socket.hpp"

namespace ss {

struct Collected {
  std::vector<Socket> sockets;  ///< As many as could be had.
  std::string error;            ///< One line; empty if that is all of them.
  bool is_alive = true;         ///< False: a folder that a dead process has left.
};

[[nodiscard]] Collected collect(const Process& process, bool with_info);

}  // namespace ss
