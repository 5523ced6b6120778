// What the command line of millrace-load means, from the texts it was given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/time.hpp>

namespace load {

/// Who sends the first FIN of a connection.
enum class Closing : std::uint8_t {
  Never,      ///< A connection carries requests until the run is over; then we close.
  Server,     ///< One request a connection, with "Connection: close".
  Client,     ///< One request a connection; we close when the answer is there.
  Alternate,  ///< Server and client in turn.
};

/// As typed; empty or zero: not given.
struct Arguments {
  std::optional<millrace::Endpoint> server{};
  std::string path = "/";
  std::uint64_t requests = 0;
  std::uint64_t connections = 1;
  std::uint64_t seconds = 0;
  std::uint64_t timeout_seconds = 30;
  std::string closing = "never";
  std::uint64_t put_bytes = 0;
  std::uint64_t seed = 1;
  std::string sha256{};
};

/// Ready to use.
struct Options {
  millrace::Endpoint server;
  std::string path;
  std::optional<std::uint64_t> requests;       ///< How many in all; empty: as many as fit the time.
  std::optional<millrace::Duration> duration;  ///< When the last one may start; empty: any time.
  std::uint64_t connections = 1;               ///< At the same time.
  millrace::Duration timeout{};                ///< Of one request, its connection included.
  Closing closing = Closing::Never;
  std::uint64_t put_bytes = 0;  ///< Zero: GET `path`; else PUT so many bytes there.
  std::uint64_t seed = 1;
  std::string sha256;  ///< What a body must have, in lower-case hexadecimal; empty: anything.
};

/// The error is a sentence that says what would be right.
[[nodiscard]] millrace::Result<Options, std::string> read_options(const Arguments& arguments);

}  // namespace load
