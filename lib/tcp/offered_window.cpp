// Which window the peer is offered: what is free of the buffer and of the core's packets, in steps
// worth having, never taken back.
#include <algorithm>

#include "tcp/connection.hpp"

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kWindowFieldMax = 65'535;

std::uint32_t window_in(std::uint32_t room, std::uint8_t shift) noexcept {
  // The charge of queued payload is at most about twice the payload. And only what the field can
  // say is offered.
  return std::min(room / 2, kWindowFieldMax << shift);
}

}  // namespace

std::uint32_t Connection::receive_limit(const Resources& resources) const noexcept {
  const std::uint32_t limit =
      std::min(receive_autotune_.limit(), resources.config.receive_buffer_bytes);
  // A window takes twice its size in memory.
  return tuning_->window_clamp_bytes == 0 ? limit
                                          : static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                                limit, 2ULL * tuning_->window_clamp_bytes));
}

std::uint32_t Connection::receive_room(const Resources& resources,
                                       std::uint32_t limit) const noexcept {
  const std::uint32_t charge =
      active_ == nullptr ? 0 : active_->receive_queue.charge() + active_->reassembly.charge();
  if (charge >= limit) {
    return 0;
  }
  // What the core has left bounds it, too.
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      limit - charge, resources.budget.left(packet::BudgetUse::InOrder) / 2));
}

std::uint16_t Connection::select_window(const Resources& resources) noexcept {
  // RFC 9293 §3.8.6.2.2: the right edge moves in steps worth having, and never to the left
  // (SHLD-14).
  const std::uint32_t limit = receive_limit(resources);
  const std::uint32_t room = receive_room(resources, limit);
  const SeqNum wanted = receive_.rcv_nxt + window_in(room, rcv_wscale_);
  if (wanted.is_after(receive_.rcv_adv)) {
    const auto gain = static_cast<std::uint32_t>(wanted - receive_.rcv_adv);
    const std::uint32_t step = std::min<std::uint32_t>(limit / 4, rcv_mss_);
    if (gain >= step) {
      receive_.rcv_adv = wanted;
    }
  }
  const std::uint32_t window = receive_.rcv_wnd();
  std::uint32_t field = window >> rcv_wscale_;
  // Rounding down would take back what was offered before: round up, and stand by it, while there
  // is room. Without that limit each ACK of a little data would move the edge, and the window would
  // never close.
  const bool is_inexact = (field << rcv_wscale_) < window;
  field += is_inexact && (field + 1) << rcv_wscale_ <= room ? 1U : 0U;
  field = std::min(field, kWindowFieldMax);
  const SeqNum offered = receive_.rcv_nxt + (field << rcv_wscale_);
  if (offered.is_after(receive_.rcv_adv)) {
    receive_.rcv_adv = offered;
  }
  return static_cast<std::uint16_t>(field);
}

bool Connection::is_window_update_due(const Resources& resources) const noexcept {
  // RFC 9293 §3.8.6.2.2: worth a segment of its own once two full segments, or half of the buffer,
  // more fit.
  const std::uint32_t limit = receive_limit(resources);
  const std::uint32_t quarter = limit / 4;
  // What is still open matters as well: while half of the window is free nobody waits for more.
  if (receive_.rcv_wnd() >= quarter || !accepts_text(state_) || app_closed_) {
    return false;
  }
  const SeqNum wanted = receive_.rcv_nxt + window_in(receive_room(resources, limit), rcv_wscale_);
  const std::uint32_t step = std::min<std::uint32_t>(quarter, 2U * rcv_mss_);
  return wanted - receive_.rcv_adv >= static_cast<std::int32_t>(step);
}

}  // namespace millrace::tcp
