// Texts are composed in the site's scratch memory and handed to the output at once.
#include "httpd/response.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "httpd/mime_types.hpp"
#include "httpd/responses.hpp"
#include "httpd/site.hpp"
#include "httpd/welcome_page.hpp"

namespace httpd {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
// The least that a read of a file asks for, however little room there is.
constexpr std::size_t kReadBytesMin = 4096;

}  // namespace

void Response::refuse(const Request& request, bool keeps_alive, Status status,
                      std::string_view allow) {
  begin(request, keeps_alive);
  site_.body.clear();
  append_error_page(site_.body, status);
  respond(status, kHtml, allow);
}

void Response::serve_welcome(const Request& request, bool keeps_alive) {
  begin(request, keeps_alive);
  site_.body.clear();
  append_welcome_page(site_.body, {.stats = site_.worker.stats(),
                                   .connections = site_.connections,
                                   .requests = site_.requests,
                                   .uptime = site_.worker.now() - site_.started});
  respond(Status::Ok, kHtml);
}

void Response::serve_sink(const Request& request, bool keeps_alive, Sink& sink) {
  begin(request, keeps_alive);
  site_.body.clear();
  sink.append_answer(site_.body);
  respond(Status::Ok, "text/plain; charset=utf-8");
}

void Response::serve_file(const Request& request, bool keeps_alive, const TargetPath& path) {
  begin(request, keeps_alive);
  path_ = &path;
  // Which bytes are wanted depends on the file when there are conditions.
  const bool is_plain = !request.conditions.are_any();
  KeptFile* const kept = is_plain ? site_.kept.find(path.view(), site_.worker.now()) : nullptr;
  if (kept != nullptr) {
    say_kept(*kept);
    return;
  }
  state_ = State::AwaitFile;
  const bool wants_bytes = !is_head() && is_plain;
  site_.files.open(file_task_, path.c_str(), wants_bytes ? kChunkBytes : 0);
}

void Response::step() {
  if (output_.has_failed()) {
    state_ = State::Broken;
  }
  if (state_ != State::Ready || !output_.flush()) {
    return;
  }
  if (!page_.empty()) {
    send_bytes(std::as_bytes(std::span{page_}).subspan(sent_of_page_));
    if (sent_of_page_ == page_.size()) {
      drop();
      state_ = State::Done;
    }
  } else if (sent_of_range_ < ranges_.ranges()[range_].length) {
    read_more();
  } else if (++range_ < ranges_.ranges().size()) {
    begin_range();
  } else {
    end_ranges();
  }
}

void Response::on_file(FileAnswer answer) {
  if (!has_begun_file_) {
    keep_file(answer);
  }
  if (!answer.found) {
    if (has_begun_file_) {
      state_ = State::Broken;  // Too late for another status.
    } else {
      refuse(*request_, keeps_alive_, answer.found.error());
    }
    return;
  }
  state_ = State::Ready;
  switch (answer.found->kind) {
    case Resource::Kind::Folder: redirect(); return;
    case Resource::Kind::Listing: begin_listing(std::move(answer.found->page)); return;
    case Resource::Kind::File: break;
  }
  if (!has_begun_file_) {
    begin_file(*std::move(answer.found), answer.bytes);
    return;
  }
  file_ = std::move(answer.found->file);
  if (answer.bytes.empty()) {
    state_ = State::Broken;  // The file has shrunk; the length that was promised cannot be kept.
  } else {
    send_bytes(answer.bytes);
  }
}

void Response::drop() {
  site_.files.cancel(file_task_);
  site_.files.close(std::move(file_));
  site_.listing_bytes -= page_.size();
  page_ = {};
  state_ = State::Done;
}

void Response::begin(const Request& request, bool keeps_alive) noexcept {
  request_ = &request;
  keeps_alive_ = keeps_alive;
  has_begun_file_ = false;
  body_bytes_ = 0;
}

// The body is in the site's scratch memory.
void Response::respond(Status status, std::string_view content_type, std::string_view allow) {
  status_ = status;
  state_ = State::Done;
  site_.text.clear();
  append_head(site_.text, {.status = status,
                           .content_type = content_type,
                           .content_length = site_.body.size(),
                           .keeps_alive = keeps_alive_,
                           .date = date(),
                           .allow = allow});
  if (!is_head()) {
    site_.text.append(site_.body);
    body_bytes_ = site_.body.size();
  }
  output_.say(site_.text);
}

// RFC 9110 §15.4.2: relative links on an index page only work below the folder's address.
void Response::redirect() {
  std::string location;
  path_->append_encoded(location);
  location += '/';
  status_ = Status::MovedPermanently;
  state_ = State::Done;
  site_.text.clear();
  append_head(
      site_.text,
      {.status = status_, .keeps_alive = keeps_alive_, .date = date(), .location = location});
  output_.say(site_.text);
}

void Response::begin_listing(std::string page) {
  if (site_.listing_bytes + page.size() > site_.limits.listing_bytes_max) {
    refuse(*request_, keeps_alive_, Status::ServiceUnavailable);
    return;
  }
  status_ = Status::Ok;
  site_.text.clear();
  append_head(site_.text, {.content_type = kHtml,
                           .content_length = page.size(),
                           .keeps_alive = keeps_alive_,
                           .date = date()});
  output_.say(site_.text);
  if (is_head()) {
    state_ = State::Done;
    return;
  }
  site_.listing_bytes += page.size();
  page_ = std::move(page);
  sent_of_page_ = 0;
}

