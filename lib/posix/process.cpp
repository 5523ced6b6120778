#include "posix/process.hpp"

#include <millrace/socket.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "posix/words.hpp"

namespace millrace::posix {

namespace {

/// The C interface has no object that could be handed around, and DPDK can be started once in a
/// process.
struct Process {
  // Whose the rest is; none: nobody's, to be claimed. All that others may look at.
  std::atomic<std::thread::id> owner;
  std::unique_ptr<OnCore> core;
  bool has_started = false;
};
static_assert(std::atomic<std::thread::id>::is_always_lock_free);

/// Never destroyed: another thread may end the process, or a handler, while the core is at work.
Process& process() noexcept {
  static Process& only = *new Process;
  return only;
}

/// The sockets end first: until then other threads are told whose they are.
void end() {
  process().core.reset();
  process().owner = std::thread::id{};
}

void stop_at_exit() {
  OnCore* const core = caller() == Caller::Core ? process_core() : nullptr;
  if (core != nullptr && !core->is_in_turn()) {
    end();
  }
}

/// By the thread whose it is.
int start_claimed(const std::vector<std::string>& arguments) {
  Process& here = process();
  if (here.has_started) {
    std::fputs("millrace: it has ended; DPDK cannot be started twice in a process\n", stderr);
    return -ENETDOWN;
  }
  auto core = OnCore::start(arguments);
  if (!core) {
    const control::Stop& stop = core.error();
    std::fputs(stop.text.c_str(), stop.status == 0 ? stdout : stderr);
    here.has_started = stop.status == control::kExitSurroundings;
    return stop.status == 0 ? -ECANCELED : stop.status == control::kExitUsage ? -EINVAL : -ENETDOWN;
  }
  here.has_started = true;
  here.core = *std::move(core);
  static_cast<void>(std::atexit(stop_at_exit));
  return 0;
}

int start(const std::vector<std::string>& arguments) {
  std::thread::id nobody;
  if (!process().owner.compare_exchange_strong(nobody, std::this_thread::get_id())) {
    return -EALREADY;
  }
  const int started = start_claimed(arguments);
  if (started < 0) {
    process().owner = std::thread::id{};
  }
  return started;
}

}  // namespace

Caller caller() noexcept {
  const std::thread::id owner = process().owner;
  if (owner == std::thread::id{}) {
    return Caller::Nobody;
  }
  return owner == std::this_thread::get_id() ? Caller::Core : Caller::Foreign;
}

OnCore* process_core() noexcept { return process().core.get(); }

int start_unasked() {
  switch (caller()) {
    case Caller::Core: return process_core() != nullptr ? 0 : -ENETDOWN;
    case Caller::Foreign: return -EPERM;
    case Caller::Nobody: break;
  }
  const char* const line = std::getenv("MILLRACE_OPTIONS");
  auto words = split_words(line == nullptr ? "" : line);
  if (!words) {
    std::fprintf(stderr, "millrace: MILLRACE_OPTIONS: %s\n", words.error().c_str());
    return -ENETDOWN;
  }
  words->insert(words->begin(), "millrace");
  const int started = start(*words);
  // Two threads may have come at once.
  return started == -EALREADY ? -EPERM : started < 0 ? -ENETDOWN : 0;
}

}  // namespace millrace::posix

using millrace::posix::answer;

int millrace_start(int argc, char** argv) {
  return answer(millrace::posix::start(std::vector<std::string>(argv, argv + argc)));
}

int millrace_stop() {
  using millrace::posix::Caller;
  const Caller who = millrace::posix::caller();
  if (who != Caller::Core) {
    return who == Caller::Foreign ? answer(-EPERM) : 0;
  }
  millrace::posix::OnCore* const core = millrace::posix::process_core();
  if (core == nullptr || core->is_in_turn()) {
    return answer(-EDEADLK);
  }
  millrace::posix::end();
  return 0;
}
