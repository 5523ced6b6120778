// What a connection needs from the first byte of a request until that is answered, and the greater
// part of its memory. It is lent: connections at rest are small, and those at work one after the
// other use the same memory, which the processor's caches hold.
#pragma once

#include <ctime>
#include <optional>

#include <millrace/tcp.hpp>

#include "httpd/input.hpp"
#include "httpd/request_parser.hpp"
#include "httpd/target_path.hpp"

namespace httpd {

/// Works out nothing before it is asked to: most are given back after one request.
class Reading {
 public:
  explicit Reading(millrace::TcpSocket socket) noexcept : input{socket} {}

  /// Of the request that is being read, or comes next.
  [[nodiscard]] RequestParser& parser() {
    return parser_ ? *parser_ : parser_.emplace(std::time(nullptr));
  }
  /// That request is answered.
  void forget_request() noexcept { parser_.reset(); }
  /// Nothing has come of a request.
  [[nodiscard]] bool is_unused() const noexcept {
    return input.empty() && (!parser_ || !parser_->has_begun());
  }

  Input input;
  TargetPath path;

 private:
  std::optional<RequestParser> parser_;
};

}  // namespace httpd
