// Phases follow each other; each says what it waits for, and for how long.
#include "perf/client.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <variant>

#include "perf/connect_traffic.hpp"
#include "perf/exchange_traffic.hpp"
#include "perf/stream_traffic.hpp"

namespace perf {
namespace {

constexpr millrace::Duration kTick = std::chrono::milliseconds{5};
constexpr double kDrainSeconds = 10;    // For what is on its way when the time is over.
constexpr double kCollectSeconds = 10;  // For the server's result.
constexpr millrace::Duration kInterruptGrant = std::chrono::seconds{5};
constexpr double kInterruptedDrainSeconds = 1;

double seconds_of(millrace::Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Client::Client(const Options& options, Transport& transport, const Stopwatch& clock,
               std::vector<std::string> warnings)
    : options_{options},
      transport_{transport},
      clock_{clock},
      phase_start_{clock.now()},
      bed_{std::make_unique<TestBed>(
          TestBed{.plan = options.plan, .transport = transport, .clock = clock})},
      link_{*this},
      window_{clock} {
  report_.options = options;
  report_.warnings = std::move(warnings);
  make_traffic();  // Here, where no packet waits for the memory that it takes.
}

millrace::Result<void, std::string> Client::start() {
  for (const auto& warning : report_.warnings) {
    std::fprintf(stderr, "%s: warning: %s\n", options_.program, warning.c_str());
  }
  const millrace::Endpoint server{options_.host, options_.port};
  if (options_.plan.mode == Mode::Http) {
    targets_ = Targets{server, 1, options_.local_addresses};
    begin_opening();
  } else {
    const auto channel = transport_.connect(server, std::nullopt, link_, 0);
    if (!channel) {
      return millrace::fail(server.to_string(), channel.error());
    }
  }
  if (!transport_.after(kTick, [this] { tick(); })) {
    return millrace::fail(std::string{"no timer is free"});
  }
  return {};
}

void Client::on_link_open(ControlLink& link) { link.send(message::Test{options_.plan}); }

void Client::on_message(ControlLink& /*link*/, const message::Any& message) {
  if (const auto* const ready = std::get_if<message::Ready>(&message);
      ready != nullptr && phase_ == Phase::Agreeing) {
    const millrace::Endpoint first{options_.host, ready->first_port};
    targets_ = Targets{first, options_.plan.data_ports, options_.local_addresses};
    begin_opening();
  } else if (const auto* const refusal = std::get_if<message::Refusal>(&message)) {
    break_off("the server refuses: " + refusal->reason);
  } else if (const auto* const outcome = std::get_if<message::Outcome>(&message);
             outcome != nullptr && phase_ == Phase::Collecting) {
    report_.server = outcome->result;
    finish();
  } else {
    break_off("the server has sent a message that does not fit");
  }
}

void Client::on_link_over(ControlLink& /*link*/, const std::string& why) {
  if (phase_ != Phase::Done) {
    break_off("the server is gone: " + (why.empty() ? "the connection has ended" : why));
  }
}

void Client::make_traffic() {
  const Pace pace{.rate = options_.rate, .count = options_.count};
  switch (options_.plan.mode) {
    case Mode::Stream:
      traffic_ = std::make_unique<StreamTraffic>(*bed_, targets_, options_.count, *this);
      break;
    case Mode::RequestResponse:
    case Mode::Idle:
      traffic_ = std::make_unique<ExchangeTraffic<PatternDialog>>(*bed_, targets_, pace, *this);
      break;
    case Mode::Connect:
      traffic_ = std::make_unique<ConnectTraffic>(*bed_, targets_, pace, *this);
      break;
    case Mode::Http:
      traffic_ = std::make_unique<ExchangeTraffic<HttpDialog>>(
          *bed_, targets_, pace, *this,
          HttpExpectation{.request = "GET " + options_.path +
                                     " HTTP/1.1\r\nHost: " + options_.host.to_string() + "\r\n\r\n",
                          .status = options_.status,
                          .body_bytes = options_.length});
      break;
  }
}

void Client::begin_opening() {
  enter(Phase::Opening);
  traffic_->open();
  advance();
}

void Client::on_traffic_changed() { advance(); }

// Looks at what the present phase waits for. Traffic may tell of changes from inside.
void Client::advance() {
  if (std::exchange(is_advancing_, true)) {
    return;
  }
  if (traffic_ != nullptr && !traffic_->breakdown().empty() && phase_ < Phase::Draining) {
    break_down(traffic_->breakdown());
  } else if (phase_ == Phase::Opening && traffic_->opened() == traffic_->wanted()) {
    report_.setup_seconds = age();
    begin_flow();
  } else if (phase_ == Phase::WarmingUp && age() >= seconds_of(options_.warmup)) {
    begin_measuring();
  } else if (phase_ == Phase::Measuring &&
             (traffic_->has_reached_count() ||
              (options_.duration && window_.age() >= seconds_of(*options_.duration)))) {
    end_measuring();
  }
  const double patience = report_.is_interrupted ? kInterruptedDrainSeconds : kDrainSeconds;
  if (phase_ == Phase::Draining && (traffic_->is_over() || age() >= patience)) {
    collect();
  }
  is_advancing_ = false;
}

void Client::begin_flow() {
  if (options_.plan.mode != Mode::Http) {
    link_.send(message::Start{});
  }
  if (!options_.json && options_.interval > millrace::Duration::zero()) {
    say(interval_title(options_.plan.mode));
  }
  if (options_.warmup > millrace::Duration::zero()) {
    enter(Phase::WarmingUp);
  } else {
    begin_measuring();
  }
  traffic_->start();
}

void Client::begin_measuring() {
  enter(Phase::Measuring);
  if (options_.plan.mode != Mode::Http) {
    link_.send(message::Measure{});
  }
  bed_->latency.clear();
  bed_->is_measuring = true;
  interval_start_ = bed_->tally;
  next_interval_ = seconds_of(options_.interval);
  window_.begin(bed_->tally);
}

void Client::end_measuring() {
  window_.end(bed_->tally);
  tell_interval(window_.result().seconds);
  bed_->is_measuring = false;
  enter(Phase::Draining);
  if (options_.plan.mode != Mode::Http && link_.is_open()) {
    link_.send(message::Stop{});
  }
  traffic_->stop();
}

// What is still there now is lost, and so counted.
void Client::collect() {
  if (!traffic_->is_over()) {
    bed_->problems.add("after " + std::to_string(static_cast<int>(age())) +
                       " s connections were still not over");
    traffic_->abort();
  }
  enter(Phase::Collecting);
  if (options_.plan.mode == Mode::Http || !link_.is_open()) {
    finish();
  } else {
    link_.send(message::Finish{});
  }
}

void Client::finish() {
  if (phase_ == Phase::Done) {
    return;
  }
  enter(Phase::Done);
  report_.client = window_.result();
  report_.client.backend = transport_.name();
  report_.client.total = bed_->tally;
  report_.client.problems = bed_->problems.all();
  report_.latency = summarize(latency_);
  link_.close();
  const std::string text = options_.json ? json_text(report_) : summary_text(report_);
  say(text);
  transport_.stop(failures_of(report_).empty() ? 0 : 1);
}

void Client::tick() {
  if (phase_ == Phase::Done) {
    return;
  }
  advance();
  const double now = age();
  if (phase_ == Phase::Agreeing && now >= seconds_of(options_.connect_timeout)) {
    break_off("the server " + millrace::Endpoint{options_.host, options_.port}.to_string() +
              " does not answer");
  } else if (phase_ == Phase::Opening) {
    tell_progress(now);
  } else if (phase_ == Phase::Measuring && options_.interval > millrace::Duration::zero() &&
             window_.age() >= next_interval_) {
    tell_interval(window_.age());
    next_interval_ += seconds_of(options_.interval);
  } else if (phase_ == Phase::Collecting && now >= kCollectSeconds) {
    break_off("the server has not told its result in time");
  }
  if (phase_ != Phase::Done && !transport_.after(kTick, [this] { tick(); })) {
    break_off("no timer is free");
  }
}

// What was counted since the last one.
void Client::tell_interval(double until) {
  const Interval interval{.from = last_interval_,
                          .to = until,
                          .counted = bed_->tally - interval_start_,
                          .latency = summarize(bed_->latency)};
  latency_.add(bed_->latency);
  bed_->latency.clear();
  interval_start_ = bed_->tally;
  last_interval_ = until;
  if (options_.interval == millrace::Duration::zero() || interval.to <= interval.from) {
    return;
  }
  if (options_.json) {
    report_.intervals.push_back(interval);
  } else {
    say(interval_line(options_.plan.mode, interval));
  }
}

void Client::tell_progress(double now) {
  if (now >= next_progress_) {
    next_progress_ += 1;
    std::fprintf(stderr, "%s: %llu of %llu connections are open\n", options_.program,
                 static_cast<unsigned long long>(traffic_->opened()),
                 static_cast<unsigned long long>(traffic_->wanted()));
  }
}

// The server may know why, if it took part at all.
void Client::break_down(const std::string& why) {
  const bool has_begun = phase_ >= Phase::WarmingUp;
  end_early(why);
  if (has_begun && link_.is_open()) {
    link_.send(message::Stop{});
    enter(Phase::Collecting);
    link_.send(message::Finish{});
  } else {
    finish();
  }
}

// Tells what there is so far, with the reason.
void Client::break_off(const std::string& why) {
  if (phase_ != Phase::Done) {
    end_early(why);
    finish();
  }
}

void Client::end_early(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", options_.program, why.c_str());
  bed_->problems.add(why);
  if (window_.is_open()) {
    window_.end(bed_->tally);
    tell_interval(window_.result().seconds);
  }
  bed_->is_measuring = false;
  if (traffic_ != nullptr) {
    traffic_->abort();
  }
}

bool Client::is_done() const noexcept { return phase_ == Phase::Done; }

millrace::Duration Client::interrupt() {
  if (phase_ == Phase::Done) {
    return millrace::Duration::zero();
  }
  report_.is_interrupted = true;
  if (phase_ == Phase::Measuring) {
    end_measuring();
    advance();
  } else if (phase_ < Phase::Measuring) {
    break_off("interrupted before anything was measured");
  }
  return phase_ == Phase::Done ? millrace::Duration::zero() : kInterruptGrant;
}

double Client::age() const noexcept { return clock_.seconds(clock_.now() - phase_start_); }

void Client::enter(Phase phase) noexcept {
  phase_ = phase;
  phase_start_ = clock_.now();
}

void Client::say(const std::string& text) const {
  if (options_.is_quiet) {
    return;
  }
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace perf
