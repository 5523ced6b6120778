// NameDenial: what a name server's answer says when it has no address: whether the name exists, and
// for how long that may be believed (RFC 2308). Whether the answer was asked for is not looked at.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include <millrace/error.hpp>

namespace millrace::socket {

struct NameDenial {
  std::string name;                   // That was asked for, in small letters, a dot at its end.
  Error error = Error::NameNotFound;  // Or NameHasNoAddress.
  std::chrono::seconds lifetime{};

  friend bool operator==(const NameDenial&, const NameDenial&) = default;
};

/// Empty: it is no such answer to a question for addresses, is cut, or does not say for how long.
[[nodiscard]] std::optional<NameDenial> read_denial(std::span<const std::byte> message);

}  // namespace millrace::socket
