// All sockets of one process, page by page.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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

/// More than any process has or takes; one that tells of more is cut short, and `error` says so.
struct CollectLimits {
  std::uint64_t cores = 1'024;
  std::size_t sockets = 1'000'000;
  std::size_t pages = 200'000;
  std::chrono::milliseconds time = std::chrono::minutes{1};
};

[[nodiscard]] Collected collect(const Process& process, bool with_info,
                                const CollectLimits& limits = {});

}  // namespace ss
