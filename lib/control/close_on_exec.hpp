// CloseOnExec: keeps the descriptors that libraries and drivers open while a core starts away from
// programs that this process executes. A TAP lives for as long as anybody holds it.
#pragma once

#include <set>

namespace millrace::control {

class CloseOnExec {
 public:
  /// Notes which descriptors there are.
  CloseOnExec();
  CloseOnExec(const CloseOnExec&) = delete;
  CloseOnExec& operator=(const CloseOnExec&) = delete;

  /// Has exec close those that are open now and were not then. What other threads of the program
  /// have opened in between cannot be told from ours.
  void mark_new() const;

 private:
  std::set<int> before_;
};

}  // namespace millrace::control
