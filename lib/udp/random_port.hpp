// Which port a socket gets that asks for none: one that nobody can guess (RFC 6056 §3.3.1). Which
// of them are free is for the caller to say.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/endpoint.hpp>

#include "base/contract.hpp"
#include "base/random.hpp"

namespace millrace::udp {

/// Both ends belong to it.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// The first port from a random one on, round the range, that `is_free(Port)` likes; empty when
/// there is none. Unlike TCP's, whose choice also keeps a destination's ports apart in time, this
/// is all chance: a datagram has no sequence number, so its port is what answers are matched by.
template <class IsFree>
[[nodiscard]] std::optional<Port> choose_random_port(const PortRange& range, base::Random& random,
                                                     IsFree&& is_free) noexcept {
  base::expects(range.first > 0 && range.first <= range.last);
  const std::uint32_t size = std::uint32_t{range.last} - range.first + 1U;
  std::uint32_t at = random.below(size);
  for (std::uint32_t tried = 0; tried < size; ++tried) {
    const Port port{static_cast<std::uint16_t>(range.first + at)};
    if (is_free(port)) {
      return port;
    }
    at = at + 1 == size ? 0 : at + 1;
  }
  return std::nullopt;
}

}  // namespace millrace::udp
