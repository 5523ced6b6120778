#include "tcp/urgent.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

constexpr std::uint32_t kPointerMax = 0xffff;

}  // namespace

std::optional<std::uint16_t> UrgentSend::pointer_for(SeqNum seq, SeqNum snd_nxt) const noexcept {
  if (!is_pending_ || !seq.is_before(up_)) {
    return std::nullopt;
  }
  // RFC 9293 §3.8.5, MUST-62: behind the last urgent octet.
  const auto distance = static_cast<std::uint32_t>(up_ - seq);
  if (distance <= kPointerMax) {
    return static_cast<std::uint16_t>(distance);
  }
  // MUST-31: further than the field can say. As Linux does: as far as it can, provided that it
  // points at nothing that was sent, so that a later segment moves the pointer before the peer
  // comes there.
  return (seq + kPointerMax).is_after(snd_nxt) ? std::optional{std::uint16_t{kPointerMax}}
                                               : std::nullopt;
}

bool UrgentReceive::on_pointer(SeqNum up, SeqNum read_nxt) noexcept {
  if (!up.is_after(read_nxt) || (is_pending_ && !up.is_after(up_))) {
    return false;
  }
  // Out of line there is one octet, as in Linux: a later one takes the place of one that is not
  // read, and that one stays in the stream.
  up_ = up;
  is_pending_ = true;
  is_kept_ = is_unread_ = false;
  return true;
}

void UrgentReceive::keep(std::byte octet) noexcept {
  octet_ = octet;
  is_kept_ = is_unread_ = true;
}

std::optional<std::byte> UrgentReceive::take() noexcept {
  if (!is_unread_) {
    return std::nullopt;
  }
  is_unread_ = false;
  return octet_;
}

std::uint32_t UrgentReceive::left(SeqNum read_nxt) const noexcept {
  if (!is_pending_ || !up_.is_after(read_nxt)) {
    return 0;
  }
  return static_cast<std::uint32_t>(up_ - read_nxt) - (is_inline_ ? 0U : 1U);
}

std::uint32_t UrgentReceive::limit(std::uint32_t bytes, SeqNum read_nxt) const noexcept {
  return is_pending_ && !is_inline_ ? std::min(bytes, left(read_nxt)) : bytes;
}

}  // namespace millrace::tcp
