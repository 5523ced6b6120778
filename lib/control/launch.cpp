// The main thread sleeps in poll until a signal arrives, somebody asks for the end, or a worker has
// something to tell.
#include "control/launch.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "control/command_line.hpp"
#include "control/core_messages.hpp"

namespace millrace::control {

Launch::~Launch() {
  if (!threads_.empty() && !all_ended()) {
    parts_.stop.request_quick_stop();
    let_run();
  }
}

Result<void, std::string> Launch::start_workers(Program::Start& start) {
  const Affinity anywhere = Affinity::of_this_thread();
  const std::vector<unsigned>& processors = parts_.instance.config().cores;
  for (unsigned index = 0; index < parts_.instance.cores().size(); ++index) {
    const Affinity affinity = processors.empty() ? anywhere : Affinity::only(processors[index]);
    if (Result<void, std::string> started = start_worker(index, affinity, start); !started) {
      parts_.stop.request_quick_stop();
      wait();
      return started;
    }
  }
  std::vector<Telemetry::Core> cores;
  for (const std::unique_ptr<Thread>& thread : threads_) {
    cores.push_back({.line = thread->pages, .wake = thread->request_wake});
  }
  telemetry_.emplace(std::move(cores));
  return {};
}

void Launch::let_run() {
  may_run_.test_and_set();
  may_run_.notify_all();
}

void Launch::wait() {
  let_run();
  while (!all_ended()) {
    sleep_until_something_happens();
    handle_signals();
    show_messages();
  }
  show_messages();
}

Result<void, std::string> Launch::start_worker(unsigned index, const Affinity& affinity,
                                               Program::Start& start) {
  Result<WakeEvent, std::string> request_wake = WakeEvent::make();
  if (!request_wake) {
    return fail(std::move(request_wake).error());
  }
  Result<WakeEvent, std::string> answered = WakeEvent::make();
  if (!answered) {
    return fail(std::move(answered).error());
  }
  Thread& thread = *threads_.emplace_back(
      std::make_unique<Thread>(*std::move(request_wake), *std::move(answered)));
  ends_.push_back(thread.ended.get_future());
  std::future<Result<void, std::string>> started = thread.started.get_future();
  thread.thread = std::jthread{
      [this, index, &thread, affinity, &start] { run_worker(index, thread, affinity, start); }};
  return started.get();
}

void Launch::run_worker(unsigned index, Thread& thread, const Affinity& affinity,
                        Program::Start& start) noexcept {
  Core& core = *parts_.instance.cores()[index];
  {
    const Result<CoreThread, std::string> place = CoreThread::enter(index, affinity);
    Result<void, std::string> outcome;
    if (place) {
      core.stack->start(core.clock.now());
      outcome = start(*core.face);
    } else {
      outcome = fail(place.error());
    }
    const bool runs = outcome.has_value();
    thread.started.set_value(std::move(outcome));
    if (runs) {
      may_run_.wait(false);
      const MainLine main_line{.mailbox = thread.mailbox,
                               .wake = parts_.main_wake,
                               .requests = thread.requests,
                               .request_wake = thread.request_wake,
                               .pages = thread.pages};
      CoreLoop{core,        index,     parts_.instance.sleeps_when_idle(),
               parts_.stop, main_line, parts_.on_stop}
          .run();
    }
  }
  thread.ended.set_value();
  parts_.main_wake.raise();
}

bool Launch::all_ended() {
  return std::ranges::all_of(ends_, [](const std::future<void>& end) {
    return end.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
  });
}

void Launch::sleep_until_something_happens() {
  std::array<pollfd, 2> descriptors{{
      {.fd = parts_.signals.descriptor(), .events = POLLIN, .revents = 0},
      {.fd = parts_.main_wake.descriptor(), .events = POLLIN, .revents = 0},
  }};
  static_cast<void>(::poll(descriptors.data(), descriptors.size(), -1));
  parts_.main_wake.lower();
}

void Launch::handle_signals() {
  while (const std::optional<int> signal = parts_.signals.take()) {
    if (*signal == SIGUSR1) {
      request_snapshots();
    } else {
      handle_stop_signal();
    }
  }
}

void Launch::handle_stop_signal() {
  // Each signal takes the next step; who has nothing of its own to do begins with the second.
  if (signals_taken_ == 0 && !parts_.on_stop) {
    ++signals_taken_;
  }
  switch (++signals_taken_) {
    case 1: request_drain(); break;
    case 2: parts_.stop.request_stop(); break;
    case 3: parts_.stop.request_quick_stop(); break;
    default: ::_exit(kExitSurroundings);
  }
}

void Launch::request_drain() {
  parts_.stop.request_drain();
  for (const std::unique_ptr<Thread>& thread : threads_) {
    thread->request_wake.raise();
  }
}

void Launch::request_snapshots() {
  for (const std::unique_ptr<Thread>& thread : threads_) {
    // A core with so many unanswered requests has been asked often enough.
    static_cast<void>(thread->requests.try_push(SnapshotRequest{}));
    thread->request_wake.raise();
  }
}

void Launch::show_messages() {
  for (const std::unique_ptr<Thread>& thread : threads_) {
    CoreMessage message;
    while (thread->mailbox.try_pop(message)) {
      show(message, parts_.instance, parts_.log);
    }
  }
}

}  // namespace millrace::control
