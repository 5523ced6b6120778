// A message's way through a mailbox: within one thread, where it costs instructions, and back and
// forth between two, where it costs what their caches need to agree.
#include "base/mailbox.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <thread>

#include "base/contract.hpp"
#include "cycles.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t kCapacity = 1'024;
constexpr std::uint64_t kStop = ~std::uint64_t{0};

void within_thread(benchmark::State& state) {
  base::Mailbox<std::uint64_t> mailbox{kCapacity};
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  const Cycles cycles{state, static_cast<double>(batch)};
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < batch; ++i) {
      benchmark::DoNotOptimize(mailbox.try_push(i));
    }
    std::uint64_t message = 0;
    for (std::uint64_t i = 0; i < batch; ++i) {
      benchmark::DoNotOptimize(mailbox.try_pop(message));
      benchmark::DoNotOptimize(message);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(within_thread)->Name("Mailbox/one_thread")->Arg(1)->Arg(32);

/// Tries until it is done, and lets others run if that takes longer than two caches do.
template <class F>
void spin(F&& is_done) {
  for (unsigned tries = 1; !is_done(); ++tries) {
    if (tries % 4'096 == 0) {
      std::this_thread::yield();
    }
  }
}

void to_other_and_back(benchmark::State& state) {
  if (std::thread::hardware_concurrency() < 2) {
    state.SkipWithError("skipped: with one processor both ends wait for the scheduler");
    return;
  }
  base::Mailbox<std::uint64_t> there{kCapacity};
  base::Mailbox<std::uint64_t> back{kCapacity};
  std::thread other{[&] {
    for (std::uint64_t message = 0; message != kStop;) {
      spin([&] { return there.try_pop(message); });
      spin([&] { return back.try_push(message); });
    }
  }};
  std::uint64_t number = 0;
  const auto send = [&](std::uint64_t message) {
    std::uint64_t answer = 0;
    spin([&] { return there.try_push(message); });
    spin([&] { return back.try_pop(answer); });
    base::expects(answer == message);
  };
  {
    const Cycles cycles{state};
    for (auto _ : state) {
      send(number++);
    }
  }
  send(kStop);
  other.join();
}
BENCHMARK(to_other_and_back)->Name("Mailbox/round_trip")->UseRealTime();

}  // namespace
}  // namespace millrace::bench
