// What connections wait for, and since when: one list for each kind of waiting, in the order of
// beginning, so that finding those that have waited too long takes no search. What to do about them
// is the server's and the connection's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <millrace/time.hpp>

namespace httpd {

class Connection;

enum class Wait : std::uint8_t {
  Idle,     ///< For a request, between two of them.
  Head,     ///< For the rest of a request's head.
  Body,     ///< For more of a request's body.
  Answer,   ///< For the client to take what it was sent.
  Goodbye,  ///< For the client's FIN.
  None,     ///< For nothing that is the client's: a disk, our own turn.
};
inline constexpr std::size_t kWaitKinds = static_cast<std::size_t>(Wait::None);

/// A connection's place in its list, kept in the connection.
struct WaitLink {
  WaitLink* previous = nullptr;
  WaitLink* next = nullptr;
  millrace::Instant since{};
  Connection* connection = nullptr;
  Wait kind = Wait::None;
};

/// Owns nothing.
class Waits {
 public:
  /// Puts `link` at the end of the list of `kind`, from wherever it is.
  void begin(WaitLink& link, Wait kind, millrace::Instant now) noexcept {
    remove(link);
    if (kind == Wait::None) {
      return;
    }
    List& list = list_of(kind);
    link.kind = kind;
    link.since = now;
    link.previous = list.last;
    (list.last != nullptr ? list.last->next : list.first) = &link;
    list.last = &link;
  }

  /// Takes `link` out if it is in.
  void remove(WaitLink& link) noexcept {
    if (link.kind == Wait::None) {
      return;
    }
    List& list = list_of(link.kind);
    (link.previous != nullptr ? link.previous->next : list.first) = link.next;
    (link.next != nullptr ? link.next->previous : list.last) = link.previous;
    link.previous = link.next = nullptr;
    link.kind = Wait::None;
  }

  /// The one that has waited longest, or null.
  [[nodiscard]] WaitLink* first(Wait kind) const noexcept {
    return lists_[static_cast<std::size_t>(kind)].first;
  }
  /// The one that has begun last, or null.
  [[nodiscard]] WaitLink* last(Wait kind) const noexcept {
    return lists_[static_cast<std::size_t>(kind)].last;
  }

 private:
  struct List {
    WaitLink* first = nullptr;
    WaitLink* last = nullptr;
  };

  [[nodiscard]] List& list_of(Wait kind) noexcept { return lists_[static_cast<std::size_t>(kind)]; }

  std::array<List, kWaitKinds> lists_;
};

}  // namespace httpd
