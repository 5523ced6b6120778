// What MSG_ERRQUEUE tells of writes, in a script's words: "zerocopy:0-1" of writes with
// MSG_ZEROCOPY, "sched:99@0.02", "sent:99@0.02" and "ack:99@0.03" of stamps, with their times.
#pragma once

#include <string>

#include "packetdrill/interface.hpp"

namespace millrace::test {

/// The next one; "none" when there is none. `start` is the script's, in seconds since the epoch;
/// times are rounded to ten milliseconds.
[[nodiscard]] std::string read_notice(const packetdrill_interface& table, int fd, double start);

}  // namespace millrace::test
