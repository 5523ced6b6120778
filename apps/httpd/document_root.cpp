// System calls: openat2 keeps every step of a path beneath the root, whatever links it goes
// through.
#include "httpd/document_root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace httpd {
namespace {

// The kernel asks for another try when something beneath the root is renamed during the walk.
constexpr int kOpenAttempts = 8;
// O_NONBLOCK: a FIFO without writer must not hold the thread.
constexpr std::uint64_t kForReading = O_RDONLY | O_NONBLOCK | O_NOCTTY;

int open_beneath(int folder, const char* path, std::uint64_t flags) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  long descriptor = -1;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    descriptor = syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (descriptor >= 0 || (errno != EAGAIN && errno != EINTR)) {
      break;
    }
  }
  return static_cast<int>(descriptor);
}

Status status_of(int error) noexcept {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return Status::NotFound;
    case EACCES:
    case EPERM:
    case EXDEV:  // The path leads out of the root.
    case ELOOP:  // Links in a circle, or a magic one.
    case ENXIO:  // A socket, or a device that is not there.
    case ENODEV: return Status::Forbidden;
    default: return Status::InternalServerError;
  }
}

}  // namespace

FileFacts facts_of(const struct stat& found) noexcept {
  return {
      .size = static_cast<std::uint64_t>(found.st_size),
      .changed_at_ns = std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
}

namespace {

// Regular files and folders; everything else could get a reader stuck, or is none of its business.
millrace::Result<OpenedFile, Status> examine(File file) noexcept {
  struct stat found {};
  if (::fstat(file.descriptor(), &found) != 0) {
    return millrace::fail(status_of(errno));
  }
  if (S_ISDIR(found.st_mode)) {
    return OpenedFile{.file = File{}, .is_folder = true};
  }
  if (!S_ISREG(found.st_mode)) {
    return millrace::fail(Status::Forbidden);
  }
  return OpenedFile{.file = std::move(file), .facts = facts_of(found)};
}

std::string describe(const std::string& folder, int error) {
  return "root " + folder + ": " + std::generic_category().message(error);
}

}  // namespace

File::~File() {
  if (is_open()) {
    ::close(descriptor_);
  }
}

millrace::Result<std::size_t, Status> File::read(std::uint64_t offset,
                                                 std::span<std::byte> into) const noexcept {
  std::size_t total = 0;
  while (total < into.size()) {
    const ssize_t count = ::pread(descriptor_, into.data() + total, into.size() - total,
                                  static_cast<off_t>(offset + total));
    if (count == 0) {
      break;
    }
    if (count > 0) {
      total += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      return millrace::fail(Status::InternalServerError);
    }
  }
  return total;
}

millrace::Result<DocumentRoot, std::string> DocumentRoot::open(const std::string& folder) {
  File opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened.is_open()) {
    return millrace::fail(describe(folder, errno) +
                          "; ROOT must be a folder that this user may read and enter");
  }
  // Also finds out whether the folder may be entered, and whether the system has openat2 at all.
  const File probe{open_beneath(opened.descriptor(), ".", kForReading)};
  if (!probe.is_open()) {
    const std::string right = errno == ENOSYS || errno == EPERM
                                  ? "; files are served with the openat2 system call of Linux 5.6"
                                  : "; ROOT must be a folder that this user may read and enter";
    return millrace::fail(describe(folder, errno) + right);
  }
  return DocumentRoot{std::move(opened)};
}

millrace::Result<OpenedFile, Status> DocumentRoot::open_file(const char* path) const noexcept {
  File file{open_beneath(folder_.descriptor(), path, kForReading)};
  if (!file.is_open()) {
    return millrace::fail(status_of(errno));
  }
  return examine(std::move(file));
}

millrace::Result<File, Status> DocumentRoot::open_folder(const char* path) const noexcept {
  const char* const named = *path == '\0' ? "." : path;
  File folder{open_beneath(folder_.descriptor(), named, kForReading | O_DIRECTORY)};
  if (!folder.is_open()) {
    return millrace::fail(status_of(errno));
  }
  return folder;
}

millrace::Result<OpenedFile, Status> DocumentRoot::look(const char* path) const noexcept {
  File place{open_beneath(folder_.descriptor(), path, O_PATH)};
  if (!place.is_open()) {
    return millrace::fail(status_of(errno));
  }
  auto seen = examine(std::move(place));
  if (seen) {
    seen->file = File{};
  }
  return seen;
}

}  // namespace httpd
