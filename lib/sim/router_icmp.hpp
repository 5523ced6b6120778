// The ICMP messages of routers (RFC 792, RFC 1191 §4, RFC 1812 §4.3): about which datagrams there
// may be one, and the frame that holds it. Limits on their rate are left out: a simulated router
// has time.
#pragma once

#include <optional>
#include <span>

#include "sim/frame.hpp"
#include "sim/router.hpp"
#include "wire/icmp.hpp"

namespace millrace::sim {

/// The answer, from `port`, to the sender of the datagram in `offending`. Empty where RFC 1812
/// §4.3.2.7 forbids one: about ICMP errors, later fragments, group and broadcast addresses.
[[nodiscard]] std::optional<Frame> make_icmp_error(FrameStore& frames, const RouterPort& port,
                                                   std::span<const std::byte> offending,
                                                   const wire::IcmpHeader& what);

}  // namespace millrace::sim
