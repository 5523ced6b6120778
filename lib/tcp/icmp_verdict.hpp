// What an ICMP error means to a connection (RFC 9293 §3.9.2.2, RFC 1122 §3.2.2.1): which error of
// ours it is, and whether it can be waited out. Whether it is believed is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/error.hpp>

#include "wire/icmp.hpp"

namespace millrace::tcp {

enum class Severity : std::uint8_t {
  Soft,  ///< It may pass: routes change.
  Hard,  ///< The peer's host has said that nobody is there.
};

struct IcmpVerdict {
  Error error = Error::HostUnreachable;
  Severity severity = Severity::Soft;

  friend constexpr bool operator==(const IcmpVerdict&, const IcmpVerdict&) noexcept = default;
};

/// Codes of "destination unreachable" (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
inline constexpr std::uint8_t kFragmentationNeeded = 4;

/// Empty for what says nothing about reaching the peer: "fragmentation needed", and types that are
/// no errors.
[[nodiscard]] constexpr std::optional<IcmpVerdict> judge_icmp(wire::IcmpType type,
                                                              std::uint8_t code) noexcept {
  if (type == wire::IcmpType::TimeExceeded || type == wire::IcmpType::ParameterProblem) {
    return IcmpVerdict{};
  }
  if (type != wire::IcmpType::DestinationUnreachable || code == kFragmentationNeeded) {
    return std::nullopt;
  }
  switch (code) {
    case 2:  // Protocol.
    case 3:  // Port.
      return IcmpVerdict{.error = Error::ConnectionRefused, .severity = Severity::Hard};
    case 0:  // Network; likewise unknown, prohibited, not for this type of service.
    case 6:
    case 9:
    case 11: return IcmpVerdict{.error = Error::NetworkUnreachable};
    default: return IcmpVerdict{};  // Host, source route, filters, and what was never assigned.
  }
}

}  // namespace millrace::tcp
