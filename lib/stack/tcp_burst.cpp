// The lane for what nearly every frame is: a usual segment of a connection that has had one by the
// same interface before. A burst is looked at as a whole first, so that its frames, the table and
// the connections are on their way into the cache while others are read; then runs of segments of
// one connection are handled as one. Whatever is not certain to come out as in tcp_input.cpp is
// left to that (decision 0022).
#include <optional>
#include <span>
#include <utility>

#include "stack/tcp_core.hpp"
#include "tcp/predicted_input.hpp"
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
  Run run{.slot = slot, .ahead = ahead, .burst = burst, .at = first};
  // A change of state is for `settle`, and may mean that what follows is not the connection's.
  while (receive_one(now, run) && run.at < burst.size() && ahead.continues[run.at] &&
         slot.connection.state() == before.state) {
  }
  if (run.at == first) {
    return 0;
  }
  now_ = now;
  run.arrivals.segments = static_cast<std::uint32_t>(run.at - first);
  stats_.tcp_segments_in += run.arrivals.segments;
  note_activity(slot);
  slot.tally.on_arrivals(run.arrivals, progress_since(before, slot), now);
  settle(slot);
  return static_cast<std::uint16_t>(run.at - first);
}

bool TcpCore::receive_one(Instant now, Run& run) noexcept {
  Packet frame = run.burst.take(run.at);
  const UsualFrame view{frame.data().data()};
  SegmentReader& reader = run.ahead.reader;
  if (!reader.read(frame)) [[unlikely]] {
    run.burst.put_back(run.at, std::move(frame));
    return false;
  }
  tcp::Connection& connection = run.slot.connection;
  const tcp::Segment& segment = reader.segment();
  const auto next = static_cast<std::uint16_t>(run.at + 1);
  std::optional<UsualFrame::Statement> statement;
  if (next < run.burst.size() && run.ahead.continues[next] && reader.is_plain() &&
      segment.seq == connection.receive_sequence().rcv_nxt) {
    statement = view.statement();
  }
  const tcp::Disposition disposition =
      connection.on_segment(resources_, now, segment, std::move(frame));
  run.at = next;
  run.arrivals.add(segment, disposition);
  if (disposition.dropped) [[unlikely]] {
    stats_.count(*disposition.dropped);
  }
  if (disposition.answer_with_reset) [[unlikely]] {
    answer_with_reset(now, connection.tuple(), segment);
  }
  if (statement && !disposition.dropped) {
    receive_text(now, run, *statement);
  }
  return true;
}

void TcpCore::receive_text(Instant now, Run& run, const UsualFrame::Statement& statement) noexcept {
  const tcp::Segment& segment = run.ahead.reader.segment();
  tcp::PredictedInput input{run.slot.connection, resources_, now};
  if (!input.precedes_text(segment)) {
    return;
  }
  const std::uint32_t offset = statement.has_timestamps
                                   ? UsualFrame::kSegmentAt + UsualFrame::kHeaderWithTimestamps
                                   : UsualFrame::kSizeMin;
  const std::uint32_t bytes = offset + segment.payload_bytes;
  const std::uint16_t first = run.at;
  for (; run.at < run.burst.size() && run.ahead.continues[run.at]; ++run.at) {
    Packet frame = run.burst.take(run.at);
    if (!SegmentReader::is_alike(frame, bytes, statement, input.next_text()) ||
        !input.take_text(frame, offset, segment.payload_bytes)) {
      run.burst.put_back(run.at, std::move(frame));
      break;
    }
  }
  const auto count = static_cast<std::uint32_t>(run.at - first);
  if (count > 0) {
    run.arrivals.data_segments += count;
    input.settle_text(segment, count);
  }
}

}  // namespace millrace::stack
