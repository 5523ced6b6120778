// The web server on one core: listens, gives each TCP connection an HTTP connection, and sees to
// the idle ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <millrace/worker.hpp>

#include "httpd/connection_pool.hpp"
#include "httpd/document_root.hpp"
#include "httpd/site.hpp"

namespace httpd {

/// One per worker. Must outlive the worker's connections.
class Server final : public millrace::TcpHandler {
 public:
  /// Listens on `port` of all addresses. `root` may be null, and must outlive the server. The error
  /// is a sentence.
  [[nodiscard]] static millrace::Result<std::unique_ptr<Server>, std::string> start(
      millrace::Worker& worker, millrace::Port port, const DocumentRoot* root,
      std::uint32_t max_connections);

  void on_accepted(millrace::TcpSocket socket) override;
  void on_readable(millrace::TcpSocket socket) override;
  void on_writable(millrace::TcpSocket socket) override;
  void on_peer_finished(millrace::TcpSocket socket) override;
  void on_closed(millrace::TcpSocket socket, millrace::Result<void> outcome) override;

 private:
  Server(millrace::Worker& worker, const DocumentRoot* root, std::uint32_t max_connections);

  void watch();
  void end_idle();

  Site site_;
  ConnectionPool connections_;
  bool watches_ = false;  // Whether the timer of `watch` runs.
};

}  // namespace httpd
