// millrace-load SERVER [PATH]: opens connections to an HTTP server, sends requests, checks every
// answer and prints one line of JSON. It makes, between two Millrace programs, the checks that curl
// and wrk make against the kernel's.
#include <memory>
#include <string>

#include <millrace/program.hpp>

#include "load/load.hpp"
#include "load/options.hpp"

namespace {

void declare_options(millrace::Program& program, load::Arguments& arguments) {
  program.option("SERVER", arguments.server, "Where to, as ADDRESS:PORT")
      .required("SERVER")
      .option("PATH", arguments.path, "What to ask for")
      .option("-n,--requests", arguments.requests, "Requests in all; 0: one for each connection")
      .option("-c,--connections", arguments.connections, "Connections at the same time")
      .option("-t,--seconds", arguments.seconds, "When to begin no more requests; 0: at no time")
      .option("--request-timeout", arguments.timeout_seconds, "Seconds that an answer may take")
      .option("--close", arguments.closing,
              "Who closes after each answer: never, server, client or alternate")
      .option("--put", arguments.put_bytes, "Bytes to send by PUT; 0: GET")
      .option("--seed", arguments.seed, "Which bytes to send")
      .option("--sha256", arguments.sha256, "What the body of every answer must have")
      .report_to_stderr(true);
}

}  // namespace

int main(int argc, char** argv) {
  load::Arguments arguments;
  load::Options options;
  std::unique_ptr<load::Load> run;
  millrace::Program program{"millrace-load", "Sends HTTP requests and checks the answers."};
  declare_options(program, arguments);
  program.check([&]() -> millrace::Result<void, std::string> {
    auto read = load::read_options(arguments);
    if (!read) {
      return millrace::fail(std::move(read.error()));
    }
    options = *read;
    return {};
  });
  return program.run(
      argc, argv, [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
        if (worker.index() != 0) {
          return {};  // The counts are one core's.
        }
        run =
            std::make_unique<load::Load>(worker, options, [&](int status) { worker.stop(status); });
        run->start();
        return {};
      });
}
