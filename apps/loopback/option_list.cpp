// The texts of the help page, each beside what its option sets.
#include <fmt/format.h>

#include "control/option_adder.hpp"
#include "control/option_values.hpp"
#include "loopback/options.hpp"

namespace loopback {
namespace {

namespace control = millrace::control;

void add_text(CLI::App& app, const char* names, std::string& target, const char* type,
              const char* help) {
  app.add_option(names, target, help)->capture_default_str()->type_name(type);
}

void add_number(CLI::App& app, const char* names, std::optional<std::uint64_t>& target,
                const char* help) {
  control::add_checked_option(
      app, names, [](std::string_view text) { return control::parse_count(text, {}); },
      [&target](std::uint64_t value) { target = value; }, help)
      ->type_name("N");
}

template <class Target>
CLI::Option* add_seconds(CLI::App& app, const char* names, Target& target, const char* help) {
  return control::add_checked_option(
             app, names,
             [](std::string_view text) {
               return control::parse_seconds(text, {.min = 0, .max = 1'000'000});
             },
             [&target](millrace::Duration value) { target = value; }, help)
      ->type_name("SECONDS");
}

constexpr const char* kExamples =
    "Examples:\n"
    "  millrace-loopback io                             a ring in this process, for 10 seconds\n"
    "  millrace-loopback macswap --size 64,512,1514 --flows 8 --json\n"
    "  millrace-loopback tcp --traffic rr --flows 64    two stacks, verified round trips\n"
    "  millrace-loopback txonly --device pci:01:00.0    one port with a loopback plug\n"
    "  millrace-loopback io --device af_packet:a --device af_packet:b\n"
    "                                                   two ports with a cable between them\n"
    "  millrace-loopback rxonly --device memif:/run/m,server   one process receives,\n"
    "  millrace-loopback txonly --alone --device memif:/run/m  another sends\n"
    "Status: 0; 1 if anything was lost, damaged, repeated or without buffer, or the machine did\n"
    "not allow a start; 2 if the command line is wrong.";

void declare_run(CLI::App& app, Arguments& arguments) {
  add_text(app, "MODE", arguments.mode, "MODE", "tcp, io, macswap, icmpecho, txonly or rxonly");
  app.get_option("MODE")->required();
  app.add_flag("--plug", arguments.is_plug,
               "ring: one port whose frames come back, instead of a cable of two");
  app.add_flag("--alone", arguments.is_alone,
               "Only do what the mode says: who tests it is at the other end of the cable");
  app.add_flag("--json", arguments.is_json, "One JSON document at the end instead of lines");
  add_text(app, "-t,--duration", arguments.duration, "SECONDS",
           "How long to send; 0: until it is stopped (10; with --count, --alone: no limit)");
  add_seconds(app, "-i,--period", arguments.period, "Between lines of statistics; 0: none")
      ->default_str("1");
  add_number(app, "-n,--count", arguments.count, "End after so many frames");
}

void declare_traffic(CLI::App& app, Arguments& arguments) {
  add_text(app, "-r,--rate", arguments.rate, "PER_SECOND",
           "Frames a second; tcp: requests, connections (as fast as they come back)");
  add_text(app, "-s,--size", arguments.sizes, "BYTES",
           "Of frames with their Ethernet header, in turn: 64, 64,1514 or 64-128 (64); tcp: of "
           "messages");
  add_number(app, "--burst", arguments.burst, "Frames handed to a port at once, 1 to 32 (32)");
  add_number(app, "--in-flight", arguments.in_flight,
             "Frames on their way (256); tcp: requests on each connection (1)");
  add_number(app, "--flows", arguments.flows,
             "UDP flows or echo identifiers, 1 to 4096 (1); tcp: connections");
  add_text(app, "--verify", arguments.verify, "all|sample",
           "How much of long payloads is compared");
  add_number(app, "--payload-seed", arguments.seed, "Of the payload, the same at both ends (1)");
  add_text(app, "--traffic", arguments.traffic, "stream|rr|crr",
           "tcp: a stream, round trips, or a connection for each (stream)");
  add_seconds(app, "--loss-timeout", arguments.loss_timeout,
              "After so long without any arrival what is on its way is lost (0.2)");
}

void declare_ports(CLI::App& app, Arguments& arguments) {
  add_number(app, "--rx-descriptors,--rxd", arguments.rx_descriptors,
             "Of each port's receive ring, 32 to 32768 (1024)");
  add_number(app, "--tx-descriptors,--txd", arguments.tx_descriptors, "Likewise of transmit rings");
  add_text(app, "--mac", arguments.macs, "MAC[,MAC]", "Of port 0 and port 1 (the device's own)");
  add_text(app, "--peer-mac", arguments.peer_mac, "MAC",
           "Where frames go, with one port (02:00:00:00:00:02)");
  add_text(app, "--peer-address", arguments.peer_address, "ADDRESS",
           "The far end's, with one port or a ring (198.18.0.2)");
}

void declare_faults(CLI::App& app, Arguments& arguments) {
  add_number(app, "--fault-drop", arguments.drop,
             "Lose so many of a million frames that arrive, to see that it is noticed");
  add_number(app, "--fault-corrupt", arguments.corrupt, "Likewise turn over one bit");
  add_number(app, "--fault-duplicate", arguments.duplicate, "Likewise repeat them");
  add_number(app, "--fault-reorder", arguments.reorder, "Likewise let others pass them");
}

}  // namespace

void declare_options(CLI::App& app, Arguments& arguments) {
  declare_run(app, arguments);
  declare_traffic(app, arguments);
  declare_ports(app, arguments);
  declare_faults(app, arguments);
  app.footer(kExamples);
}

}  // namespace loopback
