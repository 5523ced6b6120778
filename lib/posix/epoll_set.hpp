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
  using ReadyList = base::IntrusiveList<Watch, &Watch::ready>;

  EpollSet() noexcept : File{FileKind::Epoll} {}
  ~EpollSet() override;

  [[nodiscard]] std::uint32_t events(std::uint32_t asked) override;
  /// It may have something to tell from now on.
  void make_ready(Watch& watch) noexcept {
    link_ready(watch);
    if (!watches.empty()) [[unlikely]] {
      note_sets_above();
    }
  }
  /// Writes what is ready, at most `most`, each once.
  [[nodiscard]] int collect(epoll_event* out, int most);

  /// Why `inner` cannot be watched: -EINVAL (it is this one, or has descriptors of the kernel's,
  /// which nobody tells of), -ELOOP (a circle, or too many levels). Zero: it can.
  [[nodiscard]] int why_not_watch(EpollSet& inner) const noexcept;

  /// As epoll_ctl(2), for a descriptor of the kernel's. Zero or a negative errno.
  [[nodiscard]] int control_kernel(int operation, int fd, epoll_event* event) noexcept;
  /// Whether a collection is to look at the kernel's descriptors, if there are any: when it asks
  /// to, and at times in a row of those that do not.
  [[nodiscard]] bool is_kernels_turn(bool asks) noexcept;
  /// What the kernel's descriptors have to tell now.
  [[nodiscard]] int collect_kernel(epoll_event* out, int most) noexcept;
  /// What of `events` holds because of them; of the others `events` tells, without a system call.
  [[nodiscard]] std::uint32_t kernel_events() const noexcept;
  /// -1 while there are none.
  [[nodiscard]] int kernel_descriptor() const noexcept { return kernel_; }

  Watches members;

 private:
  static constexpr int kLevelsMax = 5;  // Linux's: of sets in sets.
  // Collections that do not ask, until one does all the same.
  static constexpr unsigned kCollectionsBeforeKernel = 32;

  void link_ready(Watch& watch) noexcept {
    if (!watch.ready.is_linked()) {
      ready_.push_back(watch);
    }
  }
  void note_sets_above() noexcept;
  void forget_closed_kernels() noexcept;
  [[nodiscard]] int levels_below() const noexcept;
  [[nodiscard]] int levels_above() const noexcept;
  [[nodiscard]] bool reaches(const EpollSet& other) const noexcept;

  ReadyList ready_;
  int kernel_ = -1;
  // At most: what is closed without leaving goes unheard of.
  unsigned kernel_members_ = 0;
  unsigned collections_ = 0;  // Since the kernel's descriptors were looked at.
};

inline void File::note() noexcept {
  for (Watch& watch : watches) {
    watch.set.make_ready(watch);
  }
}

}  // namespace millrace::posix
