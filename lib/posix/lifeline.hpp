// Lifeline: a descriptor that nobody has a use for, to notice that the program has closed what is
// not its own. Daemons close all there is; the device goes with it, and no call would ever come
// back.
#pragma once

#include <sys/types.h>

namespace millrace::posix {

class Lifeline {
 public:
  /// Without a descriptor left it notices nothing.
  Lifeline() noexcept;
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;
  ~Lifeline();

  /// Whether its number names another file by now, or none. A system call, until it is cut.
  [[nodiscard]] bool is_cut() noexcept;

 private:
  int number_;
  ino_t file_ = 0;
  dev_t device_ = 0;
  bool is_cut_ = false;
};

}  // namespace millrace::posix
