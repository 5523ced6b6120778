// Urgent data, both ways (RFC 9293 §3.8.5, RFC 6093): the pointer in what is sent, and what a
// pointer that arrives means for what the application reads.
#include "tcp/connection.hpp"

namespace millrace::tcp {

void Connection::mark_urgent() noexcept {
  if (active_ == nullptr || active_->send_buffer.empty()) {
    return;
  }
  // RFC 9293 §3.10.2: at once even where the window is closed, in a segment without text.
  urgent_out_.mark(active_->send_buffer.end());
  ack_now_ = ack_now_ || send_.usable_window() == 0;
}

void Connection::point_to_urgent(SegmentPlan& plan) const noexcept {
  if (const auto pointer = urgent_out_.pointer_for(plan.seq, send_.snd_nxt)) {
    plan.flags = plan.flags.with(TcpFlags::kUrg);
    plan.urgent_pointer = *pointer;
  }
}

SeqNum Connection::read_nxt() const noexcept {
  const std::uint32_t unread = active_ == nullptr ? 0 : active_->receive_queue.size();
  return receive_.rcv_nxt - unread - (peer_fin_received_ ? 1U : 0U);
}

void Connection::process_urgent(const Segment& segment) noexcept {
  // RFC 9293 §3.10.7.4, step 6. After the peer's FIN nothing urgent can follow.
  if (!segment.flags.urg() || !accepts_text(state_) || app_closed_) {
    return;
  }
  if (urgent_in_.on_pointer(segment.seq + segment.urgent_pointer, read_nxt())) {
    events_.add(Events::kUrgent);
  }
}

void Connection::settle_urgent(const Resources& resources) noexcept {
  if (!urgent_in_.is_pending()) {
    return;  // Nearly always, and this is asked for each segment and each read.
  }
  const SeqNum read = read_nxt();
  const std::uint32_t unread = active_ == nullptr ? 0 : active_->receive_queue.size();
  if (unread > 0 && urgent_in_.lacks_octet(read + unread)) {
    // The octet before the pointer is the last one that is urgent.
    urgent_in_.keep(active_->receive_queue.at(urgent_in_.left(read)));
    events_.add(Events::kUrgent);
  }
  if (urgent_in_.is_to_be_skipped(read)) {
    active_->receive_queue.consume(1, resources.budget);
    events_.add(active_->receive_queue.empty() ? 0 : Events::kReadable);
  }
  urgent_in_.on_read(read_nxt());
}

Result<std::byte> Connection::take_urgent() noexcept {
  if (urgent_in_.is_inline()) {
    return fail(Error::InvalidState);
  }
  const auto octet = urgent_in_.take();
  return octet ? Result<std::byte>{*octet} : fail(Error::WouldBlock);
}

void Connection::set_urgent_inline(const Resources& resources, bool on) noexcept {
  urgent_in_.set_inline(on);
  // Whoever has just accepted asks for it when the octet may be here already. With nothing before
  // it there is nothing to read, so no reading would ever come by it.
  settle_urgent(resources);
  detach_if_idle(resources);
  report_peer_finished();
}

bool Connection::is_front_split() const noexcept {
  if (active_ == nullptr) {
    return false;
  }
  const std::uint32_t bytes = active_->receive_queue.front_packet_bytes();
  return urgent_in_.limit(bytes, read_nxt()) < bytes;
}

}  // namespace millrace::tcp
