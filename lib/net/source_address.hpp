// Which of an interface's IPv4 addresses a packet of ours comes from when its sender has not chosen
// one.
#pragma once

#include <optional>

#include <millrace/address.hpp>

#include "net/interface.hpp"

namespace millrace::net {

/// nullopt when the interface has no IPv4 address.
[[nodiscard]] inline std::optional<IpAddress> source_address_for(
    const Interface& interface, const IpAddress& next_hop) noexcept {
  // RFC 1122 §3.3.4.3: prefer an address on the network of the next hop.
  std::optional<IpAddress> first;
  for (const IpPrefix& prefix : interface.addresses) {
    if (!prefix.address().is_v4()) {
      continue;
    }
    if (prefix.contains(next_hop)) {
      return prefix.address();
    }
    if (!first) {
      first = prefix.address();
    }
  }
  return first;
}

}  // namespace millrace::net
