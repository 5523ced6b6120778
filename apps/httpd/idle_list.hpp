// Connections in the order of their last progress, so that finding those without any takes no
// search.
#pragma once

#include <millrace/time.hpp>

namespace httpd {

class Connection;

/// A connection's place in the list, kept in the connection.
struct IdleLink {
  IdleLink* previous = nullptr;
  IdleLink* next = nullptr;
  millrace::Instant since{};
  Connection* connection = nullptr;
};

/// Longest without progress first. Owns nothing.
class IdleList {
 public:
  /// Moves `link` to the end, or puts it there.
  void touch(IdleLink& link, millrace::Instant now) noexcept {
    remove(link);
    link.since = now;
    link.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &link;
    last_ = &link;
  }

  /// Takes `link` out if it is in.
  void remove(IdleLink& link) noexcept {
    if (link.previous == nullptr && link.next == nullptr && first_ != &link) {
      return;
    }
    (link.previous != nullptr ? link.previous->next : first_) = link.next;
    (link.next != nullptr ? link.next->previous : last_) = link.previous;
    link.previous = link.next = nullptr;
  }

  /// The one that has waited longest, or null.
  [[nodiscard]] IdleLink* first() const noexcept { return first_; }

 private:
  IdleLink* first_ = nullptr;
  IdleLink* last_ = nullptr;
};

}  // namespace httpd
