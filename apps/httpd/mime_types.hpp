// Content-Type by file name extension.
#pragma once

#include <string_view>

namespace httpd {

/// The media type for `path`, by its extension in any case; "application/octet-stream" when it is
/// unknown. Static storage.
[[nodiscard]] std::string_view media_type(std::string_view path) noexcept;

}  // namespace httpd
