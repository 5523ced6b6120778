// The callbacks of Beast's parser, and the limits and rules that it leaves to us.
#include "httpd/request_parser.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include "httpd/http_date.hpp"

namespace httpd {
namespace {

namespace http = boost::beast::http;

// Between a chunked body's header and its end there are always at least "0\r\n\r\n" to come. Beast
// asserts that it is never called with fewer bytes there, so it is not.
constexpr std::size_t kChunkedBytesMin = 5;

Method method_of(http::verb verb) noexcept {
  switch (verb) {
    case http::verb::get: return Method::Get;
    case http::verb::head: return Method::Head;
    case http::verb::put: return Method::Put;
    case http::verb::unknown: return Method::Unknown;
    default: return Method::Other;
  }
}

// RFC 9112 §2.2: empty lines before a request line are skipped.
std::size_t leading_line_ends(std::span<const std::byte> input) noexcept {
  const auto is_line_end = [](std::byte b) { return b == std::byte{'\r'} || b == std::byte{'\n'}; };
  return static_cast<std::size_t>(std::ranges::find_if_not(input, is_line_end) - input.begin());
}

// RFC 9112 §2.2 and §5.2: a server may take a bare LF for the end of a line and join folded lines,
// but who stands before it may do neither, and two opinions on where a request ends are how
// requests are smuggled.
bool has_plain_lines(std::string_view head) noexcept {
  // RFC 9110 §5.5: NUL must not be passed over either.
  if (head.contains('\0') || std::ranges::count(head, '\r') != std::ranges::count(head, '\n')) {
    return false;
  }
  for (std::size_t at = head.find('\n'); at != std::string_view::npos;
       at = head.find('\n', at + 1)) {
    const char next = at + 1 < head.size() ? head[at + 1] : '\0';
    if (at == 0 || head[at - 1] != '\r' || next == ' ' || next == '\t') {
      return false;
    }
  }
  return true;
}

// RFC 3986 §3.2.2, loosely: what cannot stand in a host name or an address, with a port.
bool is_host(std::string_view value) noexcept {
  constexpr std::string_view kAllowed = "-._~!$&'()*+,;=:[]%";
  return std::ranges::all_of(value, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kAllowed.contains(c);
  });
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  const void* const begin = bytes.data();
  return {static_cast<const char*>(begin), bytes.size()};
}

}  // namespace

RequestParser::RequestParser(std::time_t now) : now_{now} {
  header_limit(kHeadBytesMax);
  // Which length is too much depends on where the body goes: the connection counts. Beast 1.74
  // takes "no limit" for zero, hence the largest number.
  body_limit(std::numeric_limits<std::uint64_t>::max());
}

RequestParser::Step RequestParser::parse(std::span<const std::byte> input) {
  return is_header_done() ? parse_body(input) : parse_head(input);
}

RequestParser::Step RequestParser::parse_head(std::span<const std::byte> input) {
  const std::size_t skipped = got_some() ? 0 : leading_line_ends(input);
  input = input.subspan(skipped);
  ErrorCode error;
  const std::size_t used = put(boost::asio::const_buffer{input.data(), input.size()}, error);
  const std::size_t consumed = skipped + used;
  head_bytes_ += consumed;
  if (error && error != http::error::need_more) {
    return {.outcome = Outcome::Failed, .consumed = consumed, .status = status_of(error)};
  }
  // Beast's limit holds for the fields that are still incomplete; ours for all of them together.
  if (!error && !has_plain_lines(text_of(input.first(used)))) {
    return {.outcome = Outcome::Failed, .consumed = consumed, .status = Status::BadRequest};
  }
  const std::size_t waiting = error ? input.size() - used : 0;
  if (head_bytes_ + waiting > kHeadBytesMax || (error && waiting >= kHeadBytesMax)) {
    return {
        .outcome = Outcome::Failed, .consumed = consumed, .status = Status::HeaderFieldsTooLarge};
  }
  return {.outcome = error ? Outcome::NeedMore : Outcome::HeadDone, .consumed = consumed};
}

RequestParser::Step RequestParser::parse_body(std::span<const std::byte> input) {
  if (input.empty() || (request_.is_chunked && input.size() < kChunkedBytesMin)) {
    return {};
  }
  body_ = {};
  ErrorCode error;
  const std::size_t used = put(boost::asio::const_buffer{input.data(), input.size()}, error);
  if (error == http::error::need_more) {
    if (input.size() - used >= kHeadBytesMax) {
      return {.outcome = Outcome::Failed, .consumed = used, .status = Status::BadRequest};
    }
    return {.outcome = Outcome::NeedMore, .consumed = used};
  }
  if (error) {
    return {.outcome = Outcome::Failed, .consumed = used, .status = status_of(error)};
  }
  return {.outcome = Outcome::Body,
          .consumed = used,
          .body = std::as_bytes(std::span{body_.data(), body_.size()})};
}

