// What connections have to say to their handlers, once per turn each.
#include "stack/tcp_core.hpp"

namespace millrace::stack {

using tcp::Events;

void TcpCore::dispatch_events(Instant now, Stack& stack) noexcept {
  now_ = now;
  // What handlers cause is said in the next turn.
  EventQueue telling;
  telling.splice_back(events_);
  for (std::uint32_t told = 0; told < kEventsPerTurn; ++told) {
    ConnectionSlot* const slot = telling.pop_front();
    if (slot == nullptr) {
      return;
    }
    dispatch(*slot, stack);
  }
  telling.splice_back(events_);
  events_.splice_back(telling);
}

void TcpCore::dispatch(ConnectionSlot& slot, Stack& stack) noexcept {
  const base::SlotHandle handle = connections_.handle_of(slot);
  const TcpSocket socket{&stack, handle.index, handle.generation};
  if (slot.phase == Phase::Waiting && !accept(slot, socket)) {
    return;
  }
  const Events news{std::exchange(slot.events, std::uint8_t{0})};
  if (news.bits() == Events::kReadable) [[likely]] {
    if (slot.phase == Phase::Open && !slot.connection.is_closed_by_application() &&
        slot.connection.unread() > 0) {
      slot.handler->on_readable(socket);
    }
  } else {
    tell(slot, socket, news);
  }
  if (const auto error = slot.connection.take_soft_error();
      error && slot.phase == Phase::Open && !slot.connection.is_closed_by_application()) {
    slot.handler->on_soft_error(socket, *error);
  }
  if (news.has(Events::kClosed)) {
    slot.handler->on_closed(socket, slot.connection.outcome());
    bury(slot);
  }
}

void TcpCore::tell(ConnectionSlot& slot, TcpSocket socket, Events news) noexcept {
  const auto is_heard = [&slot] {
    return slot.phase == Phase::Open && !slot.connection.is_closed_by_application();
  };
  if (news.has(Events::kConnected) && is_heard()) {
    slot.handler->on_connected(socket);
  }
  if (news.has(Events::kUrgent) && is_heard()) {
    slot.handler->on_urgent(socket);
  }
  if (news.has(Events::kReadable) && is_heard() && slot.connection.unread() > 0) {
    slot.handler->on_readable(socket);
  }
  if (news.has(Events::kWritable) && is_heard()) {
    slot.handler->on_writable(socket);
  }
  if (news.has(Events::kPeerFinished) && is_heard()) {
    slot.handler->on_peer_finished(socket);
  }
  if (news.has(Events::kProgress) && is_heard() && progress_listener_ != nullptr) {
    progress_listener_->on_progress(*slot.handler);
  }
}

bool TcpCore::accept(ConnectionSlot& slot, TcpSocket socket) noexcept {
  tcp::Listener* const listener = listeners_.find(slot.listener);
  if (listener->is_paused()) {
    return false;
  }
  if (!listener->counts_accepted()) {
    listener->on_waiting_gone();
  }
  slot.phase = Phase::Open;
  slot.events = static_cast<std::uint8_t>(slot.events & ~Events::kConnected);
  ++stats_.tcp_accepted;
  slot.handler->on_accepted(socket);
  return true;
}

}  // namespace millrace::stack
