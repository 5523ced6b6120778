// What the command line of millrace-perf means, from the texts it was given. What all Millrace
// programs share is left to `millrace::Program`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "perf/plan.hpp"

namespace perf {

inline constexpr std::uint16_t kDefaultPort = 5'210;

/// As typed; empty: not given.
struct Arguments {
  std::string role{};
  std::string host{};
  std::string backend = "millrace";
  millrace::Port port{};
  bool json = false;
  bool one_off = false;
  std::string mode = "stream";
  std::optional<std::uint64_t> connections{};
  std::optional<std::uint64_t> depth{};
  std::string request_size{};
  std::string response_size{};
  std::string buffer{};
  bool reverse = false;
  bool both_ways = false;
  std::string rate{};
  std::string count{};
  std::string duration{};
  std::string warmup{};
  millrace::Duration interval = std::chrono::seconds{1};
  millrace::Duration connect_timeout = std::chrono::seconds{10};
  std::string verify = "sample";
  std::string local_addresses{};
  std::optional<std::uint64_t> data_ports{};
  std::optional<std::uint64_t> seed{};
  std::string path{};
  std::optional<std::uint64_t> status{};
  std::optional<std::uint64_t> length{};
};

/// Ready to use.
struct Options {
  bool is_server = false;
  bool is_kernel = false;
  bool json = false;
  bool one_off = false;   ///< A server that ends after one test.
  bool is_quiet = false;  ///< Whoever runs this end tells of it; complaints are still told.
  const char* program = "millrace-perf";  ///< In front of complaints.
  millrace::Port port;           ///< Of the control connection; of the web server in `http`.
  millrace::IpAddress host{};    ///< Of the server.
  Plan plan{};                   ///< The client's.
  std::optional<double> rate{};  ///< Requests or connections a second: open loop.
  std::uint64_t count = 0;       ///< Zero: no limit.
  std::optional<millrace::Duration> duration{};
  millrace::Duration warmup{};
  millrace::Duration interval{};
  millrace::Duration connect_timeout{};
  std::vector<millrace::IpAddress> local_addresses{};
  std::string path{};                     ///< `http`: what is asked for.
  int status = 200;                       ///< `http`: what is expected.
  std::optional<std::uint64_t> length{};  ///< `http`: of the body; empty: the first one's.
};

/// The error is a sentence that says what would be right.
[[nodiscard]] millrace::Result<Options, std::string> read_options(const Arguments& arguments);

/// "64", "16K", "64M", "2G": powers of 1,024.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;
/// A decimal number from 0 to `most`, such as "0.5".
[[nodiscard]] std::optional<double> parse_decimal(std::string_view text, double most) noexcept;
/// "198.18.0.3,198.18.1.1-198.18.1.200": IPv4 addresses and ranges of them, 65,536 in all.
[[nodiscard]] millrace::Result<std::vector<millrace::IpAddress>, std::string> parse_addresses(
    std::string_view text);

/// Declares them all. `Declarer` is `millrace::Program`, or what stands in for it.
template <class Declarer>
void declare_options(Declarer& program, Arguments& arguments) {
  program.option("ROLE", arguments.role, "server or client")
      .option("HOST", arguments.host, "client: the server's IPv4 address")
      .option("-b,--backend", arguments.backend,
              "millrace, or kernel: the same test on Linux's sockets; given to it, options of the "
              "stack are unknown")
      .option("-p,--port", arguments.port,
              "Of the control connection (5210; data is on those that follow); http: of the web "
              "server (80)")
      .flag("--one-off", arguments.one_off, "server: end after one test, with its status")
      .flag("--json", arguments.json, "One JSON document at the end instead of lines")
      .option("-m,--mode", arguments.mode, "stream, rr, crr, http or idle")
      .option("-c,--connections", arguments.connections, "How many; crr: at once (1)")
      .option("-d,--depth", arguments.depth, "rr, http: requests on their way on each (1)")
      .option("--request-size", arguments.request_size, "rr, crr, idle: bytes, or 4K, 1M (64)")
      .option("--response-size", arguments.response_size, "rr, crr, idle: likewise (64)")
      .option("--buffer", arguments.buffer,
              "stream: memory that the data of all connections is read from (64M)")
      .flag("-R,--reverse", arguments.reverse, "stream: the server sends")
      .flag("--both-ways", arguments.both_ways, "stream: both send")
      .option("-r,--rate", arguments.rate,
              "Requests a second over all connections, crr: connections, each at its time (open "
              "loop); idle: requests a second on each connection (0.1)")
      .option("-n,--count", arguments.count,
              "End after so many round trips, connections, replies; stream: bytes, or 1G")
      .option("-t,--duration", arguments.duration,
              "Seconds that are measured (10, with --count no limit)")
      .option("--warmup", arguments.warmup, "Seconds before that (0)")
      .option("-i,--interval", arguments.interval, "Seconds between lines; 0: none")
      .option("--connect-timeout", arguments.connect_timeout, "Seconds to wait for the server")
      .option("--verify", arguments.verify, "sample or all: how much of long payloads is compared")
      .option("--local-addresses", arguments.local_addresses,
              "client: connect from these in turn, A,B,C-D; they must be ours")
      .option("--data-ports", arguments.data_ports, "Ports that connections are spread over (1)")
      .option("--payload-seed", arguments.seed, "Of the payload; drawn at random if not given")
      .option("--path", arguments.path, "http: what is asked for (/)")
      .option("--status", arguments.status, "http: expected of each reply (200)")
      .option("--length", arguments.length,
              "http: bytes expected of each body (as the first one has)");
}

}  // namespace perf
