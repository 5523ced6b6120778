// One HTTP connection: reads a request, answers it, reads the next. A state machine that takes one
// bounded step at a time and stops wherever it would have to wait: for bytes, for room to send, for
// a file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <millrace/tcp.hpp>

#include "httpd/file_reader.hpp"
#include "httpd/idle_list.hpp"
#include "httpd/request_parser.hpp"
#include "httpd/router.hpp"
#include "httpd/sink.hpp"
#include "httpd/target_path.hpp"

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
  /// There was no progress for the time that is granted: ends the connection unless it is not to
  /// blame.
  void on_idle();

 private:
  //      ┌────────────────────────────────────────────────────┐
  //      ▼                                                    │ keep-alive
  //   ReadHead ──▶ ReadBody ──▶ AwaitFile ◀──▶ SendFile ──▶ Finish ──▶ Drain ──▶ Over
  //      └────────────┴──────── a text, an error ─────────────▲
  enum class Phase : std::uint8_t {
    ReadHead,   // Between requests, or inside a head.
    ReadBody,   // Head read, body not yet.
    AwaitFile,  // A helper opens or reads.
    SendFile,   // The head is out; more of the file is to be read, or none is left.
    Finish,     // The whole response is handed over.
    Drain,      // Sending is shut down; the peer's rest is read and ignored, so that it gets our
                // answer, not a reset.
    Over,       // Closed or aborted; nothing more to do.
  };
  enum class Progress : std::uint8_t { Made, Waits };

  Progress step();
  Progress flush();
  Progress read_head();
  Progress read_body();
  Progress send_file();
  Progress finish();
  Progress drain();

  void begin_request();
  void answer();
  void answer_welcome();
  void answer_sink();
  void answer_redirect();
  void refuse(Status status);
  void refuse_and_close(Status status);
  void begin_file(std::uint64_t size);
  void respond(Status status, std::string_view content_type, std::string_view body);
  void transmit(std::string_view text);
  std::size_t offer(std::span<const std::byte> bytes);
  void end(bool in_order);

  // The input buffer: bytes received and not yet parsed.
  Progress fill();
  [[nodiscard]] std::span<const std::byte> input() const noexcept;
  void drop_input(std::size_t bytes) noexcept { input_begin_ += bytes; }

  [[nodiscard]] bool is_head_request() const noexcept;
  void touch();

  Site& site_;
  millrace::TcpSocket socket_;
  IdleLink idle_link_;
  Phase phase_ = Phase::ReadHead;
  bool keeps_alive_ = true;
  bool peer_finished_ = false;
  bool awaits_room_ = false;  // A send was cut short: `on_writable` will come.
  bool head_sent_ = false;    // The file's.
  Route route_;
  std::uint64_t body_bytes_ = 0;
  std::size_t unacknowledged_ = 0;  // When last looked at by `on_idle`.
  Sink sink_;

  File file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t file_offset_ = 0;  // Handed to the socket so far.
  FileTask file_task_{*this};

  std::string unsent_;  // Text the socket had no room for; empty nearly always.
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  std::optional<RequestParser> parser_;
  TargetPath path_;
  std::array<std::byte, kHeadBytesMax> input_;
};

}  // namespace httpd
