// Segments that lie in several packets: joined by a device (large receive) or by the peer's, which
// left the cutting to ours, or of frames that are longer than a packet. They are cut again where
// their packets end. What is usual is handled as a run.
#include <utility>

#include "stack/piece_cutter.hpp"
#include "stack/tcp_core.hpp"

namespace millrace::stack {

using packet::Packet;

void TcpCore::deliver_pieces(Instant now, Arrival& arrival, Packet payload) noexcept {
  PieceCutter cutter{arrival.segment, std::move(payload)};
  stats_.tcp_segments_in += cutter.sent_segments() - 1;
  // The first decides whose the others are.
  Packet first = cutter.next(arrival.segment);
  deliver(now, arrival, std::move(first));
  while (!cutter.is_done()) {
    const auto target = find_target(arrival.tuple);
    if (!target || !target->is_connection()) {
      return;  // Who is nobody's, or has ended one, has had the one answer to its segment.
    }
    if (slot_of(*target).connection.state() == TcpState::Established) {
      deliver_run(now, slot_of(*target), arrival, cutter);
    } else {
      Packet piece = cutter.next(arrival.segment);
      deliver(now, arrival, std::move(piece));
    }
  }
}

void TcpCore::deliver_run(Instant now, ConnectionSlot& slot, Arrival& arrival,
                          PieceCutter& cutter) noexcept {
  const Before before = stand_of(slot);
  tcp::Tally::Arrivals arrivals;
  do {
    Packet piece = cutter.next(arrival.segment);
    const tcp::Disposition disposition =
        slot.connection.on_segment(resources_, now, arrival.segment, std::move(piece));
    arrivals.segments += arrival.segment.begun;
    arrivals.add(arrival.segment, disposition);
    if (disposition.dropped || disposition.answer_with_reset) [[unlikely]] {
      refuse(now, slot, arrival.segment, disposition);
    }
  } while (!cutter.is_done() && slot.connection.state() == before.state);
  note_activity(slot);
  slot.tally.on_arrivals(arrivals, progress_since(before, slot), now);
  settle(slot);
}

}  // namespace millrace::stack
