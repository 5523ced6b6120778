// The rules of routing, in the order in which they apply.
#include "httpd/router.hpp"

namespace httpd {
namespace {

Route refuse(Status status, std::string_view allow = {}) noexcept {
  return {.action = Action::Refuse, .status = status, .allow = allow};
}

Route accept(const Request& request, Action action, std::uint64_t body_bytes_max) noexcept {
  if (request.content_length.value_or(0) > body_bytes_max) {
    return refuse(Status::ContentTooLarge);
  }
  return {.action = action, .body_bytes_max = body_bytes_max};
}

Route route_to_sink(const Request& request) noexcept {
  if (request.method != Method::Put) {
    return refuse(Status::MethodNotAllowed, "PUT");
  }
  // Without either, a request has no body (RFC 9112 §6.3); who puts something surely meant to send
  // one.
  if (!request.is_chunked && !request.content_length) {
    return refuse(Status::LengthRequired);
  }
  return accept(request, Action::ReceiveSink, kSinkBytesMax);
}

}  // namespace

Route choose_route(const Request& request, const TargetPath& path, bool has_root) noexcept {
  if (request.method == Method::Unknown) {
    return refuse(Status::NotImplemented);
  }
  if (path.view() == "sink") {
    return route_to_sink(request);
  }
  if (request.method != Method::Get && request.method != Method::Head) {
    return refuse(Status::MethodNotAllowed, "GET, HEAD");
  }
  if (has_root) {
    return accept(request, Action::ServeFile, kIgnoredBytesMax);
  }
  return path.view().empty() ? accept(request, Action::ServeWelcome, kIgnoredBytesMax)
                             : refuse(Status::NotFound);
}

}  // namespace httpd
