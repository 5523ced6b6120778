// What TCP knows of a connection, in the words and the order of `ss -ti`.
#pragma once

#include <string>

#include "ss/socket.hpp"

namespace ss {

/// " ts sack reno wscale:7,7 rto:204 ..."; empty where nothing is known. Times are milliseconds,
/// windows and sizes bytes, `cwnd` and `ssthresh` segments, as there.
[[nodiscard]] std::string info_words(const Socket& socket);

/// "timer:(on,120ms,0)", as `ss -o` has it; empty while no timer runs.
[[nodiscard]] std::string timer_words(const Socket& socket);

}  // namespace ss
