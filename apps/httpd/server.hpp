// The web server on one core: listens, gives each TCP connection an HTTP connection, sees to those
// that are too slow, and to an end in which nobody's answer is cut off.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/worker.hpp>

#include "httpd/connection.hpp"
#include "httpd/document_root.hpp"
#include "httpd/pool.hpp"
#include "httpd/site.hpp"

namespace httpd {

/// One per worker. Must outlive the worker's connections.
class Server final : public millrace::TcpHandler {
 public:
  /// Listens as `where` says. What `setup` points to must outlive the server. The error
  /// is a sentence.
  [[nodiscard]] static millrace::Result<std::unique_ptr<Server>, std::string> start(
      millrace::Worker& worker, const millrace::ListenOptions& where, const SiteSetup& setup,
      std::uint32_t max_connections);

  /// The program ends: accepts nothing more, closes what is at rest, and lets each answer that is
  /// under way be its connection's last.
  void drain();

  void on_accepted(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

 private:
  Server(millrace::Worker& worker, const SiteSetup& setup, std::uint32_t max_connections);

  void make_room();
  void watch(millrace::Duration delay);
  void on_watch();
  [[nodiscard]] bool end_overdue();
  void relieve(millrace::Duration standstill_min);

  Site site_;
  Pool<Connection> connections_;
  std::uint32_t max_connections_;
  millrace::TcpListener listener_;
  bool watches_ = false;  // Whether the timer of `watch` runs.
};

}  // namespace httpd
