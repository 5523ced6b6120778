// Runs the micro benchmarks. Takes Google Benchmark's options, `--benchmark_filter=Checksum` say.
// Exit status 1 if one of them could not do what it measures; what this machine cannot measure is
// skipped and says so.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

namespace millrace::bench {
namespace {

class Reporter final : public benchmark::ConsoleReporter {
 public:
  Reporter() : ConsoleReporter{OO_None} {}
  void ReportRuns(const std::vector<Run>& runs) override {
    has_failed_ = has_failed_ || std::ranges::any_of(runs, [](const Run& run) {
                    return run.error_occurred && !run.error_message.starts_with("skipped:");
                  });
    benchmark::ConsoleReporter::ReportRuns(runs);
  }
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }

 private:
  bool has_failed_ = false;
};

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  millrace::bench::Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return reporter.has_failed() ? 1 : 0;
}
