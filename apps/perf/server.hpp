// The server: one control connection at a time that says what is to be tested, a service that does
// it, and the result that goes back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/control_link.hpp"
#include "perf/options.hpp"
#include "perf/service.hpp"
#include "perf/slots.hpp"
#include "perf/test_bed.hpp"
#include "perf/window.hpp"

namespace perf {

/// Everything given must outlive it; it must outlive the transport's loop.
class Server final : public ChannelUser, public ControlUser {
 public:
  Server(const Options& options, Transport& transport, const Stopwatch& clock,
         std::vector<std::string> warnings);
  ~Server() override;

  /// The error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> start();

  // Of the listener for control connections.
  void on_open(Channel& channel) override;
  void on_readable(Channel&) override {}
  void on_finished(Channel&) override {}
  void on_closed(Channel&, millrace::Result<void>) override {}

  void on_message(ControlLink& link, const message::Any& message) override;
  void on_link_over(ControlLink& link, const std::string& why) override;

 private:
  // What belongs to the test that is under way.
  struct Test;

  [[nodiscard]] millrace::Result<void, std::string> begin(const Plan& plan);
  void await_end();
  void tell_result();
  void end_test();
  [[nodiscard]] EndResult result() const;
  void say(const std::string& text) const;

  const Options& options_;
  Transport& transport_;
  const Stopwatch& clock_;
  std::vector<std::string> warnings_;
  Slots<ControlLink> links_;
  ControlLink* current_ = nullptr;  // Whose test it is.
  std::unique_ptr<Test> test_;
  std::unique_ptr<Test> last_;  // Its last timers may still have to go off.
};

}  // namespace perf
