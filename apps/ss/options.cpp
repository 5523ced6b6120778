#include "ss/options.hpp"

#include <CLI/CLI.hpp>

namespace ss {

namespace {

constexpr const char* kHelpEnd =
    "Without -a and -l, sockets are shown that are neither LISTEN, UNCONN, SYN-RECV nor TIME-WAIT, "
    "as\n"
    "Linux's ss does. Every user's sockets are shown to root, one's own to anybody else.\n"
    "Status: 0; 1 if there is no Millrace process, or one could not be asked.";

}  // namespace

bool Options::shows(const Socket& socket) const {
  if (tcp != udp && socket.protocol != (tcp ? "tcp" : "udp")) {
    return false;
  }
  const bool is_waiting = socket.state == "LISTEN" || socket.state == "UNCONN";
  if (all) {
    return true;
  }
  if (listening) {
    return is_waiting;
  }
  return !is_waiting && socket.state != "SYN-RECV" && socket.state != "TIME-WAIT";
}

std::expected<Options, int> read_options(int argc, char** argv) {
  Options options;
  CLI::App app{"The sockets of every Millrace process on this machine.", "millrace-ss"};
  app.footer(kHelpEnd);
  app.add_flag("-a,--all", options.all, "Sockets in all states");
  app.add_flag("-l,--listening", options.listening, "Listeners and unconnected UDP sockets only");
  app.add_flag("-t,--tcp", options.tcp, "TCP only");
  app.add_flag("-u,--udp", options.udp, "UDP only");
  app.add_flag("-n,--numeric", options.numeric, "Port numbers, no names of services");
  app.add_flag("-p,--processes", options.processes, "Program, process id and core of each socket");
  app.add_flag("-i,--info", options.info, "What TCP knows of each connection, as ss -i words it");
  app.add_flag("-o,--options", options.timers, "The timer that goes off next");
  app.add_flag("-s,--summary", options.summary, "Numbers of sockets only");
  app.add_flag("--json", options.json, "JSON: times in microseconds, sizes in bytes");
  app.add_flag("-H,--no-header", options.no_header, "No line of titles");
  app.add_option("--process", options.process, "This process only")
      ->check(CLI::PositiveNumber)
      ->type_name("PID");
  app.add_option(
         "--folder", options.folders,
         "Where DPDK has its run-time folders, instead of the usual places; may be repeated")
      ->check(CLI::ExistingDirectory)
      ->type_name("FOLDER");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own statuses are above 100; a mistake on the command line is 2 in Millrace's
    // programs.
    return std::unexpected{app.exit(error) == 0 ? 0 : 2};
  }
  return options;
}

}  // namespace ss
