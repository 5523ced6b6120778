// A client that goes away takes its test with it; the next one finds a free server.
#include "perf/server.hpp"

#include <chrono>
#include <cstdio>
#include <utility>
#include <variant>

namespace perf {
namespace {

constexpr millrace::Duration kEndTick = std::chrono::milliseconds{5};
constexpr double kEndSeconds = 5;  // For connections that the client says are over.

}  // namespace

struct Server::Test {
  Test(const Plan& asked, Transport& transport, const Stopwatch& clock)
      : plan{asked},
        bed{.plan = plan, .transport = transport, .clock = clock},
        service{make_service(bed)},
        window{clock} {}

  Plan plan;
  TestBed bed;
  std::unique_ptr<Service> service;
  Window window;
  std::vector<Acceptor*> acceptors{};
  Ticks end_start = 0;  // When the client said that all was over.
  bool is_ending = false;
  bool has_told = false;
};

Server::Server(const Options& options, Transport& transport, const Stopwatch& clock,
               std::vector<std::string> warnings)
    : options_{options}, transport_{transport}, clock_{clock}, warnings_{std::move(warnings)} {}

Server::~Server() = default;

millrace::Result<void, std::string> Server::start() {
  for (const auto& warning : warnings_) {
    std::fprintf(stderr, "%s: warning: %s\n", options_.program, warning.c_str());
  }
  const auto acceptor = transport_.listen(options_.port, *this);
  if (!acceptor) {
    return millrace::fail(acceptor.error());
  }
  say("waiting for a client on port " + std::to_string(options_.port.number()));
  return {};
}

void Server::on_open(Channel& channel) { links_.make(*this).begin(channel); }

void Server::on_message(ControlLink& link, const message::Any& message) {
  if (const auto* const asked = std::get_if<message::Test>(&message)) {
    if (current_ != nullptr) {
      link.send(message::Refusal{"another test is under way"});
      link.close();
      return;
    }
    if (const auto begun = begin(asked->plan); !begun) {
      link.send(message::Refusal{begun.error()});
      link.close();
      return;
    }
    current_ = &link;
    const auto first = static_cast<std::uint16_t>(options_.port.number() + 1);
    say("test from " + link.peer() + ": " + std::string{to_string(asked->plan.mode)} + ", " +
        std::to_string(asked->plan.connections) + " connections");
    link.send(message::Ready{millrace::Port{first}});
    return;
  }
  if (&link != current_ || test_ == nullptr) {
    link.abort();
    return;
  }
  if (std::holds_alternative<message::Start>(message)) {
    test_->service->start();
  } else if (std::holds_alternative<message::Measure>(message)) {
    test_->window.begin(test_->bed.tally);
  } else if (std::holds_alternative<message::Stop>(message)) {
    test_->window.end(test_->bed.tally);
    test_->service->stop();
  } else if (std::holds_alternative<message::Finish>(message) && !test_->is_ending) {
    test_->is_ending = true;
    test_->end_start = clock_.now();
    await_end();
  } else {
    link.abort();
  }
}

millrace::Result<void, std::string> Server::begin(const Plan& plan) {
  if (auto possible = check(plan); !possible) {
    return possible;
  }
  if (options_.port.number() + plan.data_ports > 65'535) {
    return millrace::fail(std::string{"there are not so many ports behind that of the server"});
  }
  last_ = std::move(test_);
  test_ = std::make_unique<Test>(plan, transport_, clock_);
  for (std::uint16_t i = 1; i <= plan.data_ports; ++i) {
    const auto number = static_cast<std::uint16_t>(options_.port.number() + i);
    const auto acceptor = transport_.listen(millrace::Port{number}, *test_->service);
    if (!acceptor) {
      end_test();
      return millrace::fail(acceptor.error());
    }
    test_->acceptors.push_back(*acceptor);
  }
  return {};
}

// The last connections may still be on their way to their end.
void Server::await_end() {
  if (test_ == nullptr || !test_->is_ending || test_->has_told) {
    return;
  }
  const double waited = clock_.seconds(clock_.now() - test_->end_start);
  if (test_->service->alive() == 0 || waited >= kEndSeconds) {
    tell_result();
  } else if (!transport_.after(kEndTick, [this] { await_end(); })) {
    tell_result();
  }
}

void Server::tell_result() {
  test_->has_told = true;
  if (test_->service->alive() > 0) {
    test_->bed.problems.add(std::to_string(test_->service->alive()) +
                            " connections were still not over when the client was done");
  }
  test_->window.end(test_->bed.tally);
  if (current_ != nullptr) {
    current_->send(message::Outcome{result()});
  }
}

EndResult Server::result() const {
  EndResult made = test_->window.result();
  made.backend = transport_.name();
  made.total = test_->bed.tally;
  made.problems = test_->bed.problems.all();
  return made;
}

void Server::on_link_over(ControlLink& link, const std::string& why) {
  int status = 0;
  if (&link == current_) {
    current_ = nullptr;
    if (test_->has_told) {
      const Tally& total = test_->bed.tally;
      status = total.corrupt + total.failed + total.lost > 0 ? 1 : 0;
      say(status == 0 ? "the test is over" : "the test is over, and has failed");
    } else {
      std::fprintf(stderr, "%s: the client is gone in the middle of its test: %s\n",
                   options_.program, why.empty() ? "the connection has ended" : why.c_str());
      status = 1;
    }
    end_test();
    if (options_.one_off) {
      transport_.stop(status);
    }
  }
  links_.remove(link);
}

void Server::end_test() {
  for (Acceptor* const acceptor : std::exchange(test_->acceptors, {})) {
    acceptor->close();
  }
  test_->service->abort();
}

void Server::say(const std::string& text) const {
  if (options_.is_quiet) {
    return;
  }
  std::fprintf(options_.json ? stderr : stdout, "%s\n", text.c_str());
  std::fflush(stdout);
}

}  // namespace perf
