// System calls: openat2 keeps every step of a path beneath the root, whatever links it goes
// through.
#include "httpd/document_root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace httpd {
namespace {

// The kernel asks for another try when something beneath the root is renamed during the walk.
constexpr int kOpenAttempts = 8;

int open_beneath(int folder, const char* path) noexcept {
  open_how how{};
  // O_NONBLOCK: a FIFO without writer must not hold the thread.
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
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
  const File probe{open_beneath(opened.descriptor(), ".")};
  if (!probe.is_open()) {
    const std::string right = errno == ENOSYS || errno == EPERM
                                  ? "; files are served with the openat2 system call of Linux 5.6"
                                  : "; ROOT must be a folder that this user may read and enter";
    return millrace::fail(describe(folder, errno) + right);
  }
  return DocumentRoot{std::move(opened)};
}

millrace::Result<OpenedFile, Status> DocumentRoot::open_file(const char* path) const noexcept {
  OpenedFile opened{.file = File{open_beneath(folder_.descriptor(), path)}};
  if (!opened.file.is_open()) {
    return millrace::fail(status_of(errno));
  }
  struct stat facts {};
  if (::fstat(opened.file.descriptor(), &facts) != 0) {
    return millrace::fail(status_of(errno));
  }
  if (S_ISDIR(facts.st_mode)) {
    return OpenedFile{.file = File{}, .is_folder = true};
  }
  if (!S_ISREG(facts.st_mode)) {
    return millrace::fail(Status::Forbidden);
  }
  opened.size = static_cast<std::uint64_t>(facts.st_size);
  return opened;
}

}  // namespace httpd
