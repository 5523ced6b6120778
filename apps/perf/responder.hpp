// The server of `rr`, `idle` and `crr`: for each whole request a response; in `crr` it closes
// behind the first one.
#pragma once

#include <cstddef>

#include "perf/service.hpp"
#include "perf/slots.hpp"

namespace perf {

class Responder;

/// One connection.
class Visitor final : public ChannelUser {
 public:
  Visitor(Responder& responder, TestBed& bed, Channel& channel);

  void on_open(Channel&) override {}
  void on_readable(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_finished(Channel& channel) override;
  void on_closed(Channel& channel, millrace::Result<void> outcome) override;
  [[nodiscard]] Channel& channel() const noexcept { return channel_; }

 private:
  [[nodiscard]] bool take(std::span<const std::byte> bytes);
  void respond();

  Responder& responder_;
  TestBed& bed_;
  Channel& channel_;
  Checker requests_;
  Outgoing responses_;
  std::uint64_t request_left_;  // Of the request that is arriving, in bytes.
  bool has_served_ = false;     // In `crr`: the one request is there.
  bool has_closed_ = false;
};

/// All of them.
class Responder final : public Service {
 public:
  explicit Responder(TestBed& bed) noexcept : bed_{bed} {}

  void abort() override;
  [[nodiscard]] std::size_t alive() const override { return alive_; }
  void remove(Visitor& visitor) noexcept;

  void on_open(Channel& channel) override;
  void on_readable(Channel&) override {}
  void on_finished(Channel&) override {}
  void on_closed(Channel&, millrace::Result<void>) override {}

 private:
  TestBed& bed_;
  Slots<Visitor> visitors_;
  std::size_t alive_ = 0;
};

}  // namespace perf
