// The server of `stream`.
#pragma once

#include <cstddef>

#include "perf/service.hpp"
#include "perf/slots.hpp"
#include "perf/stream_line.hpp"

namespace perf {

class StreamService;

/// One connection.
class StreamVisitor final : public ChannelUser {
 public:
  StreamVisitor(StreamService& service, TestBed& bed, Channel& channel);

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
  explicit StreamService(TestBed& bed) noexcept : bed_{bed} {}

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
  std::size_t alive_ = 0;
  bool is_flowing_ = false;
  bool will_pump_ = false;
};

}  // namespace perf
