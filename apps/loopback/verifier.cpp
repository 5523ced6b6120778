#include "loopback/verifier.hpp"

#include <algorithm>

namespace loopback {

bool Verifier::take(std::span<const std::byte> frame) noexcept {
  const Seen seen = reader_.read(frame);
  switch (seen.what) {
    case Seen::What::Foreign: return false;
    case Seen::What::Damaged: ++counts_.damaged; return true;
    case Seen::What::Good: break;
  }
  if (seen.stamp.ends_of > 0) {
    take_end(seen.stamp);
  } else {
    take_good(seen.stamp);
  }
  return true;
}

void Verifier::take_good(const Stamp& stamp) noexcept {
  FlowTrack& track = flows_[stamp.flow].track;
  const std::uint64_t before = track.missing();
  switch (track.take(stamp.sequence)) {
    case FlowTrack::Place::InOrder: ++counts_.received; break;
    case FlowTrack::Place::Late:
      ++counts_.received;
      ++counts_.late;
      break;
    case FlowTrack::Place::Repeated: ++counts_.repeated; break;
  }
  missing_ += track.missing() - before;  // One less where it was late: numbers wrap as they should.
}

/// An end comes several times, for it may be lost, too.
void Verifier::take_end(const Stamp& stamp) noexcept {
  Flow& flow = flows_[stamp.flow];
  ends_of_ = stamp.ends_of;
  if (!flow.has_ended) {
    flow.has_ended = true;
    ++ended_;
    expect(stamp.flow, stamp.sequence);
  }
}

void Verifier::expect(std::uint16_t flow, std::uint64_t sent) noexcept {
  FlowTrack& track = flows_[flow].track;
  const std::uint64_t before = track.missing();
  track.expect(sent);
  missing_ += track.missing() - before;
}

Verification Verifier::result() const noexcept {
  Verification result = counts_;
  // A frame that came damaged left its number missing.
  result.lost = missing_ - std::min(missing_, counts_.damaged);
  return result;
}

}  // namespace loopback
