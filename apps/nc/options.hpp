// What the command line of millrace-nc means, from the texts it was given.
#pragma once

#include <optional>
#include <string>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>
#include <millrace/tcp.hpp>
#include <millrace/time.hpp>

namespace nc {

/// As typed; empty: not given.
struct Arguments {
  std::string first{};   ///< HOST, or PORT after -l.
  std::string second{};  ///< PORT.
  bool listens = false;
  bool is_udp = false;
  bool is_verbose = false;
  millrace::Port source_port{};
  std::string wait_seconds{};  ///< -w
  std::string quit_seconds{};  ///< -q
  std::string keepalive_seconds{};
};

/// Ready to use.
struct Options {
  bool listens = false;
  bool is_udp = false;
  bool is_verbose = false;
  millrace::Endpoint
      peer;  ///< When listening: the local port, and the local address or the unspecified one.
  std::string peer_name;       ///< To be looked up for the peer's address; empty: it is known.
  millrace::Port source_port;  ///< Zero: any.
  std::optional<millrace::Duration>
      wait;  ///< For a connection, and for any traffic once there is one.
  std::optional<millrace::Duration> quit;  ///< From the end of input to giving up on the peer.
  std::optional<millrace::KeepaliveOptions> keepalive;
};

/// The error is a sentence that says what would be right.
[[nodiscard]] millrace::Result<Options, std::string> read_options(const Arguments& arguments);

}  // namespace nc
