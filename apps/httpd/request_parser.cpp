// The callbacks of Beast's parser, and the limits and rules that it leaves to us.
#include "httpd/request_parser.hpp"

#include <algorithm>
#include <limits>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

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

}  // namespace

RequestParser::RequestParser() {
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

void RequestParser::on_request_impl(http::verb method, Text /*name*/, Text target, int version,
                                    ErrorCode& error) {
  if (target.size() > kTargetBytesMax) {
    refuse(Status::UriTooLong, error);
    return;
  }
  request_.method = method_of(method);
  request_.minor_version = version == 11 ? 1 : 0;
  request_.target_size = static_cast<std::uint16_t>(target.size());
  std::ranges::copy(target, request_.target_bytes.begin());
}

void RequestParser::on_field_impl(http::field field, Text /*name*/, Text value, ErrorCode& error) {
  if (is_header_done()) {
    return;  // RFC 9110 §6.5.1: trailer fields may be ignored, and must not be taken for header
             // fields.
  }
  if (field == http::field::host) {
    ++hosts_;
  } else if (field == http::field::transfer_encoding) {
    has_transfer_encoding_ = true;
    // RFC 9112 §6.1: a transfer coding that is not understood is answered by 501.
    if (!boost::beast::iequals(value, "chunked")) {
      refuse(Status::NotImplemented, error);
    }
  } else if (field == http::field::expect && request_.minor_version == 1) {
    // RFC 9110 §10.1.1: 100-continue is the one expectation; in HTTP/1.0 it is ignored.
    request_.expects_continue = boost::beast::iequals(value, "100-continue");
    if (!request_.expects_continue) {
      refuse(Status::ExpectationFailed, error);
    }
  }
}

void RequestParser::on_header_impl(ErrorCode& error) {
  // RFC 9112 §3.2: exactly one Host in HTTP/1.1, never more.
  // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 means that the framing cannot be trusted.
  const bool is_old = request_.minor_version == 0;
  if (hosts_ > 1 || (hosts_ == 0 && !is_old) || (has_transfer_encoding_ && is_old)) {
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
