// millrace-nc HOST PORT, millrace-nc -l PORT: connects standard input and output with a peer over
// TCP, or UDP with -u.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <millrace/program.hpp>
#include <millrace/resolver.hpp>

#include "nc/options.hpp"
#include "nc/relay.hpp"
#include "nc/standard_io.hpp"
#include "nc/udp_relay.hpp"

namespace {

void declare_options(millrace::Program& program, nc::Arguments& arguments) {
  program
      .option("HOST", arguments.first,
              "The peer's address or name; with -l, the local address, or none")
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

/// What runs on the core: one of the relays, after the peer's name was looked up.
class Session {
 public:
  explicit Session(nc::StandardIo& io) : io_{io} {}

  /// The error is a sentence.
  millrace::Result<void, std::string> start(millrace::Worker& worker, nc::Options& options) {
    if (options.peer_name.empty()) {
      return relay(worker, options);
    }
    auto resolver = millrace::Resolver::create(worker);
    if (!resolver) {
      return millrace::fail(std::move(resolver.error()));
    }
    resolver_.emplace(*std::move(resolver));
    const auto begun = resolver_->resolve(options.peer_name, [&](const auto& addresses) {
      if (!addresses) {
        give_up(worker, "cannot resolve " + options.peer_name + ": " +
                            std::string{to_string(addresses.error())});
        return;
      }
      options.peer.address = addresses->front();
      if (const auto started = relay(worker, options); !started) {
        give_up(worker, started.error());
      }
    });
    if (!begun) {
      return millrace::fail(options.peer_name, begun.error());
    }
    return {};
  }

 private:
  millrace::Result<void, std::string> relay(millrace::Worker& worker, const nc::Options& options) {
    const auto stop = [&worker](int status) { worker.stop(status); };
    if (options.is_udp) {
      udp_relay_ = std::make_unique<nc::UdpRelay>(worker, io_, options, stop);
      return udp_relay_->start();
    }
    relay_ = std::make_unique<nc::Relay>(worker, io_, options, stop);
    return relay_->start();
  }
  static void give_up(millrace::Worker& worker, const std::string& why) {
    std::fprintf(stderr, "millrace-nc: %s\n", why.c_str());
    worker.stop(1);
  }

  nc::StandardIo& io_;
  std::optional<millrace::Resolver> resolver_;
  std::unique_ptr<nc::Relay> relay_;
  std::unique_ptr<nc::UdpRelay> udp_relay_;
};

}  // namespace

int main(int argc, char** argv) {
  nc::Arguments arguments;
  nc::Options options;
  nc::StandardIo io{STDIN_FILENO, STDOUT_FILENO};
  Session session{io};
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
                       return session.start(worker, options);
                     });
}
