// What a path leads to once it is looked up: a file, a folder's page, or another address. Blocks,
// so it is used on helper threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <millrace/error.hpp>

#include "httpd/document_root.hpp"
#include "httpd/status.hpp"

namespace httpd {

struct Resource {
  enum class Kind : std::uint8_t {
    File,     ///< `file` is open.
    Listing,  ///< `page` is the answer.
    Folder,   ///< A folder named without its slash: relative links need the slash.
  };

  Kind kind = Kind::File;
  File file{};
  FileFacts facts{};   ///< Of a file.
  std::string page{};  ///< Of a listing.
};

/// Looks up `path` ("", "a/" or "a/b.txt", relative to `root`). A folder's index.html goes before
/// its listing; without `lists_folders` a folder that has none is NotFound. Errors: as
/// DocumentRoot::open_file.
[[nodiscard]] millrace::Result<Resource, Status> find_resource(const DocumentRoot& root,
                                                               std::string_view path,
                                                               bool lists_folders);

}  // namespace httpd
