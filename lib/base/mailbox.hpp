// Mailbox<T>: a bounded, lock-free queue from one core to one other, over
// boost::lockfree::spsc_queue. A full mailbox refuses; waiting, waking and retrying are left to
// both ends.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/lockfree/spsc_queue.hpp>

#include "base/contract.hpp"

namespace millrace::base {

/// Any number of messages up to `capacity`, in order. `try_push` is for one thread, `try_pop` and
/// `read_available` for one other. `T` is default constructible and movable; it need not be
/// copyable. Messages never read are destroyed with it.
template <class T>
class Mailbox {
  static_assert(std::is_nothrow_default_constructible_v<T>);
  static_assert(std::is_nothrow_move_constructible_v<T>);
  static_assert(std::is_nothrow_move_assignable_v<T>);

 public:
  explicit Mailbox(std::size_t capacity) : queue_{capacity} { expects(capacity > 0); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() = default;

  /// False when full; `message` then keeps its value.
  [[nodiscard]] bool try_push(T&& message) noexcept {
    const auto first = std::make_move_iterator(std::addressof(message));
    return queue_.push(first, first + 1) != first;
  }
  [[nodiscard]] bool try_push(const T& message) noexcept requires std::is_copy_constructible_v<T> {
    const T* const first = std::addressof(message);
    return queue_.push(first, first + 1) != first;
  }

  /// False, with `out` unchanged, when empty.
  [[nodiscard]] bool try_pop(T& out) noexcept {
    return queue_.consume_one([&out](Item& item) { out = std::move(item.message); });
  }

  /// Messages that can be popped now; more may arrive at any time.
  [[nodiscard]] std::size_t read_available() const noexcept { return queue_.read_available(); }

 private:
  // Boost's queue asks its elements to be copyable, though it copies none on the way through
  // `push(first, last)` and `consume_one`. Its destructor copies what is left into a dummy before
  // it destroys it, and that copy may well be none.
  struct Item {
    Item() noexcept = default;
    template <class U>
    requires std::is_same_v<std::remove_cvref_t<U>, T>
    explicit Item(U&& value) noexcept : message(std::forward<U>(value)) {}
    Item(const Item&) = delete;
    Item& operator=(const Item&) noexcept { return *this; }
    ~Item() = default;

    T message;
  };

  boost::lockfree::spsc_queue<Item> queue_;
};

}  // namespace millrace::base
