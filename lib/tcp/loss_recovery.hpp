// LossRecovery: what a connection keeps for finding and mending losses while something is in
// flight: the parts, side by side. They do not know each other; `Repair` asks them.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/time.hpp>

#include "tcp/ack_sample.hpp"
#include "tcp/delivery_log.hpp"
#include "tcp/delivery_rate.hpp"
#include "tcp/duplicate_acks.hpp"
#include "tcp/prr.hpp"
#include "tcp/rack.hpp"
#include "tcp/segment.hpp"
#include "tcp/spurious_timeout.hpp"
#include "tcp/tail_probe.hpp"
#include "tcp/undo.hpp"
#include "tcp/window_use.hpp"

namespace millrace::tcp {

/// What the one timer beside that of retransmissions waits for (RFC 8985 §8).
enum class LossTimerKind : std::uint8_t {
  None,
  Reordering,  ///< Something will count as lost.
  TailProbe,   ///< A probe will be due.
};

struct LossRecovery {
  enum class Phase : std::uint8_t {
    Open,      ///< Nothing is being mended.
    Recovery,  ///< A fast recovery goes on, until `recover` is acknowledged.
    Loss,      ///< What a timeout found lost is being sent again, until then.
  };

  Phase phase = Phase::Open;
  LossTimerKind timer_kind = LossTimerKind::None;
  bool is_probe_due = false;  ///< A tail-loss probe is to leave.
  bool is_first_due = false;  ///< What was found lost first need not wait for room.
  Instant timer_at = Instant::max();
  Instant begun_at{};           ///< When the window was last reduced for a loss.
  SeqNum highest{0};            ///< Behind the highest octet that is known to have arrived.
  SeqNum renege_at{0};          ///< From here on a peer's going back on reports is heeded anew.
  std::uint32_t lost_told = 0;  ///< Of what counts as lost, what the controller has heard of.
  Rack rack;
  Prr prr;
  TailProbe probe;
  SpuriousTimeout spurious_timeout;
  Undo undo;
  DuplicateAcks duplicates;
  WindowUse window_use;
  DeliveryRate rate;

  void set_timer(LossTimerKind kind, Instant at) noexcept {
    timer_kind = kind;
    timer_at = at;
  }
  void stop_timer() noexcept { set_timer(LossTimerKind::None, Instant::max()); }
};

/// One ACK on its way through a connection.
struct AckInHand {
  const Segment& segment;
  Instant now{};
  DeliveryLog log;
  SeqNum prior_una{0};
  std::uint32_t prior_in_network = 0;
  bool is_repeated = false;       ///< It acknowledges and offers what the last one did, no more.
  bool is_duplicate = false;      ///< Of something in flight: RFC 5681 §2, points (a) to (e).
  bool has_blocks = false;        ///< It carries any, a report of a duplicate aside.
  std::uint32_t newly_acked = 0;  ///< Octets, FIN included.
  std::optional<wire::SackBlock> duplicate_report;  ///< RFC 2883.
  std::optional<Duration> rtt;                      ///< What it measured, if anything.
  std::optional<std::uint32_t> echoed;              ///< The clock of timestamps that it echoes.

  [[nodiscard]] bool advances() const noexcept { return segment.ack.is_after(prior_una); }
};

}  // namespace millrace::tcp
