#include "tcp/prr.hpp"

#include <algorithm>

namespace millrace::tcp {

void Prr::start(std::uint32_t flight, std::uint32_t ssthresh) noexcept {
  flight_ = std::max(flight, 1U);
  ssthresh_ = ssthresh;
  delivered_ = 0;
  out_ = 0;
}

std::uint32_t Prr::on_ack(const Ack& ack) noexcept {
  // RFC 9937 §6.2: an ACK that brings no news changes nothing.
  if (ack.delivered == 0) {
    return 0;
  }
  delivered_ += ack.delivered;
  std::uint64_t allowed = 0;
  if (ack.in_network > ssthresh_) {
    // In proportion: what leaves is to what has arrived as the window aimed at to the old one.
    const std::uint64_t share = (delivered_ * ssthresh_ + flight_ - 1) / flight_;
    allowed = share > out_ ? share - out_ : 0;
  } else {
    // The conservative bound; and slow start's pace while all goes well.
    allowed = std::max<std::uint64_t>(delivered_ > out_ ? delivered_ - out_ : 0, ack.delivered);
    allowed += ack.is_safe ? ack.mss : 0;
    allowed = std::min<std::uint64_t>(allowed, ssthresh_ - ack.in_network);
  }
  if (out_ == 0) {
    // What was found lost first leaves at once. Windows smaller than a segment would keep it back.
    allowed = std::max<std::uint64_t>(allowed, ack.mss);
  }
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ack.in_network + allowed, UINT32_MAX));
}

}  // namespace millrace::tcp
