// Memory for a fixed number of connections, taken at start and written only where one lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <millrace/tcp.hpp>

#include "httpd/connection.hpp"

namespace httpd {

/// Hands out connections and takes them back. Destroys those that are still out when it goes.
class ConnectionPool {
 public:
  explicit ConnectionPool(std::uint32_t capacity);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// A new connection, or null when all are out.
  [[nodiscard]] Connection* take(Site& site, millrace::TcpSocket socket);
  /// Destroys a connection that `take` returned.
  void give_back(Connection& connection) noexcept;

 private:
  struct Slot {
    alignas(Connection) std::byte storage[sizeof(Connection)];
  };

  [[nodiscard]] Connection* at(std::uint32_t index) noexcept;

  std::unique_ptr<Slot[]> slots_;
  std::vector<bool> in_use_;
  std::vector<std::uint32_t> free_;  // The slot used last comes first: its memory is warm.
};

}  // namespace httpd
