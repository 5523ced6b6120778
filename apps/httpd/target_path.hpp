// From a request target to a path below the document root. Pure text: what the path leads to is for
// document_root.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <millrace/error.hpp>

#include "httpd/request.hpp"
#include "httpd/status.hpp"

namespace httpd {

/// A decoded path relative to the root, without leading slash and without dot segments. Lives in
/// place.
class TargetPath {
 public:
  /// Reads "/a%20b/?x=1" or "http://host/a": decodes first, then removes dot segments, so that
  /// encoded dots and slashes are seen as what they are. Errors: BadRequest (bad encoding, NUL, a
  /// climb above the root, or no path).
  [[nodiscard]] millrace::Result<void, Status> assign(std::string_view target) noexcept;

  /// "a/b.txt", "a/" or "".
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  /// The same, ended by NUL.
  [[nodiscard]] const char* c_str() const noexcept { return bytes_.data(); }
  /// Whether it is the root or ends in a slash.
  [[nodiscard]] bool names_folder() const noexcept;
  /// Appends the path to `out` as a target: leading slash, what needs it percent-encoded.
  void append_encoded(std::string& out) const;

 private:
  bool decode(std::string_view path) noexcept;
  bool remove_dot_segments() noexcept;

  std::size_t size_ = 0;
  std::array<char, kTargetBytesMax + 1> bytes_;
};

}  // namespace httpd
