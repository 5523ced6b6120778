// What to do with a request whose head has been read: a pure decision from values.
#pragma once

#include <cstdint>
#include <string_view>

#include "httpd/request.hpp"
#include "httpd/status.hpp"
#include "httpd/target_path.hpp"

namespace httpd {

/// Largest body that `PUT /sink` takes, and that is read and ignored elsewhere. Bytes.
inline constexpr std::uint64_t kSinkBytesMax = std::uint64_t{1} << 40U;
inline constexpr std::uint64_t kIgnoredBytesMax = std::uint64_t{1} << 20U;

enum class Action : std::uint8_t {
  ServeFile,     ///< The file that the path names.
  ServeWelcome,  ///< The built-in page.
  ReceiveSink,   ///< Read the body and answer with its length and hash.
  Refuse,        ///< Answer with `Route::status`.
};

struct Route {
  Action action = Action::Refuse;
  Status status = Status::Ok;
  std::string_view allow{};          ///< For the Allow field of a 405. Static storage.
  std::uint64_t body_bytes_max = 0;  ///< A longer body is a 413.
};

/// Chooses by method and path. `has_root` says whether there are files to serve.
[[nodiscard]] Route choose_route(const Request& request, const TargetPath& path,
                                 bool has_root) noexcept;

}  // namespace httpd
