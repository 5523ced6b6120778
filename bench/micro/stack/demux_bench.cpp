// Finding the connection of a segment: in a table that fits the cache, and in ones of a million and
// of ten million entries, which do not. Each search is for another tuple, drawn at random from all
// of the table's; none waits for the one before it, as those of a burst need not.
#include "stack/demux.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <map>
#include <memory>

#include "base/contract.hpp"
#include "base/random.hpp"
#include "cycles.hpp"

namespace millrace::bench {
namespace {

constexpr Port kPort{80};
constexpr Port kOtherPort{81};

FourTuple tuple_of(std::uint32_t n, Port port = kPort) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 2), .port = port},
          .remote = {.address = IpAddress::v4(10, 0, static_cast<std::uint8_t>(n >> 16U), 1),
                     .port = Port{static_cast<std::uint16_t>(n)}}};
}

base::KeyedHash make_hash() {
  base::Random random = base::Random::from_seed(1);
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

struct Table {
  explicit Table(std::uint32_t entries) : demux{entries, make_hash()} {
    for (std::uint32_t i = 0; i < entries; ++i) {
      demux.insert(tuple_of(i), stack::DemuxTarget::connection(i));
    }
  }

  stack::Demux demux;
};

/// Numbers below a limit, each from the one before it by a multiplication.
class Draw {
 public:
  explicit Draw(std::uint32_t limit) noexcept : limit_{limit} {}
  [[nodiscard]] std::uint32_t operator()() noexcept {
    state_ = state_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return static_cast<std::uint32_t>((state_ >> 32U) * limit_ >> 32U);
  }

 private:
  std::uint64_t state_ = 1;
  std::uint64_t limit_;
};

/// Made once per size: a million entries take a while.
Table& table_of(std::uint32_t entries) {
  static std::map<std::uint32_t, std::unique_ptr<Table>> tables;
  auto& table = tables[entries];
  if (!table) {
    table = std::make_unique<Table>(entries);
  }
  return *table;
}

void find(benchmark::State& state) {
  const auto entries = static_cast<std::uint32_t>(state.range(0));
  const Table& table = table_of(entries);
  Draw draw{entries};
  const Cycles cycles{state};
  for (auto _ : state) {
    const std::uint32_t wanted = draw();
    const auto found = table.demux.find(
        tuple_of(wanted), [wanted](stack::DemuxTarget target) { return target.index() == wanted; });
    base::expects(found.has_value());
    benchmark::DoNotOptimize(found->index());
  }
}
BENCHMARK(find)->Name("DemuxFind")->Arg(1'000)->Arg(1'000'000)->Arg(10'000'000);

void find_nothing(benchmark::State& state) {
  const auto entries = static_cast<std::uint32_t>(state.range(0));
  const Table& table = table_of(entries);
  Draw draw{entries};
  const Cycles cycles{state};
  for (auto _ : state) {
    // A predicate that said no and did nothing else would let the compiler leave the search out.
    const auto found =
        table.demux.find(tuple_of(draw(), kOtherPort), [](stack::DemuxTarget target) {
          benchmark::DoNotOptimize(target);
          return false;
        });
    benchmark::DoNotOptimize(found.has_value());
  }
}
BENCHMARK(find_nothing)->Name("DemuxFindNothing")->Arg(1'000)->Arg(1'000'000)->Arg(10'000'000);

void insert_and_erase(benchmark::State& state) {
  stack::Demux demux{100'000, make_hash()};
  for (std::uint32_t i = 0; i < 90'000; ++i) {
    demux.insert(tuple_of(i), stack::DemuxTarget::connection(i));
  }
  std::uint32_t n = 0;
  const Cycles cycles{state};
  for (auto _ : state) {
    demux.erase(tuple_of(n), stack::DemuxTarget::connection(n));
    demux.insert(tuple_of(n), stack::DemuxTarget::connection(n));
    n = n + 1 == 90'000 ? 0 : n + 1;
  }
}
BENCHMARK(insert_and_erase)->Name("DemuxEraseAndInsert");

}  // namespace
}  // namespace millrace::bench
