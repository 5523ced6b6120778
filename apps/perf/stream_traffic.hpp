// The client of `stream`: connections that carry bytes as fast as they go, from here, to here, or
// both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "perf/opener.hpp"
#include "perf/stream_line.hpp"
#include "perf/test_bed.hpp"
#include "perf/traffic.hpp"

namespace perf {

/// Bytes of source for each of so many connections.
[[nodiscard]] std::size_t source_bytes(const Plan& plan) noexcept;

/// `bed`, `targets` and `observer` must outlive it, and it the connections. `count` is in bytes;
/// zero: no limit.
class StreamTraffic final : public Traffic, public ChannelUser {
 public:
  StreamTraffic(TestBed& bed, Targets& targets, std::uint64_t count, TrafficObserver& observer);

  void open() override;
  [[nodiscard]] std::uint64_t opened() const override { return opener_.opened(); }
  [[nodiscard]] std::uint64_t wanted() const override { return opener_.wanted(); }
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
  void pump(std::uint32_t number);

  TestBed& bed_;
  std::uint64_t count_;
  TrafficObserver& observer_;
  Opener opener_;
  std::vector<StreamLine> lines_;
  std::uint32_t alive_ = 0;
  bool is_flowing_ = false;
  bool is_stopping_ = false;
  std::string breakdown_;
};

}  // namespace perf
