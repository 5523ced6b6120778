// Slots and a stack of the free ones.
#include "httpd/connection_pool.hpp"

#include <new>

namespace httpd {

ConnectionPool::ConnectionPool(std::uint32_t capacity)
    : slots_{std::make_unique_for_overwrite<Slot[]>(capacity)}, in_use_(capacity) {
  free_.reserve(capacity);
  for (std::uint32_t index = capacity; index > 0; --index) {
    free_.push_back(index - 1);
  }
}

ConnectionPool::~ConnectionPool() {
  for (std::uint32_t index = 0; index < in_use_.size(); ++index) {
    if (in_use_[index]) {
      at(index)->~Connection();
    }
  }
}

Connection* ConnectionPool::take(Site& site, millrace::TcpSocket socket) {
  if (free_.empty()) {
    return nullptr;
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  in_use_[index] = true;
  return ::new (static_cast<void*>(slots_[index].storage)) Connection{site, socket};
}

void ConnectionPool::give_back(Connection& connection) noexcept {
  const auto* const place = static_cast<const Slot*>(static_cast<const void*>(&connection));
  const auto index = static_cast<std::uint32_t>(place - slots_.get());
  connection.~Connection();
  in_use_[index] = false;
  free_.push_back(index);
}

Connection* ConnectionPool::at(std::uint32_t index) noexcept {
  return std::launder(static_cast<Connection*>(static_cast<void*>(slots_[index].storage)));
}

}  // namespace httpd
