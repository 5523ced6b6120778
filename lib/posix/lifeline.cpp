// A file in memory, because each is told from all others by its number in the file system; event
// descriptors are not.
#include "posix/lifeline.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::posix {

Lifeline::Lifeline() noexcept : number_{::memfd_create("millrace-lifeline", MFD_CLOEXEC)} {
  struct stat found {};
  if (number_ >= 0 && ::fstat(number_, &found) == 0) {
    file_ = found.st_ino;
    device_ = found.st_dev;
  }
}

Lifeline::~Lifeline() {
  // The number may be another's.
  if (number_ >= 0 && !is_cut()) {
    ::close(number_);
  }
}

bool Lifeline::is_cut() noexcept {
  if (number_ < 0 || is_cut_) {
    return is_cut_;
  }
  struct stat found {};
  is_cut_ = ::fstat(number_, &found) != 0 || found.st_ino != file_ || found.st_dev != device_;
  return is_cut_;
}

}  // namespace millrace::posix
