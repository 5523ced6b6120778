// What sockets have to say to their handlers, once per turn each.
#include <utility>

#include "stack/udp_core.hpp"

namespace millrace::stack {

void UdpCore::dispatch_events(Stack& stack) noexcept {
  // What handlers cause is said in the next turn.
  UdpEventQueue telling;
  telling.splice_back(events_);
  for (std::uint32_t told = 0; told < kEventsPerTurn; ++told) {
    UdpSlot* slot = telling.pop_front();
    if (slot == nullptr) {
      return;
    }
    const base::SlotHandle handle = sockets_.handle_of(*slot);
    const UdpSocket socket{&stack, handle.index, handle.generation};
    const std::uint8_t news = std::exchange(slot->news, std::uint8_t{0});
    // Each handler may close the socket, or put another in its place.
    if ((news & UdpNews::kError) != 0) {
      const UdpError error = slot->error;
      slot->handler->on_error(socket, error);
      slot = find(handle);
    }
    if (slot != nullptr && (news & UdpNews::kReadable) != 0 && !slot->queue.empty()) {
      slot->handler->on_readable(socket);
      slot = find(handle);
    }
    if (slot != nullptr && (news & UdpNews::kWritable) != 0) {
      slot->handler->on_writable(socket);
    }
  }
  telling.splice_back(events_);
  events_.splice_back(telling);
}

}  // namespace millrace::stack
