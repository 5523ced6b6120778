// The states' steps. Text responses are composed in the site's scratch memory and handed to the
// socket at once; a file is read in chunks, each forgotten as soon as the socket took what it
// could, so that a slow peer holds no memory.
#include "httpd/connection.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "httpd/mime_types.hpp"
#include "httpd/responses.hpp"
#include "httpd/site.hpp"
#include "httpd/welcome_page.hpp"

namespace httpd {
namespace {

// Steps that one connection may take in a turn of the loop. A step hashes at most 8 KiB or copies
// at most 64 KiB.
constexpr unsigned kStepsPerTurn = 8;
// The least that a read of a file asks for, however little room there is.
constexpr std::size_t kReadBytesMin = 4096;

bool is_for_now(millrace::Error error) noexcept {
  return error == millrace::Error::WouldBlock || error == millrace::Error::OutOfPackets;
}

}  // namespace

Connection::Connection(Site& site, millrace::TcpSocket socket) : site_{site}, socket_{socket} {
  idle_link_.connection = this;
  parser_.emplace();
  ++site_.connections;
  touch();
}

void Connection::on_closed() {
  phase_ = Phase::Over;
  site_.files.cancel(file_task_);
  site_.files.close(std::move(file_));
  site_.idle.remove(idle_link_);
  --site_.connections;
}

void Connection::advance() {
  for (unsigned steps = 0; steps < kStepsPerTurn; ++steps) {
    if (step() == Progress::Waits) {
      return;
    }
  }
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
  awaits_room_ = false;
  advance();
}

void Connection::on_idle() {
  // RFC 9112 §9.5: an idle connection may be closed at any time. One that waits for our disk, or
  // whose peer still acknowledges data, is not idle.
  const std::size_t unacknowledged = socket_.unacknowledged();
  const bool moves = unacknowledged != std::exchange(unacknowledged_, unacknowledged);
  touch();
  if (phase_ == Phase::Over || phase_ == Phase::AwaitFile || moves) {
    return;
  }
  end(phase_ == Phase::ReadHead || phase_ == Phase::Drain);
}

Connection::Progress Connection::step() {
  if (awaits_room_ || (!unsent_.empty() && flush() == Progress::Waits)) {
    return Progress::Waits;
  }
  switch (phase_) {
    case Phase::ReadHead: return read_head();
    case Phase::ReadBody: return read_body();
    case Phase::AwaitFile: return Progress::Waits;
    case Phase::SendFile: return send_file();
    case Phase::Finish: return finish();
    case Phase::Drain: return drain();
    case Phase::Over: return Progress::Waits;
  }
  std::unreachable();
}

Connection::Progress Connection::flush() {
  const std::size_t taken = offer(std::as_bytes(std::span{unsent_}));
  if (taken < unsent_.size()) {
    unsent_.erase(0, taken);
    return Progress::Waits;
  }
  unsent_ = {};
  return Progress::Made;
}

Connection::Progress Connection::read_head() {
  const RequestParser::Step step = parser_->parse(input());
  drop_input(step.consumed);
  if (step.outcome == RequestParser::Outcome::Failed) {
    refuse_and_close(step.status);
  } else if (step.outcome == RequestParser::Outcome::HeadDone) {
    begin_request();
  } else if (fill() == Progress::Waits) {
    if (peer_finished_) {
      end(true);
    }
    return Progress::Waits;
  }
  return Progress::Made;
}

void Connection::begin_request() {
  touch();
  const Request& request = parser_->request();
  keeps_alive_ = request.keeps_alive;
  head_sent_ = false;
  body_bytes_ = 0;
  if (const auto decoded = path_.assign(request.target()); !decoded) {
    route_ = {.action = Action::Refuse, .status = decoded.error()};
  } else {
    route_ = choose_route(request, path_, site_.has_root);
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
  if (request.expects_continue && !parser_->is_complete() && input().empty()) {
    transmit(kContinue);
  }
}

Connection::Progress Connection::read_body() {
  if (parser_->is_complete()) {
    answer();
    return Progress::Made;
  }
  const RequestParser::Step step = parser_->parse(input());
  if (step.outcome == RequestParser::Outcome::Body) {
    body_bytes_ += step.body.size();
    if (route_.action == Action::ReceiveSink) {
      sink_.add(step.body);
    }
  }
  drop_input(step.consumed);
  if (step.outcome == RequestParser::Outcome::Failed) {
    refuse_and_close(step.status);
  } else if (body_bytes_ > route_.body_bytes_max) {
    refuse_and_close(Status::ContentTooLarge);
  } else if (step.outcome == RequestParser::Outcome::NeedMore && fill() == Progress::Waits) {
    if (peer_finished_) {
      end(true);  // The rest of the body will never come.
    }
    return Progress::Waits;
  }
  return Progress::Made;
}

void Connection::answer() {
  switch (route_.action) {
    case Action::ServeWelcome: answer_welcome(); break;
    case Action::ReceiveSink: answer_sink(); break;
    case Action::Refuse: refuse(route_.status); break;
    case Action::ServeFile:
      if (path_.names_folder()) {
        path_.append_index();
      }
      phase_ = Phase::AwaitFile;
      site_.files.open(file_task_, path_.c_str(), is_head_request() ? 0 : kChunkBytes);
      break;
  }
}

void Connection::answer_welcome() {
  site_.body.clear();
  append_welcome_page(site_.body, {.stats = site_.worker.stats(),
                                   .connections = site_.connections,
                                   .requests = site_.requests,
                                   .uptime = site_.worker.now() - site_.started});
  respond(Status::Ok, "text/html; charset=utf-8", site_.body);
}

void Connection::answer_sink() {
  site_.body.clear();
  sink_.append_answer(site_.body);
  respond(Status::Ok, "text/plain; charset=utf-8", site_.body);
}

void Connection::refuse(Status status) {
  site_.body.clear();
  append_error_page(site_.body, status);
  route_.status = status;
  respond(status, "text/html; charset=utf-8", site_.body);
}

void Connection::refuse_and_close(Status status) {
  keeps_alive_ = false;
  refuse(status);
}

// RFC 9110 §15.4.2: relative links on an index page only work below the folder's address.
void Connection::answer_redirect() {
  std::string location;
  path_.append_encoded(location);
  location += '/';
  site_.text.clear();
  append_head(site_.text, {.status = Status::MovedPermanently,
                           .keeps_alive = keeps_alive_,
                           .date = site_.date.at(std::time(nullptr)),
                           .location = location});
  phase_ = Phase::Finish;
  transmit(site_.text);
}

void Connection::respond(Status status, std::string_view content_type, std::string_view body) {
  site_.text.clear();
  append_head(site_.text,
              {.status = status,
               .content_type = content_type,
               .content_length = body.size(),
               .keeps_alive = keeps_alive_,
               .date = site_.date.at(std::time(nullptr)),
               .allow = status == Status::MethodNotAllowed ? route_.allow : std::string_view{}});
  if (!is_head_request()) {
    site_.text.append(body);
  }
  phase_ = Phase::Finish;
  transmit(site_.text);
}

void Connection::on_file(FileAnswer answer) {
  touch();
  if (phase_ != Phase::AwaitFile) {
    return;  // Aborted meanwhile; the answer's file closes with it.
  }
  if (!answer.opened && head_sent_) {
    end(false);  // Too late for another status: only a broken connection tells the truth.
  } else if (!answer.opened) {
    refuse(answer.opened.error());
  } else if (answer.opened->is_folder) {
    answer_redirect();
  } else {
    file_ = std::move(answer.opened->file);
    phase_ = Phase::SendFile;
    if (!head_sent_) {
      begin_file(answer.opened->size);
    }
    if (answer.bytes.empty() && file_offset_ < file_size_ && !is_head_request()) {
      end(false);  // The file has shrunk; the length that was promised cannot be kept.
    } else if (!awaits_room_) {
      file_offset_ += offer(answer.bytes);
    }
  }
  advance();
}

void Connection::begin_file(std::uint64_t size) {
  head_sent_ = true;
  file_size_ = size;
  file_offset_ = 0;
  site_.text.clear();
  append_head(site_.text, {.content_type = media_type(path_.view()),
                           .content_length = size,
                           .keeps_alive = keeps_alive_,
                           .date = site_.date.at(std::time(nullptr))});
  transmit(site_.text);
}

Connection::Progress Connection::send_file() {
  if (file_offset_ == file_size_ || is_head_request()) {
    site_.files.close(std::move(file_));
    phase_ = Phase::Finish;
    return Progress::Made;
  }
  const std::size_t room = socket_.writable();
  if (room == 0) {
    awaits_room_ = true;
    return Progress::Waits;
  }
  const std::size_t wanted = std::clamp(room, kReadBytesMin, kChunkBytes);
  const std::uint64_t left = file_size_ - file_offset_;
  phase_ = Phase::AwaitFile;
  site_.files.read(file_task_, std::move(file_), file_offset_,
                   static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left)));
  return Progress::Waits;
}

