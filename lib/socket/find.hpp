// From the handle that an application has to the connection on its core, or the reason why not.
#pragma once

#include <cstdint>

#include <millrace/error.hpp>

#include "stack/stack.hpp"

namespace millrace::socket {

/// The connection that a handle names; null if it cannot be used here and now.
inline stack::ConnectionSlot* find_slot(stack::Stack* stack, std::uint32_t index,
                                        std::uint32_t generation) {
  if (stack == nullptr || !stack->is_on_core()) [[unlikely]] {
    return nullptr;
  }
  return stack->tcp().find({.index = index, .generation = generation});
}

/// Why it cannot.
[[gnu::cold]] inline std::unexpected<Error> no_slot(const stack::Stack* stack) {
  return fail(stack == nullptr || stack->is_on_core() ? Error::StaleHandle : Error::WrongCore);
}

/// The connection, or why it cannot be used.
inline Result<stack::ConnectionSlot*> find(stack::Stack* stack, std::uint32_t index,
                                           std::uint32_t generation) {
  stack::ConnectionSlot* const slot = find_slot(stack, index, generation);
  if (slot == nullptr) {
    return no_slot(stack);
  }
  return slot;
}

/// The same for a UDP socket.
inline Result<stack::UdpSlot*> find_udp(stack::Stack* stack, std::uint32_t index,
                                        std::uint32_t generation) {
  if (stack == nullptr) {
    return fail(Error::StaleHandle);
  }
  if (!stack->is_on_core()) {
    return fail(Error::WrongCore);
  }
  stack::UdpSlot* const slot = stack->udp().find({.index = index, .generation = generation});
  if (slot == nullptr) {
    return fail(Error::StaleHandle);
  }
  return slot;
}

}  // namespace millrace::socket
