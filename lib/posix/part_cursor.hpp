// PartCursor: walks over the parts of an iovec.
#pragma once

#include <sys/uio.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::posix {

/// Whether a result could not tell all of their bytes, or of one of them.
[[nodiscard]] inline bool is_beyond_result(const iovec* parts, std::size_t count) noexcept {
  std::size_t left = SSIZE_MAX;
  for (const iovec& part : std::span{parts, count}) {
    if (part.iov_len > left) {
      return true;
    }
    left -= part.iov_len;
  }
  return false;
}

class PartCursor {
 public:
  PartCursor(const iovec* parts, std::size_t count) noexcept : parts_{parts, count} {
    skip_empty();
  }

  /// What is left of the first part that has something left; empty at the end.
  [[nodiscard]] std::span<std::byte> front() const noexcept {
    if (parts_.empty()) {
      return {};
    }
    return std::span{static_cast<std::byte*>(parts_.front().iov_base), parts_.front().iov_len}
        .subspan(offset_);
  }
  /// No more than `front` has.
  void advance(std::size_t bytes) noexcept {
    offset_ += bytes;
    done_ += bytes;
    skip_empty();
  }
  [[nodiscard]] bool at_end() const noexcept { return parts_.empty(); }
  /// Bytes passed by.
  [[nodiscard]] std::size_t done() const noexcept { return done_; }
  /// SIZE_MAX where it is more.
  [[nodiscard]] std::size_t left() const noexcept {
    std::size_t bytes = 0;
    for (const iovec& part : parts_) {
      const std::size_t more = part.iov_len - (&part == parts_.data() ? offset_ : 0);
      bytes = more > SIZE_MAX - bytes ? SIZE_MAX : bytes + more;
    }
    return bytes;
  }

 private:
  void skip_empty() noexcept {
    while (!parts_.empty() && offset_ == parts_.front().iov_len) {
      parts_ = parts_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const iovec> parts_;
  std::size_t offset_ = 0;
  std::size_t done_ = 0;
};

}  // namespace millrace::posix
