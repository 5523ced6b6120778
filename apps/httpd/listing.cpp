// readdir gives names in no order and without facts, hence a look at each entry and a sort.
#include "httpd/listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace httpd {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// The folder's stream needs a descriptor of its own, which it closes.
Folder stream_of(const File& folder) noexcept {
  const int descriptor = ::fcntl(folder.descriptor(), F_DUPFD_CLOEXEC, 0);
  DIR* const stream = descriptor < 0 ? nullptr : ::fdopendir(descriptor);
  if (stream == nullptr && descriptor >= 0) {
    ::close(descriptor);
  }
  return Folder{stream};
}

std::optional<FolderEntry> examine(const DocumentRoot& root, int folder, std::string_view path,
                                   const char* name) {
  struct stat found {};
  if (::fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  if (S_ISDIR(found.st_mode)) {
    return FolderEntry{.name = name, .is_folder = true, .changed_at = found.st_mtim.tv_sec};
  }
  if (S_ISREG(found.st_mode)) {
    const FileFacts facts = facts_of(found);
    return FolderEntry{.name = name, .size = facts.size, .changed_at = facts.changed_at()};
  }
  if (!S_ISLNK(found.st_mode)) {
    return std::nullopt;
  }
  const auto target = root.look((std::string{path} + name).c_str());
  if (!target) {
    return std::nullopt;
  }
  return FolderEntry{
      .name = name,
      .is_folder = target->is_folder,
      .size = target->facts.size,
      .changed_at = target->is_folder ? found.st_mtim.tv_sec : target->facts.changed_at()};
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
}

// Everything but RFC 3986's unreserved characters, so that nothing has a meaning in a link or in an
// attribute.
void append_link(std::string& out, std::string_view name) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  constexpr std::string_view kUnreserved = "-._~";
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || kUnreserved.contains(c);
    if (is_plain) {
      out += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += kHexDigits[byte >> 4U];
      out += kHexDigits[byte & 0xfU];
    }
  }
}

// "17 B", "1.2 KiB", "34 MiB": three digits at most, as people compare sizes.
void append_size(std::string& out, std::uint64_t size) {
  constexpr std::array<std::string_view, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(size);
  std::size_t unit = 0;
  // 999.5 would be rounded to four digits.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 16> digits{};
  const int length = std::snprintf(digits.data(), digits.size(),
                                   unit > 0 && value < 9.95 ? "%.1f" : "%.0f", value);
  out.append(digits.data(), static_cast<std::size_t>(length)).append(" ").append(kUnits[unit]);
}

void append_time(std::string& out, std::time_t seconds) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 96> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(),
                    "<time datetime=\"%Y-%m-%dT%H:%M:%SZ\">%Y-%m-%d %H:%M</time>", &parts);
  out.append(text.data(), size);
}

void append_row(std::string& out, const FolderEntry& entry) {
  const std::string_view slash = entry.is_folder ? "/" : "";
  // "./" keeps a name with a colon from being taken for a scheme.
  out.append("<tr><td><a href=\"./");
  append_link(out, entry.name);
  out.append(slash).append("\">");
  append_escaped(out, entry.name);
  out.append(slash).append("</a></td><td title=\"");
  if (entry.is_folder) {
    out.append("folder\">\u2013");
  } else {
    out.append(std::to_string(entry.size)).append(" bytes\">");
    append_size(out, entry.size);
  }
  out.append("</td><td>");
  append_time(out, entry.changed_at);
  out.append("</td></tr>\n");
}

constexpr std::string_view kStyle =
    R"(<meta name="viewport" content="width=device-width,initial-scale=1">
<style>:root{color-scheme:light dark;--line:#d9e2e7;--soft:#5a6b78;--water:#0a7ea4}
@media(prefers-color-scheme:dark){:root{--line:#2a3a45;--soft:#93a7b4;--water:#4cc3ea}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2.5rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}a{color:var(--water);text-decoration:none}
a:hover{text-decoration:underline}table{border-collapse:collapse;width:100%}
td,th{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left}
td:first-child{overflow-wrap:anywhere}td+td,th+th{white-space:nowrap;text-align:right;color:var(--soft);
font-variant-numeric:tabular-nums}footer{color:var(--soft);font-size:.85rem;margin-top:1rem}</style>
)";

}  // namespace

millrace::Result<FolderListing, Status> read_folder(const DocumentRoot& root,
                                                    std::string_view path) {
  const auto folder = root.open_folder(std::string{path}.c_str());
  if (!folder) {
    return millrace::fail(folder.error());
  }
  const Folder stream = stream_of(*folder);
  if (!stream) {
    return millrace::fail(Status::InternalServerError);
  }
  FolderListing listing;
  while (const dirent* const found = ::readdir(stream.get())) {
    if (found->d_name[0] == '.') {
      continue;
    }
    if (listing.entries.size() == kListedMax) {
      listing.is_cut = true;
      break;
    }
    if (auto entry = examine(root, folder->descriptor(), path, found->d_name)) {
      listing.entries.push_back(*std::move(entry));
    }
  }
  std::ranges::sort(listing.entries, {}, [](const FolderEntry& entry) {
    return std::tuple{!entry.is_folder, std::string_view{entry.name}};
  });
  return listing;
}

void append_listing_page(std::string& out, std::string_view path, const FolderListing& listing) {
  out.append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>/");
  append_escaped(out, path);
  out.append("</title>\n").append(kStyle).append("</head>\n<body>\n<h1>/");
  append_escaped(out, path);
  out.append("</h1>\n<table>\n<tr><th>Name</th><th>Size</th><th>Changed, UTC</th></tr>\n");
  if (!path.empty()) {
    out.append("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
  }
  for (const FolderEntry& entry : listing.entries) {
    append_row(out, entry);
  }
  out.append("</table>\n<footer>");
  if (listing.is_cut) {
    out.append("There are more than these ").append(std::to_string(kListedMax)).append(". ");
  }
  out.append("millrace-httpd</footer>\n</body>\n</html>\n");
}

}  // namespace httpd