Connection::Progress Connection::finish() {
  ++site_.requests;
  touch();
  if (keeps_alive_) {
    parser_.emplace();
    phase_ = Phase::ReadHead;
  } else {
    input_begin_ = input_end_ = 0;
    phase_ = Phase::Drain;
    (void)socket_.shutdown();
  }
  return Progress::Made;
}

// RFC 9112 §9.6: closing with unread input would reset the connection, and the reset could overtake
// the response.
Connection::Progress Connection::drain() {
  input_begin_ = input_end_ = 0;
  if (fill() == Progress::Made) {
    return Progress::Made;
  }
  if (peer_finished_) {
    end(true);
  }
  return Progress::Waits;
}

void Connection::transmit(std::string_view text) {
  const std::size_t taken =
      unsent_.empty() ? offer(std::as_bytes(std::span{text})) : std::size_t{0};
  if (taken < text.size() && phase_ != Phase::Over) {
    unsent_.append(text.substr(taken));
  }
}

// Hands over what there is room for and notes when that was not all.
std::size_t Connection::offer(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return 0;
  }
  const auto taken = socket_.send(bytes);
  if (!taken && !is_for_now(taken.error())) {
    end(false);
    return 0;
  }
  awaits_room_ = taken.value_or(0) < bytes.size();
  if (taken) {
    touch();
  }
  return taken.value_or(0);
}

void Connection::end(bool in_order) {
  phase_ = Phase::Over;
  unsent_ = {};
  if (in_order) {
    (void)socket_.close();
  } else {
    (void)socket_.abort();
  }
}

Connection::Progress Connection::fill() {
  if (input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= std::exchange(input_begin_, 0);
  }
  const auto received = socket_.receive(std::span{input_}.subspan(input_end_));
  if (!received) {
    peer_finished_ = peer_finished_ || received.error() == millrace::Error::EndOfStream;
    return Progress::Waits;
  }
  input_end_ += *received;
  if (phase_ == Phase::ReadBody) {
    touch();
  }
  return *received > 0 ? Progress::Made : Progress::Waits;
}

std::span<const std::byte> Connection::input() const noexcept {
  return std::span{input_}.subspan(input_begin_, input_end_ - input_begin_);
}

bool Connection::is_head_request() const noexcept {
  return parser_->request().method == Method::Head;
}

void Connection::touch() { site_.idle.touch(idle_link_, site_.worker.now()); }

}  // namespace httpd
