// A socket option in a table: what it is at first, what becomes of what is set, what is refused;
// and the flags that sockets of both kinds keep alike.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "simulation/posix_pair.hpp"

namespace millrace::test {

inline constexpr int kNone = -2'147'483'647 - 1;

struct OptionRow {
  const char* name;
  int level;
  int option;
  int at_first;
  int value;
  int got;      ///< What getsockopt says after `value` was set.
  int refused;  ///< A value that is EINVAL; kNone: none is.
};

inline constexpr std::array kFlagRows{
    OptionRow{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 0, 5, 1, kNone},
    OptionRow{"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 0, 1, 1, kNone},
    OptionRow{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1, kNone},
    OptionRow{"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 0, 1, 1, kNone},
    OptionRow{"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 0, 1, 1, kNone},
};

/// On a fresh socket, which is closed at the end.
inline void expect_kept(PosixHost& host, int fd, const OptionRow& row) {
  SCOPED_TRACE(row.name);
  EXPECT_EQ(host.get(fd, row.level, row.option), row.at_first);
  EXPECT_EQ(host.set(fd, row.level, row.option, row.value), 0);
  EXPECT_EQ(host.get(fd, row.level, row.option), row.got);
  if (row.refused != kNone) {
    EXPECT_EQ(host.set(fd, row.level, row.option, row.refused), -EINVAL);
    EXPECT_EQ(host.get(fd, row.level, row.option), row.got);
  }
  EXPECT_EQ(host.sockets().close(fd), 0);
}

}  // namespace millrace::test
