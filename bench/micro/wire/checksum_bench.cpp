// The Internet checksum by size, from the first-level cache, and a segment's with its pseudo
// header.
#include "wire/checksum.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "cycles.hpp"

namespace millrace::bench {
namespace {

void checksum(benchmark::State& state) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::DoNotOptimize(wire::internet_checksum(bytes));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Name("Checksum")->Arg(20)->Arg(64)->Arg(256)->Arg(536)->Arg(1'448)->Arg(1'449);

void segment_checksum(benchmark::State& state) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
  const IpAddress ours = IpAddress::v4(198, 18, 0, 2);
  const IpAddress peer = IpAddress::v4(198, 18, 0, 1);
  const Cycles cycles{state};
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        wire::has_valid_transport_checksum(ours, peer, wire::IpProtocol::Tcp, bytes));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(segment_checksum)->Name("ChecksumOfSegment")->Arg(20)->Arg(84)->Arg(1'480);

}  // namespace
}  // namespace millrace::bench
