// millrace-pressure PEER: one end of many random conversations; kernel-pressure is the other.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <millrace/program.hpp>

#include "pressure/millrace_end.hpp"

int main(int argc, char** argv) {
  std::optional<millrace::Endpoint> peer;
  std::uint64_t seed = 1;
  std::uint64_t lanes = 100;
  std::uint64_t seconds = 60;
  millrace::Port port{9000};
  std::unique_ptr<pressure::MillraceEnd> end;
  millrace::Program program{"millrace-pressure", "Has random conversations with another host."};
  program.option("PEER", peer, "The other end, as ADDRESS:PORT")
      .required("PEER")
      .option("--port", port, "Where the other end reaches us")
      .option("--conversation-seed", seed, "Which conversations")
      .option("--lanes", lanes, "How many of ours to keep open at the same time")
      .option("--seconds", seconds, "When to begin no more")
      .report_to_stderr(true);
  return program.run(
      argc, argv, [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
        if (worker.index() != 0) {
          return {};  // The ledger is one core's.
        }
        const pressure::MillraceOptions options{.peer = *peer,
                                                .port = port,
                                                .seed = seed,
                                                .lanes = lanes,
                                                .duration = std::chrono::seconds{seconds}};
        end = std::make_unique<pressure::MillraceEnd>(worker, options,
                                                      [&](int status) { worker.stop(status); });
        if (auto started = end->start(); !started) {
          return millrace::fail(std::string{to_string(started.error())});
        }
        return {};
      });
}
