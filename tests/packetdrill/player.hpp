// Plays a script against the table of functions that the shim hands out, as packetdrill does: one
// thread for packets and for calls that return at once, one for calls that block.
//
// A script is a table of lines, TIME VERB ARGUMENTS [= RESULT]; times are seconds since its start,
// of calls and packets alike. `#` starts a comment.
//
//     0.0  socket A            makes it
//     0.0  bind A 8080         0.0  listen A 5
//     0.0  accept A B          B is the new one
//     0.0  connect A 8080 = EINPROGRESS
//     0.0  write B 1000        = what it returns, or the name of an error; without it, as much as
//                              was asked for
//     0.0  read B 1000         recv B 1000 DONTWAIT|PEEK   shutdown B WR   close B   nonblock B
//     0.0  poll B IN|OUT = IN  epoll B IN|ET = IN   set B KEEPIDLE 5   get B ERROR = 0
//     0.0  ioctl B FIONREAD = 5
//     0.0  send B 1000 MORE|ZEROCOPY           0.0  notice B = zerocopy:0-1 (notice.hpp)
//     0.0  < S  seq 0 win 65535 mss 1460       a packet of the peer's; numbers count from each
//                                              side's SYN
//     0.0  < S  seq 0 opts mss:1000,sackok     the same with options (script_options.hpp)
//     0.0  > S. seq 0 ack 1 len 0              what must leave next, at that time; `win` and `opts`
//                                              are looked at where they stand
//     0.1...0.3  read B 100 = 5                a call that blocks from 0.1 to 0.3
//     0.0  wait                                lets time pass until then
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace millrace::test {

/// Empty when all went as the script says, else what did not. `before` runs where packetdrill runs
/// the shell commands that a script begins with.
[[nodiscard]] std::string play(
    std::string_view script, const std::string& flags, const std::function<void()>& before = [] {});

}  // namespace millrace::test
