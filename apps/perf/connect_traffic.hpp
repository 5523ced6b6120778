// The client of `crr`: a connection for each request and response, so many at a time. The server
// closes first; the time of a connection runs from its opening (open loop: from when it was due)
// to the last byte of its response.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/exchange_traffic.hpp"
#include "perf/schedule.hpp"
#include "perf/targets.hpp"
#include "perf/test_bed.hpp"
#include "perf/traffic.hpp"

namespace perf {

/// `bed`, `targets` and `observer` must outlive it, and it the connections.
class ConnectTraffic final : public Traffic, public ChannelUser {
 public:
  ConnectTraffic(TestBed& bed, Targets& targets, const Pace& pace, TrafficObserver& observer);

  void open() override {}
  [[nodiscard]] std::uint64_t opened() const override { return 0; }
  [[nodiscard]] std::uint64_t wanted() const override { return 0; }
  void start() override;
  [[nodiscard]] bool has_reached_count() const override;
  void stop() override;
  [[nodiscard]] bool is_over() const override { return is_stopping_ && alive_ == 0; }
  void abort() override;
  [[nodiscard]] const std::string& breakdown() const override { return breakdown_; }

  void on_open(Channel& channel) override;
  void on_readable(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_finished(Channel& channel) override;
  void on_closed(Channel& channel, millrace::Result<void> outcome) override;

 private:
  // Place for one connection at a time.
  struct Slot {
    Channel* channel = nullptr;
    Outgoing request;
    Checker response;
    Ticks since = 0;
  };

  void follow_schedule();
  void begin_in_turn();
  void begin(std::uint32_t slot, Ticks since);
  void rest(std::uint32_t slot);
  [[nodiscard]] bool may_begin() const noexcept;

  TestBed& bed_;
  Targets& targets_;
  Pace pace_;
  TrafficObserver& observer_;
  Schedule schedule_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;  // Slots without a connection.
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t failures_in_row_ = 0;
  std::uint32_t alive_ = 0;
  bool is_flowing_ = false;
  bool is_stopping_ = false;
  std::string breakdown_;
};

}  // namespace perf
