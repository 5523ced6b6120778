// ActiveBlock: what a connection needs only while data is queued, in flight or out of order
// (decision 7). Resources: what the connections of one core share. Connections are handed it with
// every call and keep none of it.
#pragma once

#include <millrace/config.hpp>
#include <millrace/stats.hpp>
#include <millrace/tcp_tuning.hpp>

#include "base/slot_table.hpp"
#include "packet/packet_budget.hpp"
#include "tcp/bbr.hpp"
#include "tcp/burst_push.hpp"
#include "tcp/challenge_ack.hpp"
#include "tcp/loss_recovery.hpp"
#include "tcp/more_hold.hpp"
#include "tcp/pacer.hpp"
#include "tcp/reassembly_queue.hpp"
#include "tcp/receive_queue.hpp"
#include "tcp/sack_report.hpp"
#include "tcp/scoreboard.hpp"
#include "tcp/send_autosize.hpp"
#include "tcp/send_buffer.hpp"
#include "tcp/send_watch.hpp"
#include "tcp/sent_segments.hpp"
#include "tcp/slowdown.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

struct ActiveBlock {
  SendBuffer send_buffer;
  SentSegments sent;
  ReceiveQueue receive_queue;
  ReassemblyQueue reassembly;
  wire::FastOpenCookie fast_open;  // Of the SYN that is to carry data.
  SendAutosize send_autosize;
  SackReport sack_report;  ///< Of `reassembly`.
  Scoreboard scoreboard;   ///< Over `sent`.
  LossRecovery recovery;   ///< Likewise.
  BurstPush burst_push;
  MoreHold more;
  SendWatch watch;
  Slowdown slowdown;
  Pacer pacer;
  bool is_held_by_pacer = false;  ///< Something would leave now, were it not for it.
  SeqNum pushed{0};               ///< Behind the last segment that left with PSH.

  /// Lets go of what waits ahead of a hole, and of the reports of it. Returns how many segments
  /// that was.
  std::uint32_t drop_out_of_order(packet::PacketBudget& budget) noexcept {
    sack_report.clear();
    return reassembly.clear(budget);
  }

  /// Lets go of the records of what is in flight: nothing of it will be sent again.
  void drop_sent(SentSegmentPool& pool) noexcept {
    sent.clear(pool);
    recovery.stop_timer();
    recovery.is_probe_due = false;
    is_held_by_pacer = false;
  }

  [[nodiscard]] bool is_needed() const noexcept {
    return !send_buffer.empty() || !sent.empty() || !receive_queue.empty() || !reassembly.empty();
  }
};

using ActiveBlockPool = base::SlotTable<ActiveBlock>;
/// What applications have chosen for single connections; most choose nothing.
using TuningPool = base::SlotTable<TcpTuning>;

struct Resources {
  const TcpConfig& config;
  ActiveBlockPool& active_blocks;
  SentSegmentPool& sent_segments;
  packet::PacketBudget& budget;
  CoreStats& stats;
  ChallengeAckLimit& challenge_acks;
  TuningPool& tunings;            ///< At least one for each connection.
  BbrPool* bbr_models = nullptr;  ///< Null: none gets one.
};

}  // namespace millrace::tcp
