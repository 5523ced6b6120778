#include "posix/send_notices.hpp"

#include <linux/net_tstamp.h>

#include <cerrno>
#include <utility>

#include "base/contract.hpp"

namespace millrace::posix {

SendNotice& SendNotices::add(wire::SeqNum end) noexcept {
  SendNotice* const added = pool_.emplace();
  base::expects(added != nullptr);
  added->end = end;
  waiting_.push_back(*added);
  ++count_;
  return *added;
}

void SendNotices::remove(SendNotice& notice) noexcept {
  last_zero_copy_ = last_zero_copy_ == &notice ? nullptr : last_zero_copy_;
  List::unlink(notice);
  pool_.erase(pool_.index_of(notice));
  --count_;
}

void SendNotices::drop() noexcept {
  while (SendNotice* const notice = waiting_.front()) {
    remove(*notice);
  }
}

void SendNotices::add_zero_copy(wire::SeqNum end, const Edges& edges) noexcept {
  const std::uint32_t number = next_number_++;
  SendNotice* const before = last_zero_copy_;
  if (before != nullptr && (before->end.is_after(edges.sent) || !has_room())) {
    // As Linux: what waits together is told of together.
    before->last = number;
    before->end = end;
    return;
  }
  if (!has_room()) {
    tell_zero_copy({.first = number, .last = number});
    return;
  }
  SendNotice& added = add(end);
  added.first = added.last = number;
  last_zero_copy_ = &added;
}

void SendNotices::add_stamped(wire::SeqNum end, std::uint32_t key, std::uint8_t stamps) noexcept {
  SendNotice& added = add(end);
  added.key = key;
  added.stamps = stamps;
}

void SendNotices::add_ended() noexcept {
  const std::uint32_t number = next_number_++;
  tell_zero_copy({.first = number, .last = number});
}

namespace {

sock_extended_err zero_copy_notice(std::uint32_t first, std::uint32_t last) noexcept {
  sock_extended_err what{};
  what.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
  // Millrace has copied the data, which Linux says so as well.
  what.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;
  what.ee_info = first;
  what.ee_data = last;
  return what;
}

}  // namespace

/// Each is told of behind those with lower numbers, so what waits is one range.
void SendNotices::tell_zero_copy(const Range& told) noexcept {
  if (untold_) {
    untold_->last = told.last;
  } else if (!queue_.extend_zero_copy(told.first, told.last) &&
             !queue_.push_notice(zero_copy_notice(told.first, told.last), std::nullopt)) {
    untold_ = told;
  }
}

sock_extended_err SendNotices::take_untold() noexcept {
  const Range told = *std::exchange(untold_, std::nullopt);
  return zero_copy_notice(told.first, told.last);
}

void SendNotices::tell_stamps(SendNotice& notice, const Edges& edges,
                              const timespec& now) noexcept {
  struct Stamp {
    std::uint8_t bit;
    std::uint32_t kind;
    bool is_due;
  };
  const bool is_sent = notice.end.is_at_or_before(edges.sent);
  const Stamp stamps[] = {
      {.bit = kScheduled, .kind = SCM_TSTAMP_SCHED, .is_due = is_sent},
      {.bit = kSent, .kind = SCM_TSTAMP_SND, .is_due = is_sent},
      {.bit = kAcknowledged,
       .kind = SCM_TSTAMP_ACK,
       .is_due = notice.end.is_at_or_before(edges.acknowledged)},
  };
  for (const Stamp& stamp : stamps) {
    if (!stamp.is_due || (notice.stamps & stamp.bit) == 0) {
      continue;
    }
    sock_extended_err what{};
    what.ee_errno = ENOMSG;
    what.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
    what.ee_info = stamp.kind;
    what.ee_data = notice.key;
    static_cast<void>(queue_.push_notice(what, now));
    notice.stamps = static_cast<std::uint8_t>(notice.stamps & ~stamp.bit);
  }
}

void SendNotices::on_progress(const Edges& edges, const timespec& now) noexcept {
  for (auto place = waiting_.begin(); place != waiting_.end();) {
    SendNotice& notice = *place++;
    bool is_told = false;
    if (notice.stamps != 0) {
      tell_stamps(notice, edges, now);
      is_told = notice.stamps == 0;
    } else {
      is_told = notice.end.is_at_or_before(edges.acknowledged);
      if (is_told) {
        tell_zero_copy({.first = notice.first, .last = notice.last});
      }
    }
    if (is_told) {
      remove(notice);
    }
  }
}

void SendNotices::finish() noexcept {
  for (const SendNotice& notice : waiting_) {
    if (notice.stamps == 0) {
      tell_zero_copy({.first = notice.first, .last = notice.last});
    }
  }
  drop();
}

SendNotices::Places SendNotices::places() const noexcept {
  Places places;
  for (const SendNotice& notice : waiting_) {
    const bool waits_to_leave = (notice.stamps & (kScheduled | kSent)) != 0;
    const bool waits_for_ack = notice.stamps == 0 || (notice.stamps & kAcknowledged) != 0;
    places.sent = waits_to_leave && !places.sent ? std::optional{notice.end} : places.sent;
    places.acknowledged =
        waits_for_ack && !places.acknowledged ? std::optional{notice.end} : places.acknowledged;
  }
  return places;
}

}  // namespace millrace::posix
