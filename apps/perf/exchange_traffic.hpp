// The client of `rr`, `idle` and `http`: requests and responses on connections that stay. Closed
// loop: each answer makes the next request. Open loop: requests have their times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "perf/http_dialog.hpp"
#include "perf/opener.hpp"
#include "perf/pattern_dialog.hpp"
#include "perf/request_times.hpp"
#include "perf/schedule.hpp"
#include "perf/test_bed.hpp"
#include "perf/traffic.hpp"

namespace perf {

/// How much, and how fast.
struct Pace {
  std::optional<double> rate;  ///< Requests a second over all connections; empty: closed loop.
  std::uint64_t count = 0;     ///< Requests in all; zero: no limit.
};

/// `Dialog` knows what requests and responses are: PatternDialog or HttpDialog. `bed`, `targets`
/// and `observer` must outlive it, and it the connections.
template <class Dialog>
class ExchangeTraffic final : public Traffic, public ChannelUser {
 public:
  ExchangeTraffic(TestBed& bed, Targets& targets, const Pace& pace, TrafficObserver& observer,
                  typename Dialog::Shared shared = {});

  void open() override;
  [[nodiscard]] std::uint64_t opened() const override { return opener_.opened(); }
  [[nodiscard]] std::uint64_t wanted() const override { return opener_.wanted(); }
  void start() override;
  [[nodiscard]] bool has_reached_count() const override;
  void stop() override;
  [[nodiscard]] bool is_over() const override;
  void abort() override;
  [[nodiscard]] const std::string& breakdown() const override { return breakdown_; }

  void on_open(Channel& channel) override;
  void on_readable(Channel& channel) override;
  void on_writable(Channel& channel) override;
  void on_finished(Channel& channel) override;
  void on_closed(Channel& channel, millrace::Result<void> outcome) override;

 private:
  // One connection.
  struct Line {
    Dialog dialog;
    Channel* channel = nullptr;
    std::uint64_t issued = 0;
    std::uint64_t due = 0;  // Open loop: so many of this line's requests are due.
    bool was_open = false;
    bool is_broken = false;  // Not to be made anew.
  };

  void issue(std::uint32_t number, Ticks now);
  [[nodiscard]] bool may_issue(std::uint32_t number) const noexcept;
  void count_answers(std::uint32_t number, std::uint32_t ended, Ticks now);
  void follow_schedule();
  void close_if_done(std::uint32_t number);
  void give_up(Line& line);
  void reconnect(std::uint32_t number);
  void begin_anew(std::uint32_t number);

  TestBed& bed_;
  Pace pace_;
  TrafficObserver& observer_;
  Targets& targets_;
  typename Dialog::Shared shared_;
  Opener opener_;
  Schedule schedule_;
  std::vector<Line> lines_;
  RequestTimes times_;
  std::uint64_t issued_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t scheduled_ = 0;  // Open loop: requests dealt out to lines.
  std::uint32_t next_line_ = 0;  // Whose turn the next one is.
  std::uint32_t alive_ = 0;      // Channels.
  bool is_flowing_ = false;
  bool is_stopping_ = false;
  std::string breakdown_;
};

extern template class ExchangeTraffic<PatternDialog>;
extern template class ExchangeTraffic<HttpDialog>;

}  // namespace perf
