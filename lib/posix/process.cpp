#include "posix/process.hpp"

#include <millrace/socket.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
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
  // Of all that was copied by a fork nothing may be touched: its threads are not here, and its
  // packets and its device are the parent's, too.
  std::atomic<bool> is_copy = false;
  std::unique_ptr<OnCore> core;
  bool has_started = false;
  pid_t id = 0;  // The process that has started it.
};
static_assert(std::atomic<std::thread::id>::is_always_lock_free);

/// Never destroyed: only the thread that is the core may end it, no other thread that ends the
/// process, no handler in its midst, and no child of fork.
Process& process() noexcept {
  static Process& only = *new Process;
  return only;
}

void note_fork() noexcept {
  Process& here = process();
  here.is_copy = here.is_copy || here.owner.load() != std::thread::id{};
}

/// The sockets end first: until then other threads are told whose they are.
void end() {
  Process& here = process();
  if (here.core->is_cut_off()) {
    // What would be closed by number may be the program's by now. The kernel ends the rest.
    static_cast<void>(here.core.release());
  } else {
    here.core.reset();
  }
  here.owner = std::thread::id{};
}

void stop_at_exit() {
  OnCore* const core = caller() == Caller::Core ? process_core() : nullptr;
  // A system call by hand may have forked without a word.
  if (core != nullptr && !core->is_in_turn() && ::getpid() == process().id) {
    end();
  }
}

/// The first word, and where the others are from if that is not plain.
struct Words {
  std::vector<std::string> all;
  std::string_view source{};
};

/// The name of the program stands first in what was wrong with its words.
std::string named(const control::Stop& stop, const Words& words) {
  std::string text = stop.text;
  const std::string head = words.all.empty() ? std::string{} : words.all.front() + ": ";
  if (stop.status == control::kExitUsage && !words.source.empty() && text.starts_with(head)) {
    text.insert(head.size(), std::string{words.source} + ": ");
  }
  return text;
}

/// By the thread whose it is.
int start_claimed(const Words& words) {
  Process& here = process();
  if (here.has_started) {
    std::fputs("millrace: it has ended; DPDK cannot be started twice in a process\n", stderr);
    return -ENETDOWN;
  }
  here.id = ::getpid();
  if (::pthread_atfork(nullptr, nullptr, note_fork) != 0) {
    return -ENETDOWN;
  }
  auto core = OnCore::start(words.all);
  if (!core) {
    const control::Stop& stop = core.error();
    std::fputs(named(stop, words).c_str(), stop.status == 0 ? stdout : stderr);
    here.has_started = stop.status == control::kExitSurroundings;
    return stop.status == 0 ? -ECANCELED : stop.status == control::kExitUsage ? -EINVAL : -ENETDOWN;
  }
  here.has_started = true;
  here.core = *std::move(core);
  static_cast<void>(std::atexit(stop_at_exit));
  return 0;
}

int start(const Words& words) {
  if (caller() == Caller::Child) {
    return -EPERM;
  }
  std::thread::id nobody;
  if (!process().owner.compare_exchange_strong(nobody, std::this_thread::get_id())) {
    return -EALREADY;
  }
  const int started = start_claimed(words);
  if (started < 0) {
    process().owner = std::thread::id{};
  }
  return started;
}

}  // namespace

Caller caller() noexcept {
  if (process().is_copy) {
    return Caller::Child;
  }
  const std::thread::id owner = process().owner;
  if (owner == std::thread::id{}) {
    return Caller::Nobody;
  }
  return owner == std::this_thread::get_id() ? Caller::Core : Caller::Foreign;
}

Route route(int fd) noexcept {
  const Caller who = caller();
  if (who == Caller::Foreign) {
    return Route::Refused;
  }
  const OnCore* const core = who == Caller::Nobody ? nullptr : process_core();
  if (core == nullptr || !core->sockets().owns(fd)) {
    return Route::Kernels;
  }
  return who == Caller::Child ? Route::Refused : Route::Ours;
}

OnCore* process_core() noexcept { return process().core.get(); }

int start_unasked() {
  switch (caller()) {
    case Caller::Core: return process_core() != nullptr ? 0 : -ENETDOWN;
    case Caller::Foreign:
    case Caller::Child: return -EPERM;
    case Caller::Nobody: break;
  }
  const char* const line = std::getenv("MILLRACE_OPTIONS");
  auto words = split_words(line == nullptr ? "" : line);
  if (!words) {
    std::fprintf(stderr, "millrace: MILLRACE_OPTIONS: %s\n", words.error().c_str());
    return -ENETDOWN;
  }
  words->insert(words->begin(), "millrace");
  const int started = start({.all = *std::move(words), .source = "MILLRACE_OPTIONS"});
  // Two threads may have come at once.
  return started == -EALREADY ? -EPERM : started < 0 ? -ENETDOWN : 0;
}

}  // namespace millrace::posix

using millrace::posix::answer;

int millrace_start(int argc, char** argv) {
  return answer(millrace::posix::start({.all = {argv, argv + argc}}));
}

int millrace_stop() {
  using millrace::posix::Caller;
  const Caller who = millrace::posix::caller();
  if (who != Caller::Core) {
    return who == Caller::Nobody ? 0 : answer(-EPERM);
  }
  millrace::posix::OnCore* const core = millrace::posix::process_core();
  if (core == nullptr || core->is_in_turn()) {
    return answer(-EDEADLK);
  }
  millrace::posix::end();
  return 0;
}
