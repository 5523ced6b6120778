// The file that was kept first goes first: one that is asked for often comes back at once.
#include "httpd/kept_files.hpp"
#include <millrace/buffer.hpp>

namespace httpd {
namespace {

// What an entry costs beside its bytes: nodes, strings, the head of an answer, its place in the
// order.
constexpr std::size_t kEntryBytes = 1024;

}  // namespace

KeptFile* KeptFiles::find(std::string_view path, millrace::Instant now) {
  const auto found = entries_.find(path);
  if (found == entries_.end()) {
    return nullptr;
  }
  Entry& entry = found->second;
  const millrace::Duration age = now - entry.read_at;
  if (age < lifetime_ || (entry.is_asked_for && age < 2 * lifetime_)) {
    return &entry.file;
  }
  entry.is_asked_for = true;
  return nullptr;
}

void KeptFiles::keep(std::string_view path, const FileFacts& facts,
                     std::span<const std::byte> bytes, millrace::Instant now) {
  forget(path);
  if (lifetime_ == millrace::Duration::zero() || bytes.size() > kFileBytesMax) {
    return;
  }
  while (!order_.empty() && bytes_ + bytes.size() + kEntryBytes > kBytesMax) {
    remove(entries_.find(order_.front()));
  }
  const auto made = entries_.emplace(
      path, Entry{.file = {.facts = facts, .bytes = std::string{millrace::as_text(bytes)}},
                  .read_at = now,
                  .place = order_.end()});
  made.first->second.place = order_.insert(order_.end(), made.first->first);
  bytes_ += bytes.size() + kEntryBytes;
}

void KeptFiles::forget(std::string_view path) {
  if (const auto entry = entries_.find(path); entry != entries_.end()) {
    remove(entry);
  }
}

void KeptFiles::remove(Entries::iterator entry) {
  bytes_ -= entry->second.file.bytes.size() + kEntryBytes;
  order_.erase(entry->second.place);
  entries_.erase(entry);
}

}  // namespace httpd
