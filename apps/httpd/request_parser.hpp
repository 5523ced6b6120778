// One request, head and body, from bytes to values. Boost.Beast does the grammar; this class keeps
// what we need of it in place, and refuses what RFC 9112 forbids beyond grammar. What a request
// means is the router's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>

#include <boost/beast/http/basic_parser.hpp>

#include "httpd/request.hpp"
#include "httpd/status.hpp"

namespace httpd {

/// Bytes of a request's head, request line included, and of a chunk's header.
inline constexpr std::size_t kHeadBytesMax = 8192;

/// Reads one request; make a new one for the next. Allocates nothing.
///
///     RequestParser parser;
///     const RequestParser::Step step = parser.parse(bytes);
///     bytes = bytes.subspan(step.consumed);
///     if (step.outcome == RequestParser::Outcome::HeadDone) {
///       answer(parser.request());
///     }
class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  enum class Outcome : std::uint8_t {
    NeedMore,  ///< Call again with more behind the bytes that were not consumed.
    HeadDone,  ///< `request()` is complete. A body follows unless `is_complete()`.
    Body,      ///< `Step::body` is the next piece of the body, possibly empty. See `is_complete()`.
    Failed,    ///< The request is refused with `Step::status`; the connection cannot be used for
               ///< another.
  };

  struct Step {
    Outcome outcome = Outcome::NeedMore;
    std::size_t consumed = 0;           ///< Bytes that are used up, from the front.
    std::span<const std::byte> body{};  ///< A part of the input.
    Status status = Status::Ok;
  };

  /// `now` in seconds since 1970 settles the century of dates that leave it out.
  explicit RequestParser(std::time_t now = 0);

  /// Takes the next step. `input` starts with what an earlier call did not consume. Not to be
  /// called when complete.
  [[nodiscard]] Step parse(std::span<const std::byte> input);

  [[nodiscard]] const Request& request() const noexcept { return request_; }
  /// Whether a request has begun to arrive.
  [[nodiscard]] bool has_begun() const noexcept { return got_some(); }
  /// Whether head and body have been read.
  [[nodiscard]] bool is_complete() const noexcept { return is_done(); }

 private:
  using Parser = boost::beast::http::basic_parser<true>;
  using Text = boost::beast::string_view;
  using ErrorCode = boost::beast::error_code;

  Step parse_head(std::span<const std::byte> input);
  Step parse_body(std::span<const std::byte> input);
  void note_framing(boost::beast::http::field field, Text value, ErrorCode& error);
  void note_condition(boost::beast::http::field field, Text value);
  void refuse(Status status, ErrorCode& error);
  [[nodiscard]] Status status_of(const ErrorCode& error) const;

  void on_request_impl(boost::beast::http::verb method, Text name, Text target, int version,
                       ErrorCode& error) override;
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_field_impl(boost::beast::http::field field, Text name, Text value,
                     ErrorCode& error) override;
  void on_header_impl(ErrorCode& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text body, ErrorCode& error) override;
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t remaining, Text body, ErrorCode& error) override;
  void on_finish_impl(ErrorCode&) override {}

  Request request_;
  Text body_;                   // Set by the callbacks during one step.
  std::size_t head_bytes_ = 0;  // Consumed so far.
  unsigned hosts_ = 0;
  unsigned lengths_ = 0;
  Status refusal_ = Status::BadRequest;  // Why a callback gave up.
  bool has_transfer_encoding_ = false;
  std::time_t now_;
};

}  // namespace httpd
