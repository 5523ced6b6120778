// AnswerLimit: ends the wait of DPDK's virtio-user driver for a peer that says nothing. The driver
// asks through its socket, and blocks until the answer comes; a start that waits so hears no
// signal.
#pragma once

#include <string>
#include <thread>

#include <millrace/time.hpp>

namespace millrace::device {

/// While it lives, and once that time is over, this process hangs up on whoever serves the socket
/// at `path`; the driver then fails.
class AnswerLimit {
 public:
  AnswerLimit(std::string path, Duration limit);

 private:
  std::jthread thread_;
};

}  // namespace millrace::device
