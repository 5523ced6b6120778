// The states' steps, and what becomes of clients that are too slow for them.
#include "httpd/connection.hpp"

#include <ctime>
#include <utility>

#include "httpd/responses.hpp"
#include "httpd/site.hpp"

namespace httpd {
namespace {

// Steps that one connection may take in a turn of the loop. A step hashes at most 8 KiB or copies
// at most 64 KiB.
constexpr unsigned kStepsPerTurn = 8;

}  // namespace

Connection::Connection(Site& site, millrace::TcpSocket socket)
    : site_{site},
      socket_{socket},
      output_{socket, site.lacks_packets},
      response_{site, output_, *this} {
  wait_link_.connection = this;
  ++site_.connections;
  if (site_.log != nullptr) {
    if (const auto endpoints = socket_.endpoints()) {
      remote_ = endpoints->remote.address.to_string();
    }
  }
  note_wait();
}

void Connection::on_closed() {
  phase_ = Phase::Over;
  log();
  response_.drop();
  give_reading_back();
  site_.waits.remove(wait_link_);
  --site_.connections;
}

void Connection::advance() {
  for (unsigned steps = 0; steps < kStepsPerTurn; ++steps) {
    if (step() == Progress::Waits) {
      pause();
      return;
    }
  }
  note_wait();
  // The handle tells whether the connection is still there by then.
  const auto resume = [socket = socket_] {
    if (auto* const connection = socket.user_data_as<Connection>(); connection != nullptr) {
      connection->advance();
    }
  };
  if (!site_.worker.after(millrace::Duration::zero(), resume)) {
    end(false);
  }
}

void Connection::on_writable() {
  output_.on_writable();
  advance();
}

void Connection::on_file(FileAnswer answer) {
  response_.on_file(std::move(answer));
  advance();
}

Connection::Progress Connection::step() {
  if (phase_ == Phase::Over) {
    return Progress::Waits;
  }
  take_reading();
  if (phase_ == Phase::Drain) {
    return drain();
  }
  if (!output_.flush() || output_.is_blocked() || output_.has_failed()) {
    if (output_.has_failed()) {
      end(false);
    }
    return Progress::Waits;
  }
  switch (phase_) {
    case Phase::ReadHead: return read_head();
    case Phase::ReadBody: return read_body();
    case Phase::Respond: return respond();
    case Phase::Drain:
    case Phase::Over: break;
  }
  std::unreachable();
}

void Connection::take_reading() {
  if (reading_ == nullptr) {
    reading_ = site_.readings.take(socket_);  // Never in vain: there is one for each of us.
  }
}

void Connection::give_reading_back() {
  if (reading_ != nullptr) {
    site_.readings.give_back(*std::exchange(reading_, nullptr));
  }
}

Connection::Progress Connection::read_head() {
  Input& input = reading_->input;
  RequestParser::Step step;
  if (!input.empty()) {
    step = reading_->parser().parse(input.bytes());
    input.drop(step.consumed);
  }
  if (step.outcome == RequestParser::Outcome::Failed) {
    refuse_and_close(step.status);
  } else if (step.outcome == RequestParser::Outcome::HeadDone) {
    begin_request();
  } else if (!input.fill()) {
    if (input.has_ended()) {
      end(true);
    }
    return Progress::Waits;
  }
  return Progress::Made;
}

void Connection::begin_request() {
  const Request& request = reading_->parser().request();
  ++requests_;
  keeps_alive_ =
      request.keeps_alive && !site_.is_draining && requests_ < site_.limits.requests_per_connection;
  body_bytes_ = 0;
  if (const auto decoded = reading_->path.assign(request.target()); !decoded) {
    route_ = {.action = Action::Refuse, .status = decoded.error()};
  } else {
    route_ = choose_route(request, reading_->path, site_.has_root);
  }
  if (route_.action == Action::Refuse) {
    // The body of a refused request is not worth reading, so the next request cannot be found.
    keeps_alive_ = keeps_alive_ && !request.has_body();
    refuse(route_.status);
    return;
  }
  sink_.reset();
  phase_ = Phase::ReadBody;
  // RFC 9110 §10.1.1: who is sending already need not be asked to.
  if (request.expects_continue && !reading_->parser().is_complete() && reading_->input.empty()) {
    output_.say(kContinue);
  }
}

Connection::Progress Connection::read_body() {
  if (reading_->parser().is_complete()) {
    answer();
    return Progress::Made;
  }
  const RequestParser::Step step = reading_->parser().parse(reading_->input.bytes());
  if (step.outcome == RequestParser::Outcome::Body) {
    body_bytes_ += step.body.size();
    if (route_.action == Action::ReceiveSink) {
      sink_.add(step.body);
    }
  }
  reading_->input.drop(step.consumed);
  if (step.outcome == RequestParser::Outcome::Failed) {
    refuse_and_close(step.status);
  } else if (body_bytes_ > route_.body_bytes_max) {
    refuse_and_close(Status::ContentTooLarge);
  } else if (step.outcome == RequestParser::Outcome::NeedMore && !reading_->input.fill()) {
    if (reading_->input.has_ended()) {
      end(true);  // The rest of the body will never come.
    }
    return Progress::Waits;
  }
  return Progress::Made;
}

void Connection::answer() {
  phase_ = Phase::Respond;
  is_unlogged_ = true;
  const Request& request = reading_->parser().request();
  switch (route_.action) {
    case Action::ServeWelcome: response_.serve_welcome(request, keeps_alive_); break;
    case Action::ReceiveSink: response_.serve_sink(request, keeps_alive_, sink_); break;
    case Action::ServeFile: response_.serve_file(request, keeps_alive_, reading_->path); break;
    case Action::Refuse: std::unreachable();
  }
}

void Connection::refuse(Status status) {
  phase_ = Phase::Respond;
  is_unlogged_ = true;
  response_.refuse(reading_->parser().request(), keeps_alive_, status,
                   status == Status::MethodNotAllowed ? route_.allow : std::string_view{});
}

void Connection::refuse_and_close(Status status) {
  keeps_alive_ = false;
  refuse(status);
}

Connection::Progress Connection::respond() {
  response_.step();
  switch (response_.state()) {
    case Response::State::Ready: return output_.is_blocked() ? Progress::Waits : Progress::Made;
    case Response::State::AwaitFile: return Progress::Waits;
    case Response::State::Broken: end(false); return Progress::Waits;
    case Response::State::Done: break;
  }
  if (!output_.flush()) {
    return Progress::Waits;
  }
  finish();
  return Progress::Made;
}

void Connection::finish() {
  ++site_.requests;
  log();
  if (keeps_alive_ && !site_.is_draining) {
    reading_->forget_request();
    phase_ = Phase::ReadHead;
  } else {
    phase_ = Phase::Drain;
    (void)socket_.shutdown();
  }
}

// RFC 9112 §9.6: closing with unread input would reset the connection, and the reset could overtake
// the response.
Connection::Progress Connection::drain() {
  reading_->input.drop_all();
  if (reading_->input.fill()) {
    return Progress::Made;
  }
  if (reading_->input.has_ended()) {
    end(true);
  }
  return Progress::Waits;
}

void Connection::end(bool in_order) {
  phase_ = Phase::Over;
  response_.drop();
  site_.waits.remove(wait_link_);
  if (in_order) {
    (void)socket_.close();
  } else {
    (void)socket_.abort();
  }
}

void Connection::log() {
  if (std::exchange(is_unlogged_, false) && site_.log != nullptr) {
    site_.log->add({.remote = remote_,
                    .request = reading_->parser().request(),
                    .status = response_.status(),
                    .body_bytes = response_.body_bytes()},
                   std::time(nullptr));
  }
}

bool Connection::is_at_rest() const noexcept {
  return phase_ == Phase::ReadHead && (reading_ == nullptr || reading_->is_unused());
}

Wait Connection::current_wait() const {
  switch (phase_) {
    case Phase::ReadHead:
      if (output_.is_blocked() || (is_at_rest() && !output_.is_all_acknowledged())) {
        return Wait::Answer;
      }
      return is_at_rest() ? Wait::Idle : Wait::Head;
    case Phase::ReadBody: return output_.is_blocked() ? Wait::Answer : Wait::Body;
    case Phase::Respond:
      return response_.state() == Response::State::AwaitFile ? Wait::None : Wait::Answer;
    case Phase::Drain: return output_.is_all_acknowledged() ? Wait::Goodbye : Wait::Answer;
    case Phase::Over: return Wait::None;
  }
  std::unreachable();
}

// Waits for somebody else.
void Connection::pause() {
  if (is_at_rest()) {
    give_reading_back();
  }
  note_wait();
}

void Connection::note_wait() {
  if (const Wait kind = current_wait(); kind != wait_link_.kind) {
    pace_.begin(site_.worker.now(), kind == Wait::Body ? body_bytes_ : output_.acknowledged());
    wait_anew(kind);
  }
}

void Connection::wait_anew(Wait kind) { site_.waits.begin(wait_link_, kind, site_.worker.now()); }

void Connection::on_overdue() {
  const Limits& limits = site_.limits;
  const millrace::Instant now = site_.worker.now();
  const Wait kind = wait_link_.kind;
  // What was sent may have been taken meanwhile, of which nobody tells us.
  if (kind == Wait::Answer && current_wait() != kind) {
    note_wait();
    return;
  }
  switch (kind) {
    // RFC 9112 §9.5: a connection at rest may be closed at any time.
    case Wait::Idle:
    case Wait::Goodbye: end(true); return;
    case Wait::Body:
      if (!pace_.is_too_slow(now, body_bytes_, limits.request, limits.body_rate_min)) {
        wait_anew(kind);
        return;
      }
      [[fallthrough]];
    case Wait::Head:
      refuse_and_close(Status::RequestTimeout);
      advance();
      return;
    case Wait::Answer:
      if (pace_.is_too_slow(now, output_.acknowledged(), limits.answer, limits.answer_rate_min)) {
        end(false);
      } else {
        wait_anew(kind);
      }
      return;
    case Wait::None: return;
  }
}

void Connection::on_drain() {
  if (is_at_rest()) {
    end(true);
  }
}

millrace::Duration Connection::standstill() const {
  return pace_.standstill(site_.worker.now(), output_.acknowledged());
}

}  // namespace httpd
