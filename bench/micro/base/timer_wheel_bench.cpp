// What a timer costs: moving its deadline, as every ACK does, and letting time pass with many
// armed.
#include "base/timer_wheel.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>

#include "base/random.hpp"
#include "cycles.hpp"

namespace millrace::bench {
namespace {

using namespace std::chrono_literals;

/// Timers with deadlines spread over ten seconds.
struct Timers {
  explicit Timers(std::size_t how_many)
      : nodes{std::make_unique<base::TimerNode[]>(how_many)}, count{how_many} {
    base::Random random = base::Random::from_seed(1);
    for (std::size_t i = 0; i < count; ++i) {
      wheel.arm(nodes[i], now + std::chrono::microseconds{random.below(10'000'000)});
    }
  }

  Instant now{1'000s};
  base::TimerWheel wheel{now};
  std::unique_ptr<base::TimerNode[]> nodes;
  std::size_t count;
};

void re_arm(benchmark::State& state) {
  Timers timers{static_cast<std::size_t>(state.range(0))};
  std::size_t at = 0;
  Duration later = 200ms;
  const Cycles cycles{state};
  for (auto _ : state) {
    timers.wheel.arm(timers.nodes[at], timers.now + later);
    at = at + 1 == timers.count ? 0 : at + 1;
    later += 1us;
  }
}
BENCHMARK(re_arm)->Name("TimerWheelReArm")->Arg(1)->Arg(1'000)->Arg(1'000'000);

void advance_quiet(benchmark::State& state) {
  base::TimerWheel wheel{Instant{}};
  base::TimerNode node;
  wheel.arm(node, Instant{} + std::chrono::hours{24 * 365});
  Instant now{};
  const Cycles cycles{state};
  for (auto _ : state) {
    now += 1us;
    benchmark::DoNotOptimize(wheel.advance(now, 1'024, [](base::TimerNode&) {}));
  }
}
BENCHMARK(advance_quiet)->Name("TimerWheelAdvance/nothing_due");

/// Time passes by turns of 10 us, and what fires is armed again.
void advance_busy(benchmark::State& state) {
  Timers timers{static_cast<std::size_t>(state.range(0))};
  std::int64_t fired = 0;
  const Cycles cycles{state};
  for (auto _ : state) {
    timers.now += 10us;
    timers.wheel.advance(timers.now, 1'024, [&](base::TimerNode& node) {
      ++fired;
      timers.wheel.arm(node, timers.now + 10s);
    });
  }
  state.counters["fired"] =
      benchmark::Counter(static_cast<double>(fired), benchmark::Counter::kAvgIterations);
}
BENCHMARK(advance_busy)->Name("TimerWheelAdvance/armed")->Arg(1'000)->Arg(1'000'000);

}  // namespace
}  // namespace millrace::bench
