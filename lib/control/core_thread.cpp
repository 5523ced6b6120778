// Uses Linux's names for threads and processors directly; the C++ library has none.
#include "control/core_thread.hpp"

#include <pthread.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sys/prctl.h>

#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {

Affinity Affinity::of_this_thread() noexcept {
  Affinity affinity;
  CPU_ZERO(&affinity.processors_);
  if (::pthread_getaffinity_np(::pthread_self(), sizeof(cpu_set_t), &affinity.processors_) != 0) {
    // Machines with more processors than the set holds: any of them will do.
    for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor) {
      CPU_SET(processor, &affinity.processors_);
    }
  }
  return affinity;
}

Affinity Affinity::only(unsigned processor) noexcept {
  Affinity affinity;
  CPU_ZERO(&affinity.processors_);
  CPU_SET(processor, &affinity.processors_);
  return affinity;
}

std::vector<unsigned> Affinity::processors() const {
  std::vector<unsigned> numbers;
  for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &processors_)) {
      numbers.push_back(processor);
    }
  }
  return numbers;
}

Result<void, int> Affinity::apply() const noexcept {
  const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof(cpu_set_t), &processors_);
  if (error != 0) {
    return fail(error);
  }
  return {};
}

Result<CoreThread, std::string> CoreThread::enter(unsigned worker, const Affinity& affinity) {
  if (const Result<void, int> applied = affinity.apply(); !applied) {
    return fail(fmt::format(
        "--cores: worker {} cannot run there: {}; give processors that this process may use",
        worker, std::generic_category().message(applied.error())));
  }
  ::pthread_setname_np(::pthread_self(), fmt::format("worker-{}", worker).c_str());
  // Timers of the kernel wake a sleeping worker on time instead of within 50 µs; a refusal costs
  // only that.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  if (rte_thread_register() != 0) {
    return fail(fmt::format("DPDK has no place for worker {}: {}; leave cores out of --eal", worker,
                            rte_strerror(rte_errno)));
  }
  return CoreThread{};
}

CoreThread::CoreThread(CoreThread&& other) noexcept
    : is_registered_{std::exchange(other.is_registered_, false)} {}

CoreThread::~CoreThread() {
  if (is_registered_) {
    rte_thread_unregister();
  }
}

}  // namespace millrace::control
