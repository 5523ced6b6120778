// The public TcpListener: finds its listener and does one thing to it.
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
  tcp::Listener* const listener =
      stack->tcp().find_listener({.index = index, .generation = generation});
  if (listener == nullptr) {
    return fail(Error::StaleHandle);
  }
  return listener;
}

}  // namespace

Result<void> TcpListener::close() const {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  stack_->tcp().close_listener({.index = index_, .generation = generation_});
  return {};
}

Result<void> TcpListener::pause() const {
  const auto listener = find(stack_, index_, generation_);
  if (!listener) {
    return fail(listener.error());
  }
  (*listener)->pause();
  return {};
}

Result<void> TcpListener::resume() const {
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

}  // namespace millrace
