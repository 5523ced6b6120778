// MoreHold: what MSG_MORE means, as Linux has it: what was written with it waits for a full
// segment, for the next ACK or for as long as little data waits at all, and leaves without PSH.
#pragma once

namespace millrace::tcp {

class MoreHold {
 public:
  /// Data was written; `has_more`: with MSG_MORE.
  void on_write(bool has_more) noexcept { holds_ = withholds_push_ = has_more; }
  /// The peer has acknowledged something, or the application wants what is there to go: the other
  /// rules decide again. What goes is still no end of what is written.
  void release() noexcept { holds_ = false; }
  /// It has waited long enough: whoever reads need not wait for more.
  void on_waited() noexcept { holds_ = withholds_push_ = false; }

  [[nodiscard]] bool holds() const noexcept { return holds_; }
  [[nodiscard]] bool withholds_push() const noexcept { return withholds_push_; }

 private:
  bool holds_ = false;
  bool withholds_push_ = false;
};

}  // namespace millrace::tcp