// Only what has been read whole says all of a file.
void Response::keep_file(const FileAnswer& answer) {
  if (!answer.found || answer.found->kind != Resource::Kind::File) {
    site_.kept.forget(path_->view());
  } else if (answer.bytes.size() == answer.found->facts.size) {
    site_.kept.keep(path_->view(), answer.found->facts, answer.bytes, site_.worker.now());
  }
}

// It is short enough to wait in the output, as answers that were composed do.
void Response::say_kept(KeptFile& kept) {
  facts_ = kept.facts;
  status_ = Status::Ok;
  state_ = State::Done;
  const std::time_t now = std::time(nullptr);
  if (kept.head.at == now && kept.head.keeps_alive == keeps_alive_) {
    site_.text.assign(kept.head.text);
  } else {
    compose_file_head(Status::Ok);
    kept.head = {.text = site_.text, .at = now, .keeps_alive = keeps_alive_};
  }
  if (!is_head()) {
    site_.text.append(kept.bytes);
    body_bytes_ = kept.bytes.size();
  }
  output_.say(site_.text);
}

void Response::begin_file(Resource found, std::span<const std::byte> first_bytes) {
  file_ = std::move(found.file);
  facts_ = found.facts;
  has_begun_file_ = true;
  const Verdict verdict = judge(request_->conditions, facts_, std::time(nullptr),
                                request_->method == Method::Get, ranges_);
  switch (verdict) {
    case Verdict::Whole: say_file_head(Status::Ok); break;
    case Verdict::Part:
      say_file_head(ranges_.is_partial() ? Status::PartialContent : Status::Ok);
      break;
    case Verdict::NotModified: say_file_head(Status::NotModified); break;
    case Verdict::Failed: say_file_head(Status::PreconditionFailed); break;
    case Verdict::NotSatisfiable: say_file_head(Status::RangeNotSatisfiable); break;
  }
  const bool has_body = verdict == Verdict::Whole || verdict == Verdict::Part;
  if (!has_body || is_head() || ranges_.ranges().empty()) {
    drop();
    return;
  }
  range_ = 0;
  begin_range();
  send_bytes(first_bytes);
}

void Response::say_file_head(Status status) {
  compose_file_head(status);
  output_.say(site_.text);
}

// Into the site's scratch memory.
void Response::compose_file_head(Status status) {
  status_ = status;
  std::string modified;
  std::string tag;
  std::string content_range;
  std::string content_type{file_type()};
  append_http_date(modified, facts_.changed_at());
  append_entity_tag(tag, facts_.tag(std::time(nullptr)));
  std::optional<std::uint64_t> length = facts_.size;
  if (status == Status::PartialContent && ranges_.is_multipart()) {
    multipart_ = Multipart{site_.boundaries()};
    length = multipart_.length(content_type, ranges_, facts_.size);
    content_type.clear();
    multipart_.append_content_type(content_type);
  } else if (status == Status::PartialContent) {
    length = ranges_.ranges().front().length;
    append_content_range(content_range, ranges_.ranges().front(), facts_.size);
  } else if (status == Status::RangeNotSatisfiable) {
    // RFC 9110 §15.5.17: tells how long the file is.
    content_range = "bytes */" + std::to_string(facts_.size);
    content_type.clear();
    length = 0;
  } else if (status == Status::PreconditionFailed) {
    content_type.clear();
    length = 0;
  } else if (status == Status::NotModified) {
    // RFC 9110 §15.4.5: what a client holds is described already.
    length = std::nullopt;
    content_type.clear();
  }
  site_.text.clear();
  append_head(site_.text, {.status = status,
                           .content_type = content_type,
                           .content_length = length,
                           .keeps_alive = keeps_alive_,
                           .date = date(),
                           .last_modified = modified,
                           .entity_tag = tag,
                           .content_range = content_range,
                           .accepts_ranges = true});
}

void Response::begin_range() {
  sent_of_range_ = 0;
  if (ranges_.is_multipart()) {
    site_.text.clear();
    multipart_.append_part_head(site_.text, file_type(), ranges_.ranges()[range_], facts_.size);
    body_bytes_ += site_.text.size();
    output_.say(site_.text);
  }
}

void Response::end_ranges() {
  if (ranges_.is_multipart()) {
    site_.text.clear();
    multipart_.append_end(site_.text);
    body_bytes_ += site_.text.size();
    output_.say(site_.text);
  }
  drop();
}

void Response::send_bytes(std::span<const std::byte> bytes) {
  if (bytes.empty() || !output_.flush()) {
    return;
  }
  const std::size_t taken = output_.offer(bytes);
  body_bytes_ += taken;
  (page_.empty() ? sent_of_range_ : sent_of_page_) += taken;
}

void Response::read_more() {
  const std::size_t room = output_.room();
  if (room == 0) {
    return;
  }
  const ByteRange& range = ranges_.ranges()[range_];
  const std::uint64_t left = range.length - sent_of_range_;
  const std::size_t wanted = std::clamp(room, kReadBytesMin, kChunkBytes);
  state_ = State::AwaitFile;
  site_.files.read(file_task_, std::move(file_), range.offset + sent_of_range_,
                   static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left)));
}

std::string_view Response::date() const { return site_.date.at(std::time(nullptr)); }

std::string_view Response::file_type() const noexcept {
  return path_->names_folder() ? kHtml : media_type(path_->view());
}

}  // namespace httpd
