// What a client may take of the server: time, requests, room. From the command line where a person
// may want another value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <millrace/time.hpp>

namespace httpd {

struct Limits {
  /// Time for a request's head to arrive, from its first byte on; also the span over which the rate
  /// of a body is measured.
  millrace::Duration request = std::chrono::seconds{20};
  /// Time that a connection may rest between requests.
  millrace::Duration idle = std::chrono::seconds{60};
  /// For so long a small file that was read is served from memory; zero: every request reads it.
  millrace::Duration file_lifetime{};
  /// Requests that one connection may make.
  std::uint64_t requests_per_connection = 10'000;

  // Not asked for on the command line.
  /// The span over which the rate of a client that takes an answer is measured.
  millrace::Duration answer = std::chrono::seconds{60};
  /// How long a client may take to close once everything is said.
  millrace::Duration goodbye = std::chrono::seconds{10};
  /// Bytes in a second, below which a client is too slow, over the spans above.
  std::uint64_t body_rate_min = 500;
  std::uint64_t answer_rate_min = 100;
  /// Bytes of folder pages that may wait to be sent, of all connections together.
  std::size_t listing_bytes_max = 32U << 20U;
};

}  // namespace httpd
