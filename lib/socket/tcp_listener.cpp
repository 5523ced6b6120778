#include <millrace/tcp.hpp>

#include "stack/stack.hpp"

namespace millrace {

namespace {

Result<tcp::Listener*> find(stack::Stack* stack, std::uint32_t index, std::uint32_t generation) {
  if (stack == nullptr) {
    return fail(Error::StaleHandle);
  }
  if (!stack->is_on_core()) {
    return fail(Error::WrongCore);
  }
  tcp::Listener* const listener = stack->tcp().find_listener({.index = index, .generation = generation});
  if (listener == nullptr) {
    return fail(Error::StaleHandle);
  }
  return listener;
}

}  // namespace

Result<void> TcpListener::close() {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  stack_->tcp().close_listener({.index = index_, .generation = generation_});
  return {};
}

Result<void> TcpListener::pause() {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  (*listener)->pause();
  return {};
}

Result<void> TcpListener::resume() {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  (*listener)->resume();
  stack_->tcp().resume_listener({.index = index_, .generation = generation_});
  return {};
}

Result<Endpoint> TcpListener::endpoint() const {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  return (*listener)->endpoint();
}

std::string_view to_string(TcpState state) noexcept {
  switch (state) {
    case TcpState::Closed: return "CLOSED";
    case TcpState::Listen: return "LISTEN";
    case TcpState::SynSent: return "SYN-SENT";
    case TcpState::SynReceived: return "SYN-RECEIVED";
    case TcpState::Established: return "ESTABLISHED";
    case TcpState::FinWait1: return "FIN-WAIT-1";
    case TcpState::FinWait2: return "FIN-WAIT-2";
    case TcpState::CloseWait: return "CLOSE-WAIT";
    case TcpState::Closing: return "CLOSING";
    case TcpState::LastAck: return "LAST-ACK";
    case TcpState::TimeWait: return "TIME-WAIT";
  }
  return "UNKNOWN";
}

}  // namespace millrace
