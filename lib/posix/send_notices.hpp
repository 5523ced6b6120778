// SendNotices: what an application wants to hear of what it has sent: that a buffer given with
// MSG_ZEROCOPY is its own again, and when the last byte of a write was handed on, left, and was
// acknowledged (SO_TIMESTAMPING). What has happened goes to the error queue, in Linux's form.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>

#include "base/intrusive_list.hpp"
#include "base/slot_table.hpp"
#include "posix/error_queue.hpp"
#include "wire/seq_num.hpp"

namespace millrace::posix {

/// One write, or several with MSG_ZEROCOPY that are told of together.
struct SendNotice {
  wire::SeqNum end{0};      ///< Behind its last byte.
  std::uint32_t first = 0;  ///< Numbers of writes with MSG_ZEROCOPY.
  std::uint32_t last = 0;
  std::uint32_t key = 0;    ///< What names a stamped write.
  std::uint8_t stamps = 0;  ///< Still to come; none: MSG_ZEROCOPY.
  base::ListLink link{};
};

using SendNoticePool = base::SlotTable<SendNotice>;

class SendNotices {
 public:
  // Stamps.
  static constexpr std::uint8_t kScheduled = 1;
  static constexpr std::uint8_t kSent = 2;
  static constexpr std::uint8_t kAcknowledged = 4;

  /// How far sending has come.
  struct Edges {
    wire::SeqNum sent{0};
    wire::SeqNum acknowledged{0};
  };
  /// Places to be told of next; empty: none.
  struct Places {
    std::optional<wire::SeqNum> sent;
    std::optional<wire::SeqNum> acknowledged;
  };

  SendNotices(SendNoticePool& pool, ErrorQueue& queue) noexcept : pool_{pool}, queue_{queue} {}
  SendNotices(const SendNotices&) = delete;
  SendNotices& operator=(const SendNotices&) = delete;
  ~SendNotices() { drop(); }

  /// Another write can be remembered: one socket may wait for so many, all of them for the pool's.
  [[nodiscard]] bool has_room() const noexcept {
    return count_ < kMost && pool_.size() < pool_.capacity();
  }
  /// What a write with MSG_ZEROCOPY has queued ends there. Without room it is told of with the one
  /// before, or at once: its data has been copied.
  void add_zero_copy(wire::SeqNum end, const Edges& edges) noexcept;
  /// The same of a write whose connection has ended meanwhile.
  void add_ended() noexcept;
  /// What a write has queued ends there, and some of its stamps are wanted. There is room.
  void add_stamped(wire::SeqNum end, std::uint32_t key, std::uint8_t stamps) noexcept;
  /// Tells of what has come to pass by `now`, a wall-clock time. What the error queue has no room
  /// for of MSG_ZEROCOPY is kept here, for `take_untold`; a stamp is lost.
  void on_progress(const Edges& edges, const timespec& now) noexcept;
  /// Nothing more is sent: all buffers are the application's again, and no stamp comes any more.
  void finish() noexcept;
  /// Writes with MSG_ZEROCOPY are to be told of that the error queue had no room for.
  [[nodiscard]] bool has_untold() const noexcept { return untold_.has_value(); }
  /// All of them as one, behind what is in the error queue. Only where there are some.
  [[nodiscard]] sock_extended_err take_untold() noexcept;
  [[nodiscard]] Places places() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }

 private:
  static constexpr std::uint32_t kMost = 256;
  /// Numbers of writes with MSG_ZEROCOPY.
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  using List = base::IntrusiveList<SendNotice, &SendNotice::link>;

  SendNotice& add(wire::SeqNum end) noexcept;
  void remove(SendNotice& notice) noexcept;
  void drop() noexcept;
  void tell_zero_copy(const Range& told) noexcept;
  void tell_stamps(SendNotice& notice, const Edges& edges, const timespec& now) noexcept;

  SendNoticePool& pool_;
  ErrorQueue& queue_;
  List waiting_;
  SendNotice* last_zero_copy_ = nullptr;
  std::optional<Range> untold_;
  std::uint32_t next_number_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::posix
