// A request counts as done when its answer is right and, where it has a connection of its own, that
// connection has ended in order.
#include "load/connection.hpp"

#include <chrono>
#include <span>

#include "load/load.hpp"

namespace load {
namespace {

constexpr int kOk = 200;
constexpr std::chrono::milliseconds kAfterRefusal{10};

}  // namespace

void Connection::run() {
  if (!load_.take_request()) {
    load_.on_connection_ended();
    return;
  }
  is_pending_ = true;
  is_answered_ = false;
  flaw_ = {};
  const auto socket = load_.worker().connect(load_.options().server, *this);
  if (!socket) {
    is_pending_ = false;
    load_.count_failed(to_string(socket.error()));
    run_later();  // What was missing may be free again by then.
    return;
  }
  socket_ = *socket;
  set_deadline();
}

void Connection::on_connected(millrace::TcpSocket /*socket*/) {
  load_.count_connection();
  begin_request();
}

void Connection::on_readable(millrace::TcpSocket socket) {
  while (answer_ && !answer_->is_complete()) {
    const auto bytes = socket.peek();
    if (bytes.empty()) {
      return;
    }
    const auto taken = answer_->take(bytes);
    if (!taken) {
      end_request("malformed answer");
      socket.abort();
      return;
    }
    socket.consume(*taken);
  }
  if (answer_ && is_pending_ && !is_answered_) {
    on_answer();
  }
}

void Connection::on_writable(millrace::TcpSocket /*socket*/) { send_more(); }

void Connection::on_peer_finished(millrace::TcpSocket socket) {
  if (is_pending_ && !is_answered_) {
    flaw_ = "closed before the answer was complete";
  }
  socket.close();
}

void Connection::on_closed(millrace::TcpSocket /*socket*/, millrace::Result<void> outcome) {
  deadline_.cancel();
  if (is_pending_) {
    const std::string_view error = outcome ? std::string_view{} : to_string(outcome.error());
    const bool is_unanswered = flaw_.empty() && !is_answered_;
    end_request(!flaw_.empty()   ? flaw_
                : !error.empty() ? error
                : is_unanswered  ? "closed without an answer"
                                 : std::string_view{});
  } else if (!outcome && flaw_.empty()) {
    // Between requests of a connection that was to stay.
    load_.count_failed(to_string(outcome.error()));
  }
  run();
}

void Connection::begin_request() {
  const Options& options = load_.options();
  ++requests_begun_;
  const bool is_put = options.put_bytes > 0;
  head_ = (is_put ? "PUT " : "GET ") + options.path +
          " HTTP/1.1\r\nHost: " + options.server.address.to_string() + "\r\n";
  if (is_put) {
    head_ += "Content-Length: " + std::to_string(options.put_bytes) + "\r\n";
    body_.emplace(options.seed + number_, options.put_bytes);
  }
  head_ += server_closes() ? "Connection: close\r\n\r\n" : "\r\n";
  head_sent_ = 0;
  piece_sent_ = 0;
  piece_size_ = 0;
  answer_.emplace(!options.sha256.empty());
  send_more();
}

void Connection::send_more() {
  while (head_sent_ < head_.size()) {
    const auto taken = socket_.send(std::string_view{head_}.substr(head_sent_));
    if (!taken) {
      return;  // on_writable follows, or on_closed.
    }
    head_sent_ += *taken;
  }
  while (piece_sent_ < piece_size_ || refill()) {
    const auto taken =
        socket_.send(std::span{piece_}.subspan(piece_sent_, piece_size_ - piece_sent_));
    if (!taken) {
      return;
    }
    piece_sent_ += *taken;
  }
}

/// The next piece of the body; false when there is none.
bool Connection::refill() {
  if (!body_ || body_->left() == 0) {
    return false;
  }
  piece_sent_ = 0;
  piece_size_ = body_->draw(piece_);
  return true;
}

void Connection::on_answer() {
  const std::string_view flaw = flaw_in_answer();
  if (!flaw.empty()) {
    end_request(flaw);
    socket_.abort();
    return;
  }
  is_answered_ = true;
  if (closes_after_answer() || answer_->is_last()) {
    if (!server_closes() && !answer_->is_last()) {
      socket_.close();
    }
    return;  // on_closed counts.
  }
  end_request({});
  if (!load_.take_request()) {
    socket_.close();
    return;
  }
  is_pending_ = true;
  is_answered_ = false;
  set_deadline();
  begin_request();
}

std::string_view Connection::flaw_in_answer() {
  const std::string& wanted = load_.options().sha256;
  if (answer_->status() != kOk) {
    return "wrong status";
  }
  if (!wanted.empty() && answer_->sha256() != wanted) {
    return "wrong bytes in the answer";
  }
  if (body_ && answer_->body_start() !=
                   std::to_string(load_.options().put_bytes) + " " + body_->sha256() + "\n") {
    return "other bytes arrived than were sent";
  }
  return {};
}

void Connection::end_request(std::string_view flaw) {
  deadline_.cancel();
  is_pending_ = false;
  flaw_ = flaw;
  if (flaw.empty()) {
    load_.count_done(load_.options().put_bytes, answer_->body_bytes());
  } else {
    load_.count_failed(flaw);
  }
}

void Connection::set_deadline() {
  const auto timer = load_.worker().after(load_.options().timeout, [this] {
    flaw_ = "no answer in time";
    socket_.abort();
  });
  deadline_ = timer.value_or(millrace::Timer{});
}

void Connection::run_later() {
  if (!load_.worker().after(kAfterRefusal, [this] { run(); })) {
    load_.on_connection_ended();
  }
}

bool Connection::closes_after_answer() const noexcept {
  return load_.options().closing != Closing::Never;
}

bool Connection::server_closes() const noexcept {
  const Closing closing = load_.options().closing;
  return closing == Closing::Server || (closing == Closing::Alternate && requests_begun_ % 2 == 0);
}

}  // namespace load
