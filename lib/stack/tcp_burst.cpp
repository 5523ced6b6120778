// The lane for what nearly every frame is: a usual segment of a connection that has had one by the
// same interface before. A burst is looked at as a whole first, so that its frames, the table and
// the connections are on their way into the cache while others are read; then runs of segments of
// one connection are handled as one. Whatever is not certain to come out as in tcp_input.cpp is
// left to that (decision 0022).
#include <span>
#include <utility>

#include "stack/tcp_core.hpp"
#include "tcp/predicted_input.hpp"
#include "tcp/receive_queue.hpp"
#include "wire/usual_frame.hpp"

namespace millrace::stack {

using packet::Packet;
using wire::UsualFrame;

namespace {

/// No frame of at most that size is text that repeats: what it carries is copied.
constexpr std::size_t kCopiedSizeMax =
    UsualFrame::kSegmentAt + wire::kTcpHeaderSize + tcp::ReceiveQueue::kCopyMax;
static_assert(kCopiedSizeMax >= UsualFrame::kRepeatSizeMin);

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
  const std::uint16_t frames = burst.size();
  std::array<std::uint32_t, packet::Burst::kCapacity> hashes;  // Of the first of each run.
  hashes[0] = Demux::kNoHash;
  wire::TupleKey last;
  std::uint8_t first = 0;
  UsualFrame before{nullptr};
  bool may_be_repeated = false;
  for (std::uint8_t i = 0; i < frames; ++i) {
    const auto frame = burst.contiguous(i);
    const UsualFrame view{frame.data()};
    const bool is_large = frame.size() > kCopiedSizeMax;
    // Ports first: whoever has little to say is followed by somebody else.
    ahead.repeats[i] =
        may_be_repeated && is_large && view.key().ports == last.ports && view.repeats(before);
    if (ahead.repeats[i]) {
      before = view;
      ahead.firsts[i] = first;
      continue;
    }
    may_be_repeated = false;
    if (frame.size() < UsualFrame::kSizeMin || !view.is_usual(station)) {
      last = {};
      first = i;
      hashes[i] = Demux::kNoHash;
      ahead.firsts[i] = first;
      continue;
    }
    if (const wire::TupleKey key = view.key(); key != last) {
      last = key;
      first = i;
      hashes[i] = demux_.hash_of(key);
      demux_.prefetch(hashes[i]);
    }
    ahead.firsts[i] = first;
    before = view;
    may_be_repeated = is_large;
  }
  for (std::uint8_t i = 0; i < frames; ++i) {
    if (!ahead.continues(i)) {
      const DemuxTarget target = demux_.guess(hashes[i]);
      ahead.slots[i] = target.is_connection() ? &slot_of(target) : nullptr;
      prefetch(ahead.slots[i]);
    }
  }
}

std::uint16_t TcpCore::receive_run(Instant now, const net::Interface& interface,
                                   const LookAhead& ahead, packet::Burst& burst,
                                   std::uint16_t first) noexcept {
  if (ahead.slot_of(first) == nullptr) {
    return 0;
  }
  ConnectionSlot& slot = *ahead.slot_of(first);
  const UsualFrame view{burst.contiguous(first).data()};
  if (!slot.is_vetted_by(interface) || wire::TupleKey::of(slot.connection.tuple()) != view.key()) {
    return 0;
  }
  const Before before = stand_of(slot);
  tcp::Tally::Arrivals arrivals;
  std::uint16_t at = first;
  do {
    const tcp::SeqNum rcv_nxt = slot.connection.receive_sequence().rcv_nxt;
    Packet frame = burst.take(at);
    if (!reader_.read(frame)) [[unlikely]] {
      burst.put_back(at, std::move(frame));
      break;
    }
    const tcp::Disposition disposition =
        slot.connection.on_segment(resources_, now, reader_.segment(), std::move(frame));
    ++at;
    arrivals.add(reader_.segment(), disposition);
    if (disposition.dropped || disposition.answer_with_reset) [[unlikely]] {
      refuse(now, slot, reader_.segment(), disposition);
    }
    // A change of state is for `settle`, and may mean that what follows is not the connection's.
    if (at == burst.size() || !ahead.continues(at) || slot.connection.state() != before.state) {
      break;
    }
    if (ahead.repeats[at] && reader_.segment().seq == rcv_nxt && reader_.is_plain() &&
        !disposition.dropped) {
      const std::uint16_t text = receive_text(now, slot, {ahead, burst, at});
      arrivals.data_segments += text;
      at = static_cast<std::uint16_t>(at + text);
    }
  } while (at < burst.size() && ahead.continues(at));
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

void TcpCore::refuse(Instant now, ConnectionSlot& slot, const tcp::Segment& segment,
                     const tcp::Disposition& disposition) noexcept {
  if (disposition.dropped) {
    stats_.count(*disposition.dropped);
  }
  if (disposition.answer_with_reset) {
    answer_with_reset(now, slot.connection.tuple(), segment);
  }
}

// Apart from its caller, which is to have the registers for the many that nothing follows.
[[gnu::noinline]] std::uint16_t TcpCore::receive_text(Instant now, ConnectionSlot& slot,
                                                      const Rest& rest) noexcept {
  const tcp::Segment& segment = reader_.segment();
  tcp::PredictedInput input{slot.connection, resources_, now};
  if (!input.precedes_text(segment)) {
    return 0;
  }
  const std::uint32_t header =
      segment.options.timestamps ? UsualFrame::kHeaderWithTimestamps : wire::kTcpHeaderSize;
  const std::uint32_t offset = UsualFrame::kSegmentAt + header;
  const std::uint32_t bytes = offset + segment.payload_bytes;
  std::uint16_t at = rest.at;
  for (; at < rest.burst.size() && rest.ahead.repeats[at]; ++at) {
    Packet frame = rest.burst.take(at);
    if (!SegmentReader::is_next(frame, bytes, input.next_text()) ||
        !input.take_text(frame, offset, segment.payload_bytes)) {
      rest.burst.put_back(at, std::move(frame));
      break;
    }
  }
  const auto count = static_cast<std::uint16_t>(at - rest.at);
  if (count > 0) {
    input.settle_text(segment, count);
  }
  return count;
}

}  // namespace millrace::stack
