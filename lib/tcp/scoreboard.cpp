#include "tcp/scoreboard.hpp"

#include <algorithm>

namespace millrace::tcp {

namespace {

bool is_inside(const SackBlock& inner, const SackBlock& outer) noexcept {
  return inner.left.is_at_or_after(outer.left) && inner.right.is_at_or_before(outer.right);
}

/// RFC 2883 §4: the first block reports a duplicate if it lies below the cumulative acknowledgment,
/// or inside of the second one.
bool is_duplicate_report(std::span<const SackBlock> blocks, SeqNum ack) noexcept {
  return blocks[0].right.is_at_or_before(ack) ||
         (blocks.size() > 1 && is_inside(blocks[0], blocks[1]));
}

}  // namespace

SackNews read_sack(std::span<const SackBlock> blocks, SeqNum ack, SeqNum snd_una, SeqNum snd_nxt,
                   std::uint32_t window_max) noexcept {
  SackNews news;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const SackBlock& block = blocks[i];
    const bool is_sound = block.left.is_before(block.right) &&
                          block.right.is_at_or_before(snd_nxt) &&
                          block.left.is_at_or_after(ack - window_max);
    if (is_sound && i == 0 && is_duplicate_report(blocks, ack)) {
      news.duplicate = block;
    } else if (!is_sound || block.left.is_at_or_before(ack)) {
      // RFC 2018 §3: a block stands behind a hole, which stands behind the acknowledgment.
      ++news.bad_blocks;
    } else if (block.right.is_after(snd_una)) {
      // An ACK that was overtaken may speak of what has been acknowledged since.
      static_cast<void>(news.blocks.push_back(block));
    }
  }
  return news;
}

std::uint32_t Scoreboard::mark(SentSegments& sent, std::span<const SackBlock> blocks,
                               DeliveryLog& log) noexcept {
  std::uint32_t marked = 0;
  std::uint32_t steps = 0;
  base::FixedVector<Place, wire::kSackBlocksMax> places;
  credit_ = std::min(credit_ + kCreditPerCall, kStepsMax);
  for (const SackBlock& block : blocks) {
    SentSegment* from = start_for(sent, block);
    for (SentSegment* segment = from; segment != nullptr && steps < kStepsMax && credit_ > 0;
         ++steps) {
      from = segment;
      if (segment->end().is_after(block.right)) {
        break;
      }
      const bool is_inside = segment->seq.is_at_or_after(block.left);
      const std::uint32_t news = is_inside ? sent.note_sacked(*segment, log) : 0;
      marked += news;
      credit_ -= news == 0 ? 1 : 0;
      segment = segment->next;
    }
    if (from != nullptr) {
      static_cast<void>(places.push_back({.block = block, .from = from, .seq = from->seq}));
    }
  }
  places_ = places;
  return marked;
}

void Scoreboard::on_ack(SeqNum snd_una) noexcept {
  if (places_.empty()) {
    return;
  }
  // A record that was acknowledged in part starts elsewhere now.
  base::FixedVector<Place, wire::kSackBlocksMax> known;
  for (const Place& place : places_) {
    if (place.seq.is_at_or_after(snd_una)) {
      static_cast<void>(known.push_back(place));
    }
  }
  places_ = known;
}

SentSegment* Scoreboard::start_for(SentSegments& sent, const SackBlock& block) const noexcept {
  SentSegment* start = sent.first();
  for (const Place& place : places_) {
    if (place.block.left == block.left && place.block.right.is_at_or_before(block.right)) {
      return place.from;
    }
    // Records before a place's end at or before its block's right edge.
    if (place.block.right.is_at_or_before(block.left) && place.from->seq.is_after(start->seq)) {
      start = place.from;
    }
  }
  return start;
}

}  // namespace millrace::tcp
