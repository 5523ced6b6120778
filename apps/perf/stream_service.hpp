// The server of `stream`.
#pragma once

#include <cstddef>
#include <vector>

#include "perf/service.hpp"
#include "perf/slots.hpp"
#include "perf/stream_line.hpp"

namespace perf {

class StreamService;

/// One connection.
class StreamVisitor final : public ChannelUser {
 public:
  /// `source` is what it sends from; empty if it does not send.
  StreamVisitor(StreamService& service, TestBed& bed, Channel& channel,
                std::vector<std::byte> source);

  void on_open(Channel&) override {}
  void on_readable(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_finished(Channel& channel) override;
  void on_closed(Channel& channel, millrace::Result<void> outcome) override;
  void pump();
  void stop() { line_.stop(); }
  void abort() { line_.channel()->abort(); }

 private:
  StreamService& service_;
  TestBed& bed_;
  StreamLine line_;
};

/// All of them.
class StreamService final : public Service {
 public:
  /// Takes the memory that is sent from at once: later it would hold the core up.
  explicit StreamService(TestBed& bed);

  void start() override;
  void stop() override;
  void abort() override;
  [[nodiscard]] std::size_t alive() const override { return alive_; }
  [[nodiscard]] bool is_flowing() const noexcept { return is_flowing_; }
  /// Every line sends again, in a moment.
  void pump_later();
  void remove(StreamVisitor& visitor) noexcept;

  void on_open(Channel& channel) override;
  void on_readable(Channel&) override {}
  void on_finished(Channel&) override {}
  void on_closed(Channel&, millrace::Result<void>) override {}

 private:
  void pump_all();

  TestBed& bed_;
  Slots<StreamVisitor> visitors_;
  std::vector<std::vector<std::byte>> sources_;  // One for each connection that may still come.
  std::size_t alive_ = 0;
  bool is_flowing_ = false;
  bool will_pump_ = false;
};

}  // namespace perf
