// EpollSet: the files that one epoll descriptor watches, and which of them may be ready. The
// kernel's descriptors in it are in a set of the kernel's own, made when the first comes.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "base/intrusive_list.hpp"
#include "posix/file.hpp"

namespace millrace::posix {

class EpollSet final : public File {
 public:
  using Watches = base::IntrusiveList<Watch, &Watch::of_set>;

  EpollSet() noexcept : File{FileKind::Epoll} {}
  ~EpollSet() override;

  [[nodiscard]] std::uint32_t events(std::uint32_t asked) override;
  /// It may have something to tell from now on.
  void make_ready(Watch& watch) noexcept {
    if (!watch.ready.is_linked()) {
      ready_.push_back(watch);
      note();
    }
  }
  /// Writes what is ready, at most `most`, each once.
  [[nodiscard]] int collect(epoll_event* out, int most);

  /// As epoll_ctl(2), for a descriptor of the kernel's. Zero or a negative errno.
  [[nodiscard]] int control_kernel(int operation, int fd, epoll_event* event) noexcept;
  /// What the kernel's descriptors have to tell now.
  [[nodiscard]] int collect_kernel(epoll_event* out, int most) noexcept;
  /// -1 while there are none.
  [[nodiscard]] int kernel_descriptor() const noexcept { return kernel_; }

  Watches members;

 private:
  base::IntrusiveList<Watch, &Watch::ready> ready_;
  int kernel_ = -1;
};

inline void File::note() noexcept {
  for (Watch& watch : watches) {
    watch.set.make_ready(watch);
  }
}

}  // namespace millrace::posix
