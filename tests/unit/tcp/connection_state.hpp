// All that a connection and its active block hold but the bytes in their queues, as bytes with
// names, so that two connections can be held against each other. Compiled without access control:
// what is private counts as well. Where things lie in memory does not. And the same for what they
// send.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "tcp/connection.hpp"

namespace millrace::test {

[[nodiscard]] inline bool is_same_plan(const tcp::SegmentPlan& a, const tcp::SegmentPlan& b) {
  return a.seq == b.seq && a.ack == b.ack && a.payload_bytes == b.payload_bytes &&
         a.window == b.window && a.flags == b.flags && a.ecn == b.ecn &&
         a.urgent_pointer == b.urgent_pointer && a.options == b.options;
}

class ConnectionState {
 public:
  explicit ConnectionState(const tcp::Connection& connection) {
    add_flags(connection);
    add_numbers(connection);
    add_parts(connection);
    add_deadlines(connection);
    if (connection.active_ != nullptr) {
      add_block(*connection.active_);
    }
  }

  /// Bytes of something that has no place of its own here.
  template <class T>
  void add(const char* name, const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    T copy = value;
    __builtin_clear_padding(&copy);
    marks_.push_back({name, bytes_.size()});
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &copy, sizeof(T));
  }

  /// What is not there has no bytes.
  template <class T>
  void add(const char* name, const std::optional<T>& value) {
    add(name, value.has_value());
    add(name, value.value_or(T{}));
  }

