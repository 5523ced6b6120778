// Texts of the status codes: reason phrases for the status line, sentences for people.
#include "httpd/status.hpp"

#include <utility>

namespace httpd {

std::string_view reason_phrase(Status status) noexcept {
  switch (status) {
    case Status::Ok: return "OK";
    case Status::PartialContent: return "Partial Content";
    case Status::MovedPermanently: return "Moved Permanently";
    case Status::NotModified: return "Not Modified";
    case Status::BadRequest: return "Bad Request";
    case Status::Forbidden: return "Forbidden";
    case Status::NotFound: return "Not Found";
    case Status::MethodNotAllowed: return "Method Not Allowed";
    case Status::RequestTimeout: return "Request Timeout";
    case Status::LengthRequired: return "Length Required";
    case Status::PreconditionFailed: return "Precondition Failed";
    case Status::ContentTooLarge: return "Content Too Large";
    case Status::UriTooLong: return "URI Too Long";
    case Status::RangeNotSatisfiable: return "Range Not Satisfiable";
    case Status::ExpectationFailed: return "Expectation Failed";
    case Status::HeaderFieldsTooLarge: return "Request Header Fields Too Large";
    case Status::InternalServerError: return "Internal Server Error";
    case Status::NotImplemented: return "Not Implemented";
    case Status::ServiceUnavailable: return "Service Unavailable";
    case Status::VersionNotSupported: return "HTTP Version Not Supported";
  }
  std::unreachable();
}

std::string_view explanation(Status status) noexcept {
  switch (status) {
    case Status::Ok: return "All is well.";
    case Status::PartialContent: return "This is a part of the file.";
    case Status::MovedPermanently: return "The page has another address.";
    case Status::NotModified: return "The file is as it was.";
    case Status::BadRequest: return "This is not a request that HTTP/1.1 allows.";
    case Status::Forbidden: return "The file is there, but it is not to be read from here.";
    case Status::NotFound: return "There is nothing at this address.";
    case Status::MethodNotAllowed: return "This address does not take that method.";
    case Status::RequestTimeout: return "The request took too long to arrive.";
    case Status::LengthRequired:
      return "The body's length must be said, or the body sent in chunks.";
    case Status::PreconditionFailed: return "The file is not the one that was asked for.";
    case Status::ContentTooLarge: return "The body is larger than this address takes.";
    case Status::UriTooLong: return "The address is longer than 2047 bytes.";
    case Status::RangeNotSatisfiable: return "The file ends before the part that was asked for.";
    case Status::ExpectationFailed: return "The only expectation met here is 100-continue.";
    case Status::HeaderFieldsTooLarge: return "The request's header is larger than 8 KiB.";
    case Status::InternalServerError: return "The server failed to read the file.";
    case Status::NotImplemented: return "The server does not know that method or transfer coding.";
    case Status::ServiceUnavailable: return "The server is busy; it is worth another try soon.";
    case Status::VersionNotSupported: return "The server speaks HTTP/1.0 and HTTP/1.1.";
  }
  std::unreachable();
}

}  // namespace httpd