void RequestParser::on_request_impl(http::verb method, Text name, Text target, int version,
                                    ErrorCode& error) {
  request_.method_name.assign({name.data(), name.size()});
  request_.method = method_of(method);  // Also of what is refused: no answer to HEAD has a body.
  if (target.size() > kTargetBytesMax) {
    refuse(Status::UriTooLong, error);
    return;
  }
  request_.minor_version = version == 11 ? 1 : 0;
  request_.target_size = static_cast<std::uint16_t>(target.size());
  std::ranges::copy(target, request_.target_bytes.begin());
}

void RequestParser::on_field_impl(http::field field, Text /*name*/, Text value, ErrorCode& error) {
  if (is_header_done()) {
    return;  // RFC 9110 §6.5.1: trailer fields may be ignored, and must not be taken for header
             // fields.
  }
  switch (field) {
    case http::field::referer: request_.referer.assign({value.data(), value.size()}); break;
    case http::field::user_agent: request_.user_agent.assign({value.data(), value.size()}); break;
    case http::field::host:
    case http::field::content_length:
    case http::field::transfer_encoding:
    case http::field::expect: note_framing(field, value, error); break;
    default: note_condition(field, value);
  }
}

void RequestParser::note_framing(http::field field, Text value, ErrorCode& error) {
  if (field == http::field::host) {
    if (++hosts_ > 1 || !is_host({value.data(), value.size()})) {
      refuse(Status::BadRequest, error);
    }
  } else if (field == http::field::content_length) {
    // RFC 9112 §6.3 lets a server take a length that is said twice alike, and does not ask it to.
    if (++lengths_ > 1 || std::ranges::find(value, ',') != value.end()) {
      refuse(Status::BadRequest, error);
    }
  } else if (field == http::field::transfer_encoding) {
    has_transfer_encoding_ = true;
    // RFC 9112 §6.1: a transfer coding that is not understood is answered by 501.
    if (!boost::beast::iequals(value, "chunked")) {
      refuse(Status::NotImplemented, error);
    }
  } else if (request_.minor_version == 1) {
    // RFC 9110 §10.1.1: 100-continue is the one expectation; in HTTP/1.0 it is ignored.
    request_.expects_continue = boost::beast::iequals(value, "100-continue");
    if (!request_.expects_continue) {
      refuse(Status::ExpectationFailed, error);
    }
  }
}

void RequestParser::note_condition(http::field field, Text value) {
  const std::string_view text{value.data(), value.size()};
  Conditions& conditions = request_.conditions;
  switch (field) {
    case http::field::range: conditions.range.assign(text); break;
    case http::field::if_match: conditions.if_match.add(text); break;
    case http::field::if_none_match: conditions.if_none_match.add(text); break;
    // RFC 9110 §13.1.3: what is no date is ignored.
    case http::field::if_modified_since:
      conditions.if_modified_since = parse_http_date(text, now_);
      break;
    case http::field::if_unmodified_since:
      conditions.if_unmodified_since = parse_http_date(text, now_);
      break;
    case http::field::if_range:
      conditions.if_range_date = parse_http_date(text, now_);
      if (!conditions.if_range_date) {
        conditions.if_range.add(text);  // What is no tag either is the tag of another file.
      }
      break;
    default: break;
  }
}

void RequestParser::on_header_impl(ErrorCode& error) {
  // RFC 9112 §3.2: exactly one Host in HTTP/1.1, never more.
  // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 means that the framing cannot be trusted.
  const bool is_old = request_.minor_version == 0;
  if ((hosts_ == 0 && !is_old) || (has_transfer_encoding_ && is_old)) {
    refuse(Status::BadRequest, error);
    return;
  }
  request_.keeps_alive = keep_alive();
  request_.is_chunked = chunked();
  if (const auto length = content_length()) {
    request_.content_length = *length;
  }
}

std::size_t RequestParser::on_body_impl(Text body, ErrorCode& /*error*/) {
  body_ = body;
  return body.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*remaining*/, Text body,
                                              ErrorCode& /*error*/) {
  body_ = body;
  return body.size();
}

void RequestParser::refuse(Status status, ErrorCode& error) {
  refusal_ = status;
  error = http::error::bad_value;
}

Status RequestParser::status_of(const ErrorCode& error) const {
  if (error == http::error::bad_version) {
    return Status::VersionNotSupported;
  }
  if (error == http::error::header_limit) {
    return Status::HeaderFieldsTooLarge;
  }
  return refusal_;
}

}  // namespace httpd
