// Puts whole frames on an interface's transmit queue, within its limit. Emptying the queue is left
// to the stack.
#pragma once

#include <cstdint>
#include <utility>

#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include "net/interface.hpp"
#include "packet/packet.hpp"

namespace millrace::net {

/// Frames that may wait on one interface for a device that does not take them.
inline constexpr std::uint32_t kMaxQueuedFrames = 4'096;

/// Fails with TransmitQueueFull, which the caller counts; the frame is then freed.
[[nodiscard]] inline Result<void, DropReason> enqueue_frame(Interface& interface,
                                                            packet::Packet frame) noexcept {
  if (interface.tx.size() >= kMaxQueuedFrames) {
    return fail(DropReason::TransmitQueueFull);
  }
  interface.tx.push_back(std::move(frame));
  return {};
}

}  // namespace millrace::net
