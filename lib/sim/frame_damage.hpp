// What lines and people do to the bytes of a frame: a bit turned over, an end cut off, and hostile
// copies of TCP segments that a sound receiver shrugs off (RFC 5961). Frames are copies of what a
// host has sent, so that no packet of anybody's changes.
#pragma once

#include <optional>

#include "base/random.hpp"
#include "sim/frame.hpp"

namespace millrace::sim {

/// Turns one bit over. False, and nothing done, for ARP, which has no checksum: what a real link's
/// check sequence catches there, no host could.
[[nodiscard]] bool corrupt(Frame& frame, base::Random& random) noexcept;

/// Cuts bytes off the end, at least one; the Ethernet header stays. False for ARP, likewise.
[[nodiscard]] bool truncate(Frame& frame, base::Random& random);

/// A segment as somebody who has seen this one, but not what follows, might inject it: a reset
/// beside the next sequence number, a SYN in the window, an ACK of what was never sent or of long
/// ago. Empty unless the frame holds a TCP segment of a connection that is under way.
[[nodiscard]] std::optional<Frame> forge(const Frame& frame, base::Random& random);

}  // namespace millrace::sim
