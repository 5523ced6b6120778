// What goes over the control connection: JSON objects, each behind its length in four bytes. Bytes
// to values and back; who says what when is left to the client and the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include <millrace/endpoint.hpp>
#include <millrace/error.hpp>

#include "perf/plan.hpp"

namespace perf::message {

/// Client: this is to be tested.
struct Test {
  Plan plan;
  friend bool operator==(const Test&, const Test&) noexcept = default;
};
/// Server: it can begin, the data ports start with this one.
struct Ready {
  millrace::Port first_port;
  friend bool operator==(const Ready&, const Ready&) noexcept = default;
};
/// Server: no, and why.
struct Refusal {
  std::string reason;
  friend bool operator==(const Refusal&, const Refusal&) noexcept = default;
};
/// Client: whoever sends a stream may begin.
struct Start {
  friend bool operator==(const Start&, const Start&) noexcept = default;
};
/// Client: what was so far was to warm up.
struct Measure {
  friend bool operator==(const Measure&, const Measure&) noexcept = default;
};
/// Client: what is measured ends here; whoever sends a stream ends it.
struct Stop {
  friend bool operator==(const Stop&, const Stop&) noexcept = default;
};
/// Client: all of its connections are over; it is the server's turn to tell.
struct Finish {
  friend bool operator==(const Finish&, const Finish&) noexcept = default;
};
/// Server: this is what it has seen.
struct Outcome {
  EndResult result;
  friend bool operator==(const Outcome&, const Outcome&) noexcept = default;
};

using Any = std::variant<Test, Ready, Refusal, Start, Measure, Stop, Finish, Outcome>;

/// A message is no longer than this, its length apart.
inline constexpr std::size_t kBytesMax = 64UL * 1024;

/// Ready to be sent, length in front.
[[nodiscard]] std::string encode(const Any& message);
/// Of one message without its length. The error says what is wrong with it, for people; nothing
/// that the peer has sent is quoted in it.
[[nodiscard]] millrace::Result<Any, std::string> decode(std::string_view text);

/// Puts messages together from what arrives.
class Reader {
 public:
  void add(std::span<const std::byte> bytes);
  /// The next message; empty if it has not arrived whole. After an error there is nothing more to
  /// be had.
  [[nodiscard]] millrace::Result<std::optional<Any>, std::string> next();

 private:
  std::string waiting_;
};

}  // namespace perf::message
