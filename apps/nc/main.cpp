// millrace-nc HOST PORT, millrace-nc -l PORT: connects standard input and output with a peer over
// TCP, or UDP with -u.
#include <unistd.h>

#include <memory>
#include <string>

#include <millrace/program.hpp>

#include "nc/options.hpp"
#include "nc/relay.hpp"
#include "nc/standard_io.hpp"
#include "nc/udp_relay.hpp"

namespace {

void declare_options(millrace::Program& program, nc::Arguments& arguments) {
  program.option("HOST", arguments.first, "The peer's address; with -l, the local one, or none")
      .option("PORT", arguments.second, "TCP port, or UDP port with -u")
      .flag("-l,--listen", arguments.listens, "Wait for one connection instead of making one")
      .flag("-u,--datagrams", arguments.is_udp, "UDP: each read of standard input is one datagram")
      .option("-p,--source-port", arguments.source_port, "Local port to connect from; 0: any")
      .option("-w,--wait", arguments.wait_seconds, "Seconds to wait for a connection, or traffic")
      .option("-q,--quit", arguments.quit_seconds, "Seconds to go on after the end of input")
      .option("--keepalive", arguments.keepalive_seconds,
              "Ask a silent peer every so many seconds; three without an answer end it")
      .flag("-v,--verbose", arguments.is_verbose, "Say what happens, on standard error")
      .report_to_stderr(true);
}

}  // namespace

int main(int argc, char** argv) {
  nc::Arguments arguments;
  nc::Options options;
  nc::StandardIo io{STDIN_FILENO, STDOUT_FILENO};
  std::unique_ptr<nc::Relay> relay;
  std::unique_ptr<nc::UdpRelay> udp_relay;
  millrace::Program program{"millrace-nc",
                            "Standard input to a peer, the peer to standard output."};
  declare_options(program, arguments);
  program.check([&]() -> millrace::Result<void, std::string> {
    auto read = nc::read_options(arguments);
    if (!read) {
      return millrace::fail(std::move(read.error()));
    }
    options = *read;
    return {};
  });
  // A helper may wait for whoever should read our output; a signal ends that, too.
  program.on_stop([&io](millrace::Worker&) {
    io.interrupt();
    return millrace::Duration::zero();
  });
  return program.run(argc, argv,
                     [&](millrace::Worker& worker) -> millrace::Result<void, std::string> {
                       if (worker.index() != 0) {
                         return {};  // One connection needs one core.
                       }
                       const auto stop = [&worker](int status) { worker.stop(status); };
                       if (options.is_udp) {
                         udp_relay = std::make_unique<nc::UdpRelay>(worker, io, options, stop);
                         return udp_relay->start();
                       }
                       relay = std::make_unique<nc::Relay>(worker, io, options, stop);
                       return relay->start();
                     });
}
