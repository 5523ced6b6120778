// The lane for what nearly every frame is: a usual segment of a connection that has had one by the
// same interface before. A burst is looked at as a whole first, so that its frames, the table and
// the connections are on their way into the cache while others are read; then runs of segments of
// one connection are handled as one. Whatever is not certain to come out as in tcp_input.cpp is
// left to that (decision 0022).
#include <span>
#include <utility>

#include "stack/tcp_core.hpp"
#include "wire/usual_frame.hpp"

namespace millrace::stack {

using packet::Packet;
using wire::UsualFrame;

namespace {

/// A connection's first lines, which nearly every segment touches, and the one with its tuple.
void prefetch(const ConnectionSlot* slot) noexcept {
  if (slot == nullptr) {
    return;
  }
  constexpr std::size_t kLine = 64;
  const auto* const bytes = std::as_bytes(std::span{slot, 1}).data();
  __builtin_prefetch(bytes);
  __builtin_prefetch(bytes + kLine);
  __builtin_prefetch(bytes + 2 * kLine);
  __builtin_prefetch(&slot->connection.tuple());
}

}  // namespace

void TcpCore::look_ahead(const net::Interface& interface, const packet::Burst& burst,
                         LookAhead& ahead) noexcept {
  const wire::StationWord station{interface.mac};
  std::array<std::uint32_t, packet::Burst::kCapacity> hashes;
  wire::TupleKey last;
  std::uint32_t last_hash = Demux::kNoHash;
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    const auto frame = burst.contiguous(i);
    const UsualFrame view{frame.data()};
    if (frame.size() < UsualFrame::kSizeMin || !view.is_usual(station)) {
      last = {};
      last_hash = hashes[i] = Demux::kNoHash;
      ahead.continues[i] = false;
      continue;
    }
    const wire::TupleKey key = view.key();
    ahead.continues[i] = key == last;
    if (!ahead.continues[i]) {
      last = key;
      last_hash = demux_.hash_of(key);
      demux_.prefetch(last_hash);
    }
    hashes[i] = last_hash;
  }
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    if (ahead.continues[i] && i > 0) {
      ahead.slots[i] = ahead.slots[i - 1U];
      continue;
    }
    const DemuxTarget target = demux_.guess(hashes[i]);
    ahead.slots[i] = target.is_connection() ? &slot_of(target) : nullptr;
    prefetch(ahead.slots[i]);
  }
}

std::uint16_t TcpCore::receive_run(Instant now, const net::Interface& interface, LookAhead& ahead,
                                   packet::Burst& burst, std::uint16_t first) noexcept {
  if (ahead.slots[first] == nullptr) {
    return 0;
  }
  ConnectionSlot& slot = *ahead.slots[first];
  const UsualFrame view{burst.contiguous(first).data()};
  if (!slot.is_vetted_by(interface) || wire::TupleKey::of(slot.connection.tuple()) != view.key()) {
    return 0;
  }
  const Before before = stand_of(slot);
  SegmentReader& reader = ahead.reader;
  tcp::Tally::Arrivals arrivals;
  std::uint16_t at = first;
  do {
    Packet frame = burst.take(at);
    if (!reader.read(frame)) [[unlikely]] {
      burst.put_back(at, std::move(frame));
      break;
    }
    const tcp::Disposition disposition =
        slot.connection.on_segment(resources_, now, reader.segment(), std::move(frame));
    ++at;
    arrivals.add(reader.segment(), disposition);
    if (disposition.dropped) [[unlikely]] {
      stats_.count(*disposition.dropped);
    }
    if (disposition.answer_with_reset) [[unlikely]] {
      answer_with_reset(now, slot.connection.tuple(), reader.segment());
    }
    // A change of state is for `settle`, and may mean that what follows is not the connection's.
  } while (at < burst.size() && ahead.continues[at] && slot.connection.state() == before.state);
  if (at == first) {
    return 0;
  }
  now_ = now;
  arrivals.segments = static_cast<std::uint32_t>(at - first);
  stats_.tcp_segments_in += arrivals.segments;
  note_activity(slot);
  slot.tally.on_arrivals(arrivals, progress_since(before, slot), now);
  settle(slot);
  return static_cast<std::uint16_t>(at - first);
}

}  // namespace millrace::stack
