// Replies of a web server, as they arrive: status and length of each. Bodies are counted, not kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <millrace/error.hpp>

namespace perf {

/// What matters of one.
struct HttpReply {
  int status = 0;
  std::uint64_t body_bytes = 0;
  bool closes = false;  ///< The server says that it will end the connection.
};

/// One connection's replies, one behind another.
class HttpReplyReader {
 public:
  /// A header is no longer than this.
  static constexpr std::size_t kHeaderMax = 16UL * 1024;

  /// Takes `bytes` up to the end of the next reply, and removes what it has taken from their front.
  /// Empty when they end sooner. The error says what the server has done wrong.
  [[nodiscard]] millrace::Result<std::optional<HttpReply>, std::string> take(
      std::string_view& bytes);

 private:
  [[nodiscard]] millrace::Result<bool, std::string> take_header(std::string_view& bytes);

  HttpReply reply_;
  std::string begun_;  // A header that has not arrived whole.
  std::uint64_t body_left_ = 0;
  bool is_in_body_ = false;
};

/// Of a whole header, the empty line apart. The error as above. Replies that say nothing of their
/// length are one: where they end could not be told.
[[nodiscard]] millrace::Result<HttpReply, std::string> parse_header(std::string_view header);

}  // namespace perf
