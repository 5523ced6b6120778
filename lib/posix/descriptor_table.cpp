#include "posix/descriptor_table.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/contract.hpp"

namespace millrace::posix {

namespace {

std::uint64_t numbers_allowed(std::uint64_t most) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return most;
  }
  return std::min<std::uint64_t>(limit.rlim_cur, most);
}

}  // namespace

DescriptorTable::DescriptorTable()
    : anchor_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)},
      entries_(numbers_allowed(kMost)),
      most_at_ease_{entries_.size() / 2} {
  free_.reserve(std::min(kReserve, entries_.size() / kReserveShare));
}

DescriptorTable::~DescriptorTable() {
  for (std::size_t number = 0; number < entries_.size(); ++number) {
    if (entries_[number].is_ours) {
      ::close(static_cast<int>(number));
    }
  }
  if (anchor_ >= 0) {
    ::close(anchor_);
  }
}

int DescriptorTable::add(File& file) {
  int number = 0;
  if (free_.empty()) {
    number = reserve();
    if (number < 0) {
      return number;
    }
  } else {
    number = free_.back();
    free_.pop_back();
  }
  entries_[static_cast<std::size_t>(number)].file = &file;
  return number;
}

int DescriptorTable::reserve() {
  const int number = duplicate();
  if (number == -EMFILE) {
    // The limit may have been lowered since the start.
    most_at_ease_ = std::min(most_at_ease_, reserved_ / 2);
  }
  if (number < 0) {
    return number;
  }
  if (static_cast<std::size_t>(number) >= entries_.size()) {
    // The process has raised its limit since.
    ::close(number);
    return -EMFILE;
  }
  entries_[static_cast<std::size_t>(number)].is_ours = true;
  ++reserved_;
  return number;
}

int DescriptorTable::duplicate() noexcept {
  if (anchor_ < 0) {
    // There was no number left when it was to be made; there may be now.
    anchor_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  }
  const int number = anchor_ < 0 ? -1 : ::fcntl(anchor_, F_DUPFD_CLOEXEC, 0);
  return number < 0 ? -errno : number;
}

void DescriptorTable::remove(int number) noexcept {
  Entry& entry = entries_[static_cast<std::size_t>(number)];
  base::expects(entry.file != nullptr);
  entry.file = nullptr;
  if (free_.size() < free_.capacity() && reserved_ <= most_at_ease_) {
    free_.push_back(number);
    return;
  }
  entry.is_ours = false;
  --reserved_;
  ::close(number);
}

}  // namespace millrace::posix
