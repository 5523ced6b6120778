// A folder without an index page, as a page: reading what is in it, on a helper thread, and the
// page's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <millrace/error.hpp>

#include "httpd/document_root.hpp"
#include "httpd/status.hpp"

namespace httpd {

struct FolderEntry {
  std::string name;
  bool is_folder = false;
  std::uint64_t size = 0;      ///< Bytes; of files only.
  std::time_t changed_at = 0;  ///< Seconds since 1970.
};

struct FolderListing {
  std::vector<FolderEntry> entries{};
  bool is_cut = false;  ///< There are more than a listing holds.
};

/// Entries that a listing holds at most.
inline constexpr std::size_t kListedMax = 10'000;

/// What is in the folder `path` beneath `root` ("" or ending in a slash): files and folders, and
/// links to either as long as they stay beneath the root. Names that begin with a dot are left out.
/// Folders first, then by name. Blocks. Errors: as DocumentRoot::open_folder.
[[nodiscard]] millrace::Result<FolderListing, Status> read_folder(const DocumentRoot& root,
                                                                  std::string_view path);

/// Appends the page for `path`, at most a few megabytes. Names are escaped for where they stand.
void append_listing_page(std::string& out, std::string_view path, const FolderListing& listing);

}  // namespace httpd
