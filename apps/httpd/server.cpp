// Events find their connection through the socket's user data. One timer, running only while there
// are connections, finds those that have not moved for a minute.
#include "httpd/server.hpp"

#include <chrono>

namespace httpd {
namespace {

constexpr millrace::Duration kIdleMax = std::chrono::seconds{60};
constexpr millrace::Duration kWatchInterval = std::chrono::seconds{1};

Connection* connection_of(millrace::TcpSocket socket) { return socket.user_data_as<Connection>(); }

}  // namespace

millrace::Result<std::unique_ptr<Server>, std::string> Server::start(
    millrace::Worker& worker, millrace::Port port, const DocumentRoot* root,
    std::uint32_t max_connections) {
  std::unique_ptr<Server> server{new Server{worker, root, max_connections}};
  if (const auto listener = worker.listen({.port = port}, *server); !listener) {
    return millrace::fail("port " + std::to_string(port.number()) + ": " +
                          std::string{to_string(listener.error())});
  }
  return server;
}

Server::Server(millrace::Worker& worker, const DocumentRoot* root, std::uint32_t max_connections)
    : site_{worker, root}, connections_{max_connections} {}

void Server::on_accepted(millrace::TcpSocket socket) {
  Connection* const connection = connections_.take(site_, socket);
  if (connection == nullptr) {
    (void)socket.abort();
    return;
  }
  (void)socket.set_user_data(connection);
  // Responses are handed over whole; their last segment should not wait for an acknowledgment.
  (void)socket.set_no_delay(true);
  watch();
}

void Server::on_readable(millrace::TcpSocket socket) {
  if (Connection* const connection = connection_of(socket); connection != nullptr) {
    connection->advance();
  }
}

void Server::on_writable(millrace::TcpSocket socket) {
  if (Connection* const connection = connection_of(socket); connection != nullptr) {
    connection->on_writable();
  }
}

void Server::on_peer_finished(millrace::TcpSocket socket) { on_readable(socket); }

void Server::on_closed(millrace::TcpSocket socket, millrace::Result<void> /*outcome*/) {
  if (Connection* const connection = connection_of(socket); connection != nullptr) {
    (void)socket.set_user_data(nullptr);
    connection->on_closed();
    connections_.give_back(*connection);
  }
}

void Server::watch() {
  if (watches_) {
    return;
  }
  const auto timer = site_.worker.after(kWatchInterval, [this] {
    watches_ = false;
    end_idle();
    if (site_.idle.first() != nullptr) {
      watch();
    }
  });
  watches_ = timer.has_value();
}

void Server::end_idle() {
  const millrace::Instant limit = site_.worker.now() - kIdleMax;
  // `on_idle` moves a connection to the end of the list, so the loop ends.
  for (const IdleLink* link = site_.idle.first(); link != nullptr && link->since <= limit;
       link = site_.idle.first()) {
    link->connection->on_idle();
  }
}

}  // namespace httpd
