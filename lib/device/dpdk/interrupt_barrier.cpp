// Alarms run in the interrupt thread, one callback after the other. The first alarm may come in the
// same batch of events as the interrupt that is waited for, and before it. The second is a batch
// later, in which the thread may also be told to go through its list of sources again. The third
// comes when it has done that.
#include "device/dpdk/interrupt_barrier.hpp"

#include <rte_alarm.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace millrace::device {

namespace {

constexpr unsigned kRounds = 3;
constexpr std::uint64_t kDelayMicroseconds = 2'000;

}  // namespace

InterruptBarrier::~InterruptBarrier() {
  // Waits for a callback that is running.
  rte_eal_alarm_cancel(on_alarm, this);
}

void InterruptBarrier::raise() noexcept {
  rte_eal_alarm_cancel(on_alarm, this);
  set_alarm(kRounds);
}

bool InterruptBarrier::is_passed() noexcept {
  const unsigned rounds_left = rounds_left_.load(std::memory_order_acquire);
  if (rounds_left > 0 && !is_alarm_set_.load(std::memory_order_acquire)) {
    set_alarm(rounds_left);  // There was no memory for it, or the next round is due.
  }
  return rounds_left == 0;
}

void InterruptBarrier::wait() noexcept {
  for (raise(); !is_passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

void InterruptBarrier::set_alarm(unsigned rounds_left) noexcept {
  rounds_left_.store(rounds_left, std::memory_order_release);
  is_alarm_set_.store(true, std::memory_order_release);
  if (rte_eal_alarm_set(kDelayMicroseconds, on_alarm, this) != 0) {
    is_alarm_set_.store(false, std::memory_order_release);
  }
}

void InterruptBarrier::on_alarm(void* self) {
  auto* const barrier = static_cast<InterruptBarrier*>(self);
  barrier->rounds_left_.fetch_sub(1, std::memory_order_acq_rel);
  barrier->is_alarm_set_.store(false, std::memory_order_release);
}

}  // namespace millrace::device
