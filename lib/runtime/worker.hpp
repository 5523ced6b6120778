// Worker: one core's turn of the loop: receive, advance, dispatch, transmit. The same code runs on
// a NIC and in the simulator; only devices and clock differ. Waiting between turns is left to
// whoever calls it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <millrace/time.hpp>

#include "device/device.hpp"
#include "packet/burst.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/clock.hpp"
#include "runtime/turn_budget.hpp"
#include "stack/stack.hpp"

namespace millrace::runtime {

/// All that is passed must outlive it. `devices` stand in the order of the stack's interfaces.
class Worker {
 public:
  Worker(stack::Stack& stack, std::vector<device::Device*> devices, BackgroundPool& background,
         Clock& clock, const TurnBudget& budget = {});

  /// One turn. Returns whether there was anything to do, and so may be at once again.
  bool run_turn();

  /// When the next turn is due if no packet arrives and no background job completes. Only after a
  /// turn.
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept {
    return stack_.next_deadline();
  }
  [[nodiscard]] stack::Stack& stack() noexcept { return stack_; }
  [[nodiscard]] const std::vector<device::Device*>& devices() const noexcept { return devices_; }

 private:
  [[nodiscard]] bool receive(Instant now);
  [[nodiscard]] bool dispatch(Instant now);
  [[nodiscard]] bool transmit(Instant now);
  void note_turn(Instant start);

  stack::Stack& stack_;
  std::vector<device::Device*> devices_;
  BackgroundPool& background_;
  Clock& clock_;
  TurnBudget budget_;
  packet::Burst received_;
  std::vector<std::unique_ptr<packet::Burst>>
      to_send_;  // By device; what was not taken stays for the next turn.
};

}  // namespace millrace::runtime
