// One run of the client: agrees on the test with the server, opens connections, lets traffic flow,
// measures, ends it, and tells what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/control_link.hpp"
#include "perf/options.hpp"
#include "perf/report.hpp"
#include "perf/targets.hpp"
#include "perf/test_bed.hpp"
#include "perf/traffic.hpp"
#include "perf/window.hpp"

namespace perf {

/// Everything given must outlive it; it must outlive the transport's loop, which it ends with 0, or
/// with 1 if the test has failed.
class Client final : public ControlUser, public TrafficObserver {
 public:
  Client(const Options& options, Transport& transport, const Stopwatch& clock,
         std::vector<std::string> warnings);

  /// The error is a sentence.
  [[nodiscard]] millrace::Result<void, std::string> start();
  /// Ctrl-C: ends what is measured and tells what there is. Returns how long that may take.
  [[nodiscard]] millrace::Duration interrupt();
  [[nodiscard]] bool is_done() const noexcept;
  /// All that came of it, once it is done.
  [[nodiscard]] const Report& report() const noexcept { return report_; }

  void on_link_open(ControlLink& link) override;
  void on_message(ControlLink& link, const message::Any& message) override;
  void on_link_over(ControlLink& link, const std::string& why) override;
  void on_traffic_changed() override;

 private:
  enum class Phase : std::uint8_t {
    Agreeing,  // With the server.
    Opening,   // Connections.
    WarmingUp,
    Measuring,
    Draining,    // What has begun comes to its end.
    Collecting,  // The server's result.
    Done,
  };

  void make_traffic();
  void begin_opening();
  void advance();
  void begin_flow();
  void begin_measuring();
  void end_measuring();
  void collect();
  void finish();
  void tick();
  void tell_interval(double until);
  void tell_progress(double now);
  void break_down(const std::string& why);
  void break_off(const std::string& why);
  void end_early(const std::string& why);
  [[nodiscard]] double age() const noexcept;
  void enter(Phase phase) noexcept;
  void say(const std::string& text) const;

  const Options& options_;
  Transport& transport_;
  const Stopwatch& clock_;
  Ticks phase_start_;
  Phase phase_ = Phase::Agreeing;
  std::unique_ptr<TestBed> bed_;
  Targets targets_;
  std::unique_ptr<Traffic> traffic_;
  ControlLink link_;
  Window window_;
  Histogram latency_;
  Tally interval_start_{};
  double next_interval_ = 0;
  double last_interval_ = 0;
  double next_progress_ = 1;
  bool is_advancing_ = false;
  Report report_;
};

}  // namespace perf
