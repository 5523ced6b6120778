// IntrusiveList: a doubly linked list whose links live inside the elements. No allocation; linking
// and unlinking are O(1). It owns nothing: elements must outlive their membership, and neither list
// nor linked element may move.
#pragma once

#include <bit>
#include <cstddef>
#include <iterator>

#include "base/contract.hpp"

namespace millrace::base {

/// The member by which an element is linked. One link is in at most one list at a time.
struct ListLink {
  ListLink() noexcept = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() = default;

  [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }

  ListLink* prev = nullptr;
  ListLink* next = nullptr;
};

/// A circle through a sentinel, so that unlinking has no branch and needs no list:
///
///     head_ <-> first <-> ... <-> last <-> head_
///
/// Destroying a list leaves its elements untouched: they may already be gone.
template <class T, ListLink T::*Member>
class IntrusiveList {
 public:
  class Iterator;

  IntrusiveList() noexcept { head_.prev = head_.next = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() = default;

  void push_back(T& element) noexcept { insert_before(head_, element.*Member); }
  void push_front(T& element) noexcept { insert_before(*head_.next, element.*Member); }

  /// Takes `element` out of the list it is in, which must be this one.
  void remove(T& element) noexcept { unlink(element); }

  /// Takes `element` out of whichever list it is in.
  static void unlink(T& element) noexcept {
    ListLink& link = element.*Member;
    expects(link.is_linked());
    link.prev->next = link.next;
    link.next->prev = link.prev;
    link.prev = link.next = nullptr;
  }

  /// The element taken from the front, or nullptr.
  [[nodiscard]] T* pop_front() noexcept {
    T* const element = front();
    if (element != nullptr) {
      unlink(*element);
    }
    return element;
  }

  /// The first element, or nullptr.
  [[nodiscard]] T* front() const noexcept { return empty() ? nullptr : &element_of(*head_.next); }
  [[nodiscard]] bool empty() const noexcept { return head_.next == &head_; }
  [[nodiscard]] bool has_one() const noexcept { return !empty() && head_.next == head_.prev; }

  /// Appends all of `other`, which is empty afterwards. O(1).
  void splice_back(IntrusiveList& other) noexcept {
    expects(&other != this);
    if (other.empty()) {
      return;
    }
    other.head_.next->prev = head_.prev;
    head_.prev->next = other.head_.next;
    other.head_.prev->next = &head_;
    head_.prev = other.head_.prev;
    other.head_.prev = other.head_.next = &other.head_;
  }

  /// Removing the element an iterator stands on invalidates that iterator: step first.
  [[nodiscard]] Iterator begin() const noexcept { return Iterator{head_.next}; }
  [[nodiscard]] Iterator end() const noexcept { return Iterator{head_.prev->next}; }

  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    Iterator() noexcept = default;
    explicit Iterator(ListLink* link) noexcept : link_{link} {}

    [[nodiscard]] T& operator*() const noexcept { return element_of(*link_); }
    [[nodiscard]] T* operator->() const noexcept { return &element_of(*link_); }
    Iterator& operator++() noexcept {
      link_ = link_->next;
      return *this;
    }
    Iterator operator++(int) noexcept {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) noexcept = default;

   private:
    ListLink* link_ = nullptr;
  };

 private:
  static void insert_before(ListLink& place, ListLink& link) noexcept {
    expects(!link.is_linked());
    link.prev = place.prev;
    link.next = &place;
    place.prev->next = &link;
    place.prev = &link;
  }

  // The Itanium C++ ABI represents a pointer to a data member by the member's offset, which is what
  // leads back from a link to its element.
  [[nodiscard]] static T& element_of(ListLink& link) noexcept {
    static_assert(sizeof(Member) == sizeof(std::ptrdiff_t));
    const auto offset = std::bit_cast<std::ptrdiff_t>(Member);
    return *static_cast<T*>(
        static_cast<void*>(static_cast<std::byte*>(static_cast<void*>(&link)) - offset));
  }

  ListLink head_;
};

}  // namespace millrace::base
