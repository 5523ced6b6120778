// The HTTP status codes that this server answers with, and their reason phrases.
#pragma once

#include <cstdint>
#include <string_view>

namespace httpd {

/// RFC 9110 §15, those we use. The value is the number on the wire.
enum class Status : std::uint16_t {
  Ok = 200,
  PartialContent = 206,
  MovedPermanently = 301,
  NotModified = 304,
  BadRequest = 400,
  Forbidden = 403,
  NotFound = 404,
  MethodNotAllowed = 405,
  RequestTimeout = 408,
  LengthRequired = 411,
  PreconditionFailed = 412,
  ContentTooLarge = 413,
  UriTooLong = 414,
  RangeNotSatisfiable = 416,
  ExpectationFailed = 417,
  HeaderFieldsTooLarge = 431,
  InternalServerError = 500,
  NotImplemented = 501,
  ServiceUnavailable = 503,
  VersionNotSupported = 505,
};

/// "Not Found" and so on. Static storage.
[[nodiscard]] std::string_view reason_phrase(Status status) noexcept;

/// One sentence for the person in front of the browser. Static storage.
[[nodiscard]] std::string_view explanation(Status status) noexcept;

}  // namespace httpd
