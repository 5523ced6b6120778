// Small files as they were read lately, so that asking for one again costs neither a helper nor a
// system call. Which requests may be answered so is for the response to say.
#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <millrace/time.hpp>

#include "httpd/preconditions.hpp"

namespace httpd {

/// The head of an answer, which is the same for a second at most.
struct KeptHead {
  std::string text{};
  std::time_t at = -1;  ///< Seconds since 1970.
  bool keeps_alive = false;
};

struct KeptFile {
  FileFacts facts{};
  std::string bytes{};
  KeptHead head{};  ///< Whoever answers with the file keeps it here.
};

/// One per worker, used on its core. Keys are paths of files that were found, and all that is kept
/// has a limit.
class KeptFiles {
 public:
  static constexpr std::size_t kFileBytesMax = 16UL * 1024;
  static constexpr std::size_t kBytesMax = 16UL * 1024 * 1024;  ///< Of files, and what they cost.

  /// A file is kept for `lifetime`; zero: none is.
  explicit KeptFiles(millrace::Duration lifetime) noexcept : lifetime_{lifetime} {}

  /// What is kept of `path`, until the next call. Null: it is to be read. Once its lifetime is over
  /// one caller is told so, and the others go on with what there is for as long again: a thousand
  /// are not to ask the disk in the same moment.
  [[nodiscard]] KeptFile* find(std::string_view path, millrace::Instant now);
  /// A whole file, as just read. What is too large is not kept.
  void keep(std::string_view path, const FileFacts& facts, std::span<const std::byte> bytes,
            millrace::Instant now);
  /// It is not there any more.
  void forget(std::string_view path);

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    KeptFile file;
    millrace::Instant read_at{};
    bool is_asked_for = false;  // Somebody reads it anew.
    std::list<std::string_view>::iterator place;
  };
  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const noexcept {
      return std::hash<std::string_view>{}(path);
    }
  };
  using Entries = std::unordered_map<std::string, Entry, PathHash, std::equal_to<>>;

  void remove(Entries::iterator entry);

  millrace::Duration lifetime_;
  Entries entries_;
  std::list<std::string_view> order_;  // Keys of `entries_`, the first one kept first.
  std::size_t bytes_ = 0;
};

}  // namespace httpd
