// Runs the micro benchmarks. Takes Google Benchmark's options, `--benchmark_filter=Checksum` say.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