  /// The first thing that differs; empty: nothing does.
  [[nodiscard]] std::string difference(const ConnectionState& other) const {
    if (bytes_ == other.bytes_) {
      return {};
    }
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      const std::size_t from = marks_[i].at;
      const std::size_t to = i + 1 < marks_.size() ? marks_[i + 1].at : bytes_.size();
      if (i >= other.marks_.size() || std::strcmp(other.marks_[i].name, marks_[i].name) != 0 ||
          std::memcmp(bytes_.data() + from, other.bytes_.data() + from, to - from) != 0) {
        return marks_[i].name;
      }
    }
    return "more of it";
  }

 private:
  struct Mark {
    const char* name;
    std::size_t at;
  };

  void add_flags(const tcp::Connection& c) {
    const bool flags[] = {c.ack_now_,
                          c.syn_due_,
                          c.reset_due_,
                          c.probe_due_,
                          c.override_due_,
                          c.fin_queued_,
                          c.fin_sent_,
                          c.peer_fin_seen_,
                          c.peer_fin_received_,
                          c.peer_finished_reported_,
                          c.app_closed_,
                          c.wants_writable_,
                          c.no_delay_,
                          c.passive_,
                          c.offers_wscale_,
                          c.sack_,
                          c.idle_restart_,
                          c.has_answered_oddity_,
                          c.syn_repeated_,
                          c.keepalive_due_,
                          c.path_doubt_,
                          c.corked_,
                          c.fast_open_,
                          c.fast_open_tried_,
                          c.early_,
                          c.reopened_,
                          c.syn_unseen_,
                          c.deferred_,
                          c.active_ != nullptr};
    for (const bool flag : flags) {
      add("a flag", flag);
    }
  }

  void add_numbers(const tcp::Connection& c) {
    add("state_", c.state_);
    add("tuple_", c.tuple_);
    add("fast_open_outcome_", c.fast_open_outcome_);
    add("syn_retransmissions_", c.syn_retransmissions_);
    add("deferred_timeouts_", c.deferred_timeouts_);
    add("events_", c.events_);
    add("snd_wscale_", c.snd_wscale_);
    add("rcv_wscale_", c.rcv_wscale_);
    add("duplicate_acks_due_", c.duplicate_acks_due_);
    add("mss_", c.mss_);
    add("mss_limit_", c.mss_limit_);
    add("rcv_mss_", c.rcv_mss_);
    add("send_", c.send_);
    add("receive_", c.receive_);
    add("unacked_bytes_", c.unacked_bytes_);
    add("oddity_answered_ms_", c.oddity_answered_ms_);
    add("recover_", c.recover_);
    add("delivered_units_", c.delivered_units_);
    add("linger_ms_", c.linger_ms_);
    add("duplicate_", c.duplicate_);
    add("small_end_", c.small_end_);
    add("peer_fin_", c.peer_fin_);
    add("outcome_", c.outcome_ ? std::optional<Error>{} : c.outcome_.error());
    add("tuning_", c.tuning_->unsent_limit_bytes);
  }

  void add_parts(const tcp::Connection& c) {
    add("soft_error_.last_", c.soft_error_.last_);
    add("soft_error_.untold_", c.soft_error_.untold_);
    add("urgent_out_", c.urgent_out_);
    add("urgent_in_", c.urgent_in_);
    add("aftermath_", c.aftermath_);
    add("congestion_.window_", c.congestion_.window_);
    std::visit([this](const auto& controller) { add_controller(controller); },
               c.congestion_.controller_);
    add("reorder_", c.reorder_);
    add("rtt_", c.rtt_);
    add("path_mtu_", c.path_mtu_);
    add("ecn_", c.ecn_);
    add("receive_autotune_", c.receive_autotune_);
    add("keepalive_", c.keepalive_);
    add("timestamps_", c.timestamps_);
    add("quick_acks_", c.quick_acks_);
    add("user_timeout_", c.user_timeout_);
  }

  template <class T>
  void add_controller(const T& controller) {
    if constexpr (std::is_same_v<T, tcp::Bbr>) {
      add("bbr", controller.model());
    } else {
      add("controller_", controller);
    }
  }

  void add_deadlines(const tcp::Connection& c) {
    add("retransmit_at_", c.retransmit_at_);
    add("ack_at_", c.ack_at_);
    add("override_at_", c.override_at_);
    add("state_at_", c.state_at_);
    add("progress_at_", c.progress_at_);
  }

  void add_block(const tcp::ActiveBlock& block) {
    add("send_buffer.front", block.send_buffer.front_);
    add("send_buffer.end", block.send_buffer.end_);
    add("send_buffer.charge", block.send_buffer.charge_);
    add("send_buffer.packets", block.send_buffer.packets_.size());
    add("receive_queue.size", block.receive_queue.size());
    add("receive_queue.charge", block.receive_queue.charge());
    add("reassembly.segments", block.reassembly.segments());
    add("reassembly.charge", block.reassembly.charge());
    for (const std::byte each : block.fast_open) {
      add("fast_open", each);
    }
    add("send_autosize", block.send_autosize);
    for (const wire::SackBlock& reported : block.sack_report.blocks()) {
      add("sack_report", reported);
    }
    add("scoreboard.credit", block.scoreboard.credit_);
    for (const auto& place : block.scoreboard.places_) {
      add("scoreboard.place", place.block);
      add("scoreboard.seq", place.seq);
    }
    add("burst_push", block.burst_push);
    add("more", block.more);
    add("watch.sent_", block.watch.sent_);
    add("watch.acknowledged_", block.watch.acknowledged_);
    add("slowdown", block.slowdown);
    add("pacer", block.pacer);
    add("is_held_by_pacer", block.is_held_by_pacer);
    add("pushed", block.pushed);
    add_sent(block.sent);
    add_recovery(block.recovery);
  }

  void add_recovery(const tcp::LossRecovery& recovery) {
    add("recovery.phase", recovery.phase);
    add("recovery.timer_kind", recovery.timer_kind);
    add("recovery.timer_at", recovery.timer_at);
    add("recovery.rack", recovery.rack);
    add("recovery.undo", recovery.undo);
    add("recovery.probe", recovery.probe);
    add("recovery.rate", recovery.rate);
    add("recovery.window_use", recovery.window_use);
    add("recovery", recovery);
  }

  void add_sent(const tcp::SentSegments& sent) {
    std::map<const tcp::SentSegment*, std::uint32_t> places{{nullptr, 0}};
    for (const tcp::SentSegment* segment = sent.head_; segment != nullptr;
         segment = segment->next) {
      places.emplace(segment, static_cast<std::uint32_t>(places.size()));
    }
    for (const tcp::SentSegment* segment = sent.head_; segment != nullptr;
         segment = segment->next) {
      tcp::SentSegment copy = *segment;
      copy.next = copy.older = copy.newer = nullptr;
      add("sent segment", copy);
      add("sent segment: older", places.at(segment->older));
      add("sent segment: newer", places.at(segment->newer));
    }
    // Where a search would end, wherever it begins.
    const tcp::SentSegment* lost = sent.lost_hint_;
    while (lost != nullptr && (!lost->is_lost || lost->is_sacked)) {
      lost = lost->next;
    }
    const std::array<const tcp::SentSegment*, 6> marked{sent.head_,   sent.tail_,      sent.oldest_,
                                                        sent.newest_, sent.overtaken_, lost};
    for (const tcp::SentSegment* const each : marked) {
      add("sent: a place", places.at(each));
    }
    const std::uint32_t numbers[] = {sent.sacked_before_,   sent.in_network_, sent.sacked_,
                                     sent.sacked_segments_, sent.size_,       sent.delivered_,
                                     sent.lost_total_};
    for (const std::uint32_t number : numbers) {
      add("sent: a number", number);
    }
    add("sent: losses", sent.losses_);
    add("sent: odd_end", sent.has_odd_ ? std::optional{sent.odd_end_} : std::nullopt);
  }

  std::vector<std::byte> bytes_;
  std::vector<Mark> marks_;
};

}  // namespace millrace::test
