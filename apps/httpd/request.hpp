// A request's head as values: what the parser fills in and everything after it reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "httpd/preconditions.hpp"

namespace httpd {

/// Bytes of a request target, and of the path in it, that are taken.
inline constexpr std::size_t kTargetBytesMax = 2047;

enum class Method : std::uint8_t {
  Get,
  Head,
  Put,
  Other,    ///< One that HTTP knows and nothing here takes.
  Unknown,  ///< One that nobody knows.
};

/// A text that is kept up to a length, for logs.
template <std::size_t kBytesMax>
class CutText {
 public:
  void assign(std::string_view text) noexcept {
    size_ = static_cast<std::uint16_t>(text.copy(bytes_.data(), kBytesMax));
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::uint16_t size_ = 0;
  std::array<char, kBytesMax> bytes_;  // Written up to `size_` only.
};

/// Filled while a head is parsed; complete once the parser says so.
struct Request {
  Method method = Method::Unknown;
  std::uint8_t minor_version = 0;  ///< 0 or 1: HTTP/1.0 or HTTP/1.1.
  bool keeps_alive = false;        ///< Whether the connection may serve another request.
  bool is_chunked = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;  ///< Bytes.
  std::uint16_t target_size = 0;
  std::array<char, kTargetBytesMax> target_bytes;  ///< Written up to `target_size` only.

  Conditions conditions;
  CutText<24> method_name;
  CutText<256> referer;
  CutText<256> user_agent;

  [[nodiscard]] std::string_view target() const noexcept {
    return {target_bytes.data(), target_size};
  }
  /// RFC 9112 §6.3: a body is there if a length or chunks announce it.
  [[nodiscard]] bool has_body() const noexcept {
    return is_chunked || content_length.value_or(0) > 0;
  }
};

}  // namespace httpd
