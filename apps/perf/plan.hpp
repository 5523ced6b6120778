// What a test is: the part that both ends must know, as the client asks for it and the server takes
// it on, and what each end has counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>

#include "perf/pattern.hpp"

namespace perf {

enum class Mode : std::uint8_t {
  Stream,           ///< Bytes, as fast as they go.
  RequestResponse,  ///< `rr`: requests and responses on connections that stay.
  Connect,          ///< `crr`: a connection for each request and response.
  Http,             ///< Requests to any web server; no server of ours takes part.
  Idle,             ///< Connections that are held, each with a request now and then.
};

/// As on the command line: "rr".
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
[[nodiscard]] std::optional<Mode> mode_from(std::string_view word) noexcept;
/// What one of a mode's exchanges is called, in the plural: "round trips".
[[nodiscard]] std::string_view exchanges_of(Mode mode) noexcept;

/// Bounds of what anybody may ask for, so that a server cannot be asked for more memory than it has
/// and a number from the wire can be counted with.
struct PlanLimits {
  static constexpr std::uint64_t kConnections = 16'000'000;
  static constexpr std::uint64_t kStreams = 10'000;  ///< Each has memory of its own to send from.
  static constexpr std::uint64_t kDepth = 4'096;
  static constexpr std::uint64_t kRequestsAtOnce = 64'000'000;  ///< Connections times depth.
  static constexpr std::uint64_t kMessageBytes = std::uint64_t{1} << 30U;
  static constexpr std::uint64_t kDataPorts = 1'000;
  static constexpr std::uint64_t kStreamBufferBytes = std::uint64_t{4} << 30U;
};

/// What both ends must know. Sizes are in bytes.
struct Plan {
  Mode mode = Mode::Stream;
  Verify verify = Verify::Sample;
  bool client_sends = true;   ///< Of a stream.
  bool server_sends = false;  ///< Of a stream.
  std::uint32_t connections = 1;
  std::uint32_t depth = 1;  ///< Requests on their way on one connection.
  std::uint64_t request_bytes = 64;
  std::uint64_t response_bytes = 64;
  std::uint64_t buffer_bytes = std::uint64_t{64} << 20U;  ///< What a stream's data is read from.
  std::uint16_t data_ports = 1;                           ///< Behind the control connection's port.
  std::uint64_t seed = 0;                                 ///< Of the payload.

  friend bool operator==(const Plan&, const Plan&) noexcept = default;
};

/// The error says what is wrong with it and what would be right.
[[nodiscard]] millrace::Result<void, std::string> check(const Plan& plan);

/// What an end has counted since its start.
struct Tally {
  std::uint64_t bytes_in = 0;   ///< Payload, verified.
  std::uint64_t bytes_out = 0;  ///< Payload, handed to TCP.
  std::uint64_t exchanges = 0;  ///< Requests that were answered; at the server, whole requests.
  std::uint64_t opened = 0;     ///< Connections.
  std::uint64_t closed = 0;     ///< Connections that ended in order.
  std::uint64_t failed = 0;     ///< Connections that did not open, or ended otherwise.
  std::uint64_t lost = 0;  ///< Requests without an answer, or bytes of a stream that are missing.
  std::uint64_t corrupt = 0;  ///< Connections with wrong payload.

  friend bool operator==(const Tally&, const Tally&) noexcept = default;
};

/// What came between two tallies of the same end.
[[nodiscard]] Tally operator-(const Tally& later, const Tally& earlier) noexcept;

/// One end's result.
struct EndResult {
  std::string backend{};                ///< "millrace" or "kernel".
  double seconds = 0;                   ///< Between the beginning and the end of what was measured.
  double processor_seconds = 0;         ///< That the process used meanwhile.
  Tally measured{};                     ///< Meanwhile.
  Tally total{};                        ///< From the first connection to the last.
  std::vector<std::string> problems{};  ///< What went wrong, a sentence each; the first few.

  friend bool operator==(const EndResult&, const EndResult&) noexcept = default;
};

}  // namespace perf
