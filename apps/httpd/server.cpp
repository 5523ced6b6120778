// Events find their connection through the socket's user data. One timer, running only while there
// are connections, finds those that have waited too long.
#include "httpd/server.hpp"

#include <algorithm>
#include <chrono>

namespace httpd {
namespace {

using namespace std::chrono_literals;

constexpr millrace::Duration kWatchInterval = 1s;
// How often a rate is looked at, however long the span over which it is measured.
constexpr millrace::Duration kRateInterval = 5s;
// Connections that one call sees to: thousands may become overdue in the same second.
constexpr unsigned kOverduePerCall = 256;
constexpr unsigned kLooksPerRelief = 32;
// A client that takes nothing for so long is in the way when packets are short, and when they have
// run out.
constexpr millrace::Duration kStandstillWhenShort = 5s;
constexpr millrace::Duration kStandstillWhenOut = 1s;

Connection* connection_of(millrace::TcpSocket socket) { return socket.user_data_as<Connection>(); }

millrace::Duration granted(Wait kind, const Limits& limits) noexcept {
  switch (kind) {
    case Wait::Idle: return limits.idle;
    case Wait::Head: return limits.request;
    case Wait::Body: return std::min(limits.request, kRateInterval);
    case Wait::Answer: return std::min(limits.answer, kRateInterval);
    case Wait::Goodbye: return limits.goodbye;
    case Wait::None: break;
  }
  return millrace::Duration::max();
}

}  // namespace

millrace::Result<std::unique_ptr<Server>, std::string> Server::start(
    millrace::Worker& worker, const millrace::ListenOptions& where, const SiteSetup& setup,
    std::uint32_t max_connections) {
  std::unique_ptr<Server> server{new Server{worker, setup, max_connections}};
  const auto listener = worker.listen(where, *server);
  if (!listener) {
    return millrace::fail("port " + std::to_string(where.port.number()), listener.error());
  }
  server->listener_ = *listener;
  return server;
}

Server::Server(millrace::Worker& worker, const SiteSetup& setup, std::uint32_t max_connections)
    : site_{worker, setup, max_connections},
      connections_{max_connections},
      max_connections_{max_connections} {}

void Server::drain() {
  site_.is_draining = true;
  (void)listener_.close();
  for (const Wait kind : {Wait::Idle, Wait::Answer}) {
    for (WaitLink* link = site_.waits.first(kind); link != nullptr;) {
      WaitLink* const next = link->next;  // Closing takes the link out.
      link->connection->on_drain();
      link = next;
    }
  }
}

void Server::on_accepted(millrace::TcpSocket socket) {
  make_room();
  Connection* const connection = connections_.take(site_, socket);
  if (connection == nullptr) {
    (void)socket.abort();
    return;
  }
  (void)socket.set_user_data(connection);
  // Responses are handed over whole; their last segment should not wait for an acknowledgment.
  (void)socket.set_no_delay(true);
  watch(kWatchInterval);
}

void Server::on_readable(millrace::TcpSocket socket) {
  if (Connection* const connection = connection_of(socket); connection != nullptr) {
    connection->advance();
    if (site_.lacks_packets) {
      relieve(kStandstillWhenOut);
    }
  }
}

void Server::on_writable(millrace::TcpSocket socket) {
  if (Connection* const connection = connection_of(socket); connection != nullptr) {
    connection->on_writable();
    if (site_.lacks_packets) {
      relieve(kStandstillWhenOut);
    }
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

// The stack turns clients away when it has no connection left. Before that the one that has been at
// rest for longest gives way.
void Server::make_room() {
  const std::uint32_t nearly_all = max_connections_ - max_connections_ / 16;
  WaitLink* const oldest = site_.waits.first(Wait::Idle);
  if (site_.connections >= nearly_all && oldest != nullptr) {
    oldest->connection->on_drain();
  }
}

void Server::watch(millrace::Duration delay) {
  if (!watches_) {
    watches_ = site_.worker
                   .after(delay,
                          [this] {
                            watches_ = false;
                            on_watch();
                          })
                   .has_value();
  }
}

void Server::on_watch() {
  const millrace::CoreUsage usage = site_.worker.usage();
  if (usage.packets_in_use > usage.packets_capacity / 2) {
    relieve(kStandstillWhenShort);
  }
  const bool is_done = end_overdue();
  if (site_.connections > 0) {
    watch(is_done ? kWatchInterval : millrace::Duration::zero());
  }
}

// False: there are more.
bool Server::end_overdue() {
  unsigned seen = 0;
  for (std::size_t number = 0; number < kWaitKinds; ++number) {
    const Wait kind = static_cast<Wait>(number);
    const millrace::Instant limit = site_.worker.now() - granted(kind, site_.limits);
    // `on_overdue` takes a connection out or puts it at the end of a list.
    for (const WaitLink* link = site_.waits.first(kind); link != nullptr && link->since <= limit;
         link = site_.waits.first(kind)) {
      if (++seen > kOverduePerCall) {
        return false;
      }
      link->connection->on_overdue();
    }
  }
  return true;
}

// Clients that take nothing hold packets that others could be served with: whoever has stood still
// for so long loses its connection.
void Server::relieve(millrace::Duration standstill_min) {
  site_.lacks_packets = false;
  WaitLink* const last_look = site_.waits.last(Wait::Answer);
  for (unsigned looks = 0; looks < kLooksPerRelief; ++looks) {
    WaitLink* const link = site_.waits.first(Wait::Answer);
    if (link == nullptr) {
      return;
    }
    if (link->connection->standstill() >= standstill_min) {
      link->connection->abort();
    } else {
      // Others are looked at next time. It keeps its time, which costs the list a little order.
      site_.waits.begin(*link, Wait::Answer, link->since);
    }
    if (link == last_look) {
      return;
    }
  }
}

}  // namespace httpd
