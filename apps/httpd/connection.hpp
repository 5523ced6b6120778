// One HTTP connection: reads a request, has it answered, reads the next. A state machine that takes
// one bounded step at a time and stops wherever it would have to wait. What an answer holds is the
// response's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <millrace/tcp.hpp>

#include "httpd/output.hpp"
#include "httpd/pace.hpp"
#include "httpd/reading.hpp"
#include "httpd/response.hpp"
#include "httpd/router.hpp"
#include "httpd/sink.hpp"
#include "httpd/waits.hpp"

namespace httpd {

struct Site;

/// Lives from `on_accepted` to `on_closed`. All calls on the worker's core.
class Connection final : public FileClient {
 public:
  Connection(Site& site, millrace::TcpSocket socket);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Goes as far as it can, within a turn's share: when bytes have arrived, or the peer has
  /// finished.
  void advance();
  /// The same when there is room to send again.
  void on_writable();
  /// A file was opened or read.
  void on_file(FileAnswer answer) override;
  /// Nothing more will happen: gives back what is the site's. The destructor alone leaves the site
  /// untouched, so that it may run when the worker is gone.
  void on_closed();

  /// It has waited for as long as its kind of waiting is granted: ends it, or lets it wait anew.
  void on_overdue();
  /// The program ends: closes the connection if nothing is under way on it.
  void on_drain();
  /// How long the client has taken nothing of what it was sent.
  [[nodiscard]] millrace::Duration standstill() const;
  /// Ends it at once; what the client was sent and did not take is lost.
  void abort() { end(false); }

 private:
  //      ┌────────────────────────────────────────┐
  //      ▼                                        │ keep-alive
  //   ReadHead ──▶ ReadBody ──▶ Respond ──────────┴──▶ Drain ──▶ Over
  //      └────────────┴─ an error ─▲
  enum class Phase : std::uint8_t {
    ReadHead,  // Between requests, or inside a head.
    ReadBody,  // Head read, body not yet.
    Respond,   // The response is on its way.
    Drain,     // Sending is shut down; the peer's rest is read and ignored, so that it gets our
               // answer, not a reset.
    Over,      // Closed or aborted; nothing more to do.
  };
  enum class Progress : std::uint8_t { Made, Waits };

  Progress step();
  Progress read_head();
  Progress read_body();
  Progress respond();
  Progress drain();

  void take_reading();
  void give_reading_back();
  void begin_request();
  void answer();
  void refuse(Status status);
  void refuse_and_close(Status status);
  void finish();
  void end(bool in_order);
  void log();

  [[nodiscard]] bool is_at_rest() const noexcept;
  [[nodiscard]] Wait current_wait() const;
  void pause();
  void note_wait();
  void wait_anew(Wait kind);

  Site& site_;
  millrace::TcpSocket socket_;
  WaitLink wait_link_;
  Phase phase_ = Phase::ReadHead;
  bool keeps_alive_ = true;
  bool is_unlogged_ = false;  // An answer has begun that the log does not have yet.
  std::uint64_t requests_ = 0;
  Pace pace_;  // Of a body that comes, or an answer that goes.
  Route route_;
  std::uint64_t body_bytes_ = 0;
  Sink sink_;
  Output output_;
  Response response_;
  std::string remote_;          // The peer's address, if there is a log.
  Reading* reading_ = nullptr;  // The site's; none at rest.
};

}  // namespace httpd
