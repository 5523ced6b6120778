// The folder whose files are served: opens what lies beneath it and nothing else. Blocks, so it is
// used on helper threads only, `open` apart.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <millrace/error.hpp>

#include "httpd/preconditions.hpp"
#include "httpd/status.hpp"

namespace httpd {

/// Owns a descriptor.
class File {
 public:
  File() noexcept = default;
  explicit File(int descriptor) noexcept : descriptor_{descriptor} {}
  File(File&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// Reads at `offset` until `into` is full or the file ends. Returns the bytes read. Error:
  /// InternalServerError.
  [[nodiscard]] millrace::Result<std::size_t, Status> read(
      std::uint64_t offset, std::span<std::byte> into) const noexcept;

 private:
  int descriptor_ = -1;
};

/// What the system says of a file, as far as HTTP is concerned.
[[nodiscard]] FileFacts facts_of(const struct stat& found) noexcept;

/// A regular file, or the news that the path names a folder.
struct OpenedFile {
  File file;
  FileFacts facts{};       ///< At the time of opening.
  bool is_folder = false;  ///< Then `file` is closed.
};

/// An open folder. Usable from several threads at a time.
class DocumentRoot {
 public:
  /// Opens the folder. The error is a sentence for the person who named it.
  [[nodiscard]] static millrace::Result<DocumentRoot, std::string> open(const std::string& folder);

  /// Opens a path relative to the root. Links are followed as long as they stay beneath it.
  /// Errors: NotFound; Forbidden (no permission, a way out of the root, or neither file nor
  /// folder); InternalServerError (no descriptors, a failing disk).
  [[nodiscard]] millrace::Result<OpenedFile, Status> open_file(const char* path) const noexcept;
  /// Opens a folder for listing; "" is the root itself. Errors: as above, NotFound also for what is
  /// no folder.
  [[nodiscard]] millrace::Result<File, Status> open_folder(const char* path) const noexcept;
  /// What a link leads to, without opening it. `file` is closed. Errors: as for `open_file`.
  [[nodiscard]] millrace::Result<OpenedFile, Status> look(const char* path) const noexcept;

 private:
  explicit DocumentRoot(File folder) noexcept : folder_{std::move(folder)} {}

  File folder_;
};

}  // namespace httpd
