// The command line of millrace-ss, in the letters of Linux's ss.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "ss/socket.hpp"

namespace ss {

struct Options {
  bool all = false;
  bool listening = false;
  bool tcp = false;
  bool udp = false;
  bool numeric = false;
  bool processes = false;
  bool info = false;
  bool timers = false;
  bool summary = false;
  bool json = false;
  bool no_header = false;
  int process = 0;                   ///< Zero: every process.
  std::vector<std::string> folders;  ///< Empty: where DPDK keeps them.

  /// Whether the choice of states and protocols has room for a socket.
  [[nodiscard]] bool shows(const Socket& socket) const;
  /// Whether lines need to say which protocol they are of.
  [[nodiscard]] bool shows_protocol() const noexcept { return tcp == udp; }
};

/// Error: the status to end with; what was to be said has been said (help, a mistake).
[[nodiscard]] std::expected<Options, int> read_options(int argc, char** argv);

}  // namespace ss
