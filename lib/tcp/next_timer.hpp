// NextTimer: what a connection waits for next, for people to read.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

namespace millrace::tcp {

enum class TimerKind : std::uint8_t {
  None,
  Retransmission,
  Persist,  ///< A closed window will be probed.
  Keepalive,
  TimeWait,  ///< Also FIN-WAIT-2 and lingering: the state itself ends.
  Other,     ///< A delayed ACK, or small data that waits.
};

struct NextTimer {
  TimerKind kind = TimerKind::None;
  Instant at{};
};

}  // namespace millrace::tcp
