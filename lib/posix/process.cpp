#include "posix/process.hpp"

#include <millrace/socket.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "posix/words.hpp"

namespace millrace::posix {

namespace {

/// The C interface has no object that could be handed around, and DPDK can be started once in a
/// process.
struct Process {
  std::unique_ptr<OnCore> core;
  bool has_started = false;
};

Process& process() noexcept {
  static Process only;
  return only;
}

void stop_at_exit() {
  if (OnCore* const core = process_core();
      core != nullptr && core->is_here() && !core->is_in_turn()) {
    process().core.reset();
  }
}

int start(const std::vector<std::string>& arguments) {
  Process& here = process();
  if (here.core != nullptr) {
    return -EALREADY;
  }
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

}  // namespace

OnCore* process_core() noexcept { return process().core.get(); }

int start_unasked() {
  if (process_core() != nullptr) {
    return 0;
  }
  const char* const line = std::getenv("MILLRACE_OPTIONS");
  auto words = split_words(line == nullptr ? "" : line);
  if (!words) {
    std::fprintf(stderr, "millrace: MILLRACE_OPTIONS: %s\n", words.error().c_str());
    return -ENETDOWN;
  }
  words->insert(words->begin(), "millrace");
  return start(*words) < 0 ? -ENETDOWN : 0;
}

}  // namespace millrace::posix

using millrace::posix::answer;

int millrace_start(int argc, char** argv) {
  return answer(millrace::posix::start(std::vector<std::string>(argv, argv + argc)));
}

int millrace_stop() {
  millrace::posix::OnCore* const core = millrace::posix::process_core();
  if (core == nullptr) {
    return 0;
  }
  if (!core->is_here()) {
    return answer(-EPERM);
  }
  if (core->is_in_turn()) {
    return answer(-EDEADLK);
  }
  millrace::posix::process().core.reset();
  return 0;
}
