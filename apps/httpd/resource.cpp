// The order of what is tried.
#include "httpd/resource.hpp"

#include <utility>

#include "httpd/listing.hpp"

namespace httpd {
namespace {

constexpr std::string_view kIndex = "index.html";

Resource file_of(OpenedFile opened) {
  return {.kind = Resource::Kind::File, .file = std::move(opened.file), .facts = opened.facts};
}

}  // namespace

millrace::Result<Resource, Status> find_resource(const DocumentRoot& root, std::string_view path,
                                                 bool lists_folders) {
  std::string name{path};
  const bool names_folder = path.empty() || path.ends_with('/');
  if (names_folder) {
    name += kIndex;
  }
  auto opened = root.open_file(name.c_str());
  if (opened && !opened->is_folder) {
    return file_of(*std::move(opened));
  }
  if (opened && !names_folder) {
    return Resource{.kind = Resource::Kind::Folder};
  }
  const Status status = opened ? Status::NotFound : opened.error();
  if (!names_folder || !lists_folders || status != Status::NotFound) {
    return millrace::fail(status);
  }
  const auto listing = read_folder(root, path);
  if (!listing) {
    return millrace::fail(listing.error());
  }
  Resource resource{.kind = Resource::Kind::Listing};
  append_listing_page(resource.page, path, *listing);
  return resource;
}

}  // namespace httpd
