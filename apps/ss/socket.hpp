// One socket as a Millrace process tells of it, and who that process is.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ss {

struct Socket {
  int process = 0;
  std::string program;  ///< The process's name.
  unsigned core = 0;    ///< Which of its workers has the socket.
  std::string protocol;
  std::string state;  ///< In the words of Linux's ss.
  std::uint64_t receive_queue = 0;
  std::uint64_t send_queue = 0;
  std::string local;
  std::uint16_t local_port = 0;
  std::string peer;
  std::uint16_t peer_port = 0;  ///< Zero: none.
  std::string congestion;       ///< Who moves the congestion window; with `info` alone.
  std::string timer;            ///< Empty: none runs.
  std::uint64_t timer_left_us = 0;
  bool is_orphan = false;                     ///< Its program has closed it.
  std::map<std::string, std::uint64_t> info;  ///< By name; empty unless it was asked for.

  /// Zero if there is no such number.
  [[nodiscard]] std::uint64_t number(const std::string& name) const {
    const auto found = info.find(name);
    return found == info.end() ? 0 : found->second;
  }
};

}  // namespace ss
