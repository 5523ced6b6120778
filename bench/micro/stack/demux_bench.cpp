// Finding the connection of a segment: a table that fits the cache, and one with a million entries
// looked at in random order.
#include "stack/demux.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "cycles.hpp"

namespace millrace::bench {
namespace {

FourTuple tuple_of(std::uint32_t n) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}},
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
    base::Random random = base::Random::from_seed(2);
    for (std::uint32_t i = 0; i < entries; ++i) {
      demux.insert(tuple_of(i), stack::DemuxTarget::connection(i));
    }
    for (std::uint32_t& each : order) {
      each = random.below(entries);
    }
  }

  stack::Demux demux;
  std::array<std::uint32_t, 65'536> order{};
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
  Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
  std::size_t at = 0;
  const Cycles cycles{state};
  for (auto _ : state) {
    const std::uint32_t wanted = table.order[at++ % table.order.size()];
    benchmark::DoNotOptimize(
        table.demux.find(tuple_of(wanted),
                         [wanted](stack::DemuxTarget target) { return target.index() == wanted; }));
  }
}
BENCHMARK(find)->Name("DemuxFind")->Arg(1'000)->Arg(1'000'000);

void find_nothing(benchmark::State& state) {
  Table& table = table_of(static_cast<std::uint32_t>(state.range(0)));
  std::uint32_t n = 0x0080'0000;
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        table.demux.find(tuple_of(n++), [](stack::DemuxTarget) { return false; }));
  }
}
BENCHMARK(find_nothing)->Name("DemuxFindNothing")->Arg(1'000)->Arg(1'000'000);

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
