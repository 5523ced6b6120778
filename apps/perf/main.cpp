// millrace-perf server, millrace-perf client HOST: measures TCP between the two, on Millrace or on
// the kernel's sockets.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <millrace/program.hpp>

#include "perf/client.hpp"
#include "perf/kernel_program.hpp"
#include "perf/millrace_transport.hpp"
#include "perf/options.hpp"
#include "perf/server.hpp"
#include "perf/stopwatch.hpp"
#include "perf/surroundings.hpp"

namespace {

constexpr const char* kName = "millrace-perf";
constexpr const char* kSummary =
    "Measures streams, requests, connections and idle crowds between a server and a client.";

/// The values of an option that may be given several times, from the words of the command line.
std::vector<std::string> values_of(std::string_view option, int argc, char** argv) {
  std::vector<std::string> values;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == option && i + 1 < argc) {
      values.emplace_back(argv[i + 1]);
    } else if (word.starts_with(option) && word.substr(option.size()).starts_with('=')) {
      values.emplace_back(word.substr(option.size() + 1));
    }
  }
  return values;
}

/// Which of the two stacks is asked for, before anything else is known.
bool is_on_kernel(int argc, char** argv) {
  auto values = values_of("--backend", argc, argv);
  for (auto& value : values_of("-b", argc, argv)) {
    values.push_back(std::move(value));
  }
  return !values.empty() && values.back() == "kernel";
}

/// One end of a test, whichever it is.
class End {
 public:
  /// The error is a sentence.
  millrace::Result<void, std::string> start(const perf::Options& options,
                                            perf::Transport& transport,
                                            std::vector<std::string> devices) {
    clock_ = perf::Stopwatch::calibrated();
    auto warnings =
        perf::warnings_about(perf::Surroundings{}, {.processors = perf::own_processors(),
                                                    .devices = std::move(devices),
                                                    .is_kernel = options.is_kernel});
    if (options.is_server) {
      server_.emplace(options, transport, clock_, std::move(warnings));
      return server_->start();
    }
    client_.emplace(options, transport, clock_, std::move(warnings));
    return client_->start();
  }
  millrace::Duration interrupt() {
    return client_ ? client_->interrupt() : millrace::Duration::zero();
  }

 private:
  perf::Stopwatch clock_;
  std::optional<perf::Server> server_;
  std::optional<perf::Client> client_;
};

/// What both kinds of program are told alike.
template <class Program>
void prepare(Program& program, perf::Arguments& arguments, perf::Options& options) {
  perf::declare_options(program, arguments);
  program.check([&]() -> millrace::Result<void, std::string> {
    auto read = perf::read_options(arguments);
    if (!read) {
      return millrace::fail(std::move(read.error()));
    }
    options = *std::move(read);
    return {};
  });
}

int run_on_kernel(int argc, char** argv) {
  perf::Arguments arguments;
  perf::Options options;
  End end;
  perf::KernelProgram program{kName, kSummary};
  prepare(program, arguments, options);
  program.on_stop([&end] { return end.interrupt(); });
  return program.run(argc, argv,
                     [&](perf::Transport& transport) { return end.start(options, transport, {}); });
}

/// Whoever closes first, the server in `crr`, keeps each connection's ports for a minute: more of
/// them than the usual table holds. Wrong numbers are left for the program to complain about.
void declare_time_wait(millrace::Program& program, std::uint64_t& entries, int argc, char** argv) {
  entries = program.config().max_time_wait;
  program.option("--max-time-wait", entries, "Connections that are kept in TIME-WAIT, per core");
  for (const auto& value : values_of("--max-time-wait", argc, argv)) {
    const auto number = perf::parse_size(value);
    if (number && *number <= std::numeric_limits<std::uint32_t>::max()) {
      program.config().max_time_wait = static_cast<std::uint32_t>(*number);
    }
  }
  program.check([&entries, &program]() -> millrace::Result<void, std::string> {
    if (entries != program.config().max_time_wait) {
      return millrace::fail("--max-time-wait " + std::to_string(entries) +
                            ": 1 to 67108864 is needed");
    }
    return {};
  });
}

int run_on_millrace(int argc, char** argv) {
  perf::Arguments arguments;
  perf::Options options;
  std::optional<perf::MillraceTransport> transport;
  End end;
  millrace::Program program{kName, kSummary};
  prepare(program, arguments, options);
  std::uint64_t time_wait_entries = 0;
  declare_time_wait(program, time_wait_entries, argc, argv);
  program.report_to_stderr(true);  // Standard output has the figures.
  program.on_stop([&end](millrace::Worker&) { return end.interrupt(); });
  return program.run(
      argc, argv, [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
        if (worker.index() != 0) {
          return millrace::fail(std::string{"one core is measured at a time: give --cores one"});
        }
        return end.start(options, transport.emplace(worker), values_of("--device", argc, argv));
      });
}

}  // namespace

int main(int argc, char** argv) {
  return is_on_kernel(argc, argv) ? run_on_kernel(argc, argv) : run_on_millrace(argc, argv);
}
