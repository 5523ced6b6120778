// The Internet checksum by size and by the code that sums, from the first-level cache and from
// beyond all caches, with and without copying; and a segment's with its pseudo header.
#include "wire/checksum.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "cycles.hpp"
#include "wire/word_sum.hpp"

namespace millrace::bench {
namespace {

/// Packets of a pool, one after the other: one that stays in the cache, or too many for any cache.
class Packets {
 public:
  explicit Packets(bool is_cold) : memory_(is_cold ? kColdBytes : kStride, std::byte{0x5a}) {}
  /// The payload of the next one, two bytes off a cache line as behind Ethernet's header.
  [[nodiscard]] std::byte* next() noexcept {
    at_ = at_ + 2 * kStride <= memory_.size() ? at_ + kStride : 0;
    return memory_.data() + at_ + 2;
  }

 private:
  static constexpr std::size_t kStride = 2'432;
  static constexpr std::size_t kColdBytes = 256U << 20U;

  std::vector<std::byte> memory_;
  std::size_t at_ = 0;
};

/// Sums by one code while it lives. False: the processor does not have it.
class With {
 public:
  With(benchmark::State& state, wire::SumCode code) : has_it_{wire::has_sum_code(code)} {
    if (has_it_) {
      wire::use_sum_code(code);
    } else {
      state.SkipWithError("skipped: the processor does not have it");
    }
  }
  With(const With&) = delete;
  With& operator=(const With&) = delete;
  ~With() { wire::use_sum_code(before_); }
  explicit operator bool() const noexcept { return has_it_; }

 private:
  wire::SumCode before_ = wire::sum_code();
  bool has_it_;
};

void checksum(benchmark::State& state, wire::SumCode code, bool is_cold) {
  const With with{state, code};
  if (!with) {
    return;
  }
  const auto size = static_cast<std::size_t>(state.range(0));
  Packets packets{is_cold};
  {
    const Cycles cycles{state};
    for (auto _ : state) {
      const std::span<const std::byte> bytes{packets.next(), size};
      benchmark::DoNotOptimize(wire::internet_checksum(bytes));
      benchmark::ClobberMemory();
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(checksum, plain, wire::SumCode::Plain, false)
    ->Name("Checksum/plain")
    ->Arg(20)
    ->Arg(64)
    ->Arg(256)
    ->Arg(536)
    ->Arg(1'448)
    ->Arg(1'449);
BENCHMARK_CAPTURE(checksum, avx2, wire::SumCode::Avx2, false)
    ->Name("Checksum/avx2")
    ->Arg(20)
    ->Arg(64)
    ->Arg(256)
    ->Arg(536)
    ->Arg(1'448)
    ->Arg(1'449);
BENCHMARK_CAPTURE(checksum, plain_cold, wire::SumCode::Plain, true)
    ->Name("Checksum/plain/cold")
    ->Arg(1'448);
BENCHMARK_CAPTURE(checksum, avx2_cold, wire::SumCode::Avx2, true)
    ->Name("Checksum/avx2/cold")
    ->Arg(1'448);

/// Copying and summing in one go, against one after the other.
void copy_and_checksum(benchmark::State& state, wire::SumCode code, bool in_one_go) {
  const With with{state, code};
  if (!with) {
    return;
  }
  const auto size = static_cast<std::size_t>(state.range(0));
  const bool is_cold = state.range(1) != 0;
  Packets from{is_cold};
  Packets to{is_cold};
  {
    const Cycles cycles{state};
    for (auto _ : state) {
      const std::span<const std::byte> bytes{from.next(), size};
      std::byte* const copy = to.next();
      wire::Checksum sum;
      if (in_one_go) {
        sum.add_copied(copy, bytes);
      } else {
        std::memcpy(copy, bytes.data(), size);
        sum.add({copy, size});
      }
      benchmark::DoNotOptimize(sum.finish());
      benchmark::ClobberMemory();
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(copy_and_checksum, plain, wire::SumCode::Plain, true)
    ->Name("CopyAndChecksum/plain")
    ->ArgNames({"", "cold"})
    ->Args({256, 0})
    ->Args({1'448, 0})
    ->Args({1'448, 1});
BENCHMARK_CAPTURE(copy_and_checksum, avx2, wire::SumCode::Avx2, true)
    ->Name("CopyAndChecksum/avx2")
    ->ArgNames({"", "cold"})
    ->Args({256, 0})
    ->Args({1'448, 0})
    ->Args({1'448, 1});
BENCHMARK_CAPTURE(copy_and_checksum, apart, wire::SumCode::Avx2, false)
    ->Name("CopyThenChecksum/avx2")
    ->ArgNames({"", "cold"})
    ->Args({256, 0})
    ->Args({1'448, 0})
    ->Args({1'448, 1});

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
