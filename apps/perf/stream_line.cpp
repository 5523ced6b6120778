// The source is memory that grows cold between its laps, as that of a program with something to
// say.
#include "perf/stream_line.hpp"

#include <algorithm>

namespace perf {
namespace {

constexpr std::size_t kPieceBytes = 64UL * 1024;

}  // namespace

void StreamLine::begin(Channel& channel, Pattern outgoing, Checker incoming, bool sends) {
  channel_ = &channel;
  outgoing_ = outgoing;
  incoming_ = incoming;
  sends_ = sends;
  has_stopped_ = !sends;
}

bool StreamLine::pump(TestBed& bed, std::uint64_t most) {
  if (channel_ == nullptr || has_stopped_) {
    return false;
  }
  for (std::size_t burst = 0; burst < kBurstBytes && most > 0;) {
    if (begin_ == end_) {
      refill(static_cast<std::size_t>(std::min<std::uint64_t>(most, kPieceBytes)));
    }
    const auto piece = std::span{source_}.subspan(begin_, end_ - begin_);
    const std::size_t taken = channel_->send(piece);
    begin_ += taken;
    sent_ += taken;
    burst += taken;
    most -= std::min<std::uint64_t>(most, taken);
    bed.tally.bytes_out += taken;
    if (taken < piece.size()) {
      return false;
    }
  }
  return most > 0;
}

// Pieces follow each other through the source; the last one of a lap may be shorter.
void StreamLine::refill(std::size_t wanted) {
  begin_ = end_ == source_.size() ? 0 : end_;
  end_ = begin_ + std::min(wanted, source_.size() - begin_);
  outgoing_.fill(sent_, std::span{source_}.subspan(begin_, end_ - begin_));
}

bool StreamLine::take(TestBed& bed) {
  for (auto bytes = channel_->receive(); !bytes.empty(); bytes = channel_->receive()) {
    if (!incoming_.take(bytes, bed.plan.seed, bed.plan.verify)) {
      bed.note_corruption(*channel_, incoming_);
      return false;
    }
    bed.tally.bytes_in += bytes.size();
  }
  return true;
}

void StreamLine::stop() {
  if (channel_ != nullptr && sends_ && !has_stopped_) {
    has_stopped_ = true;
    channel_->shutdown();
    close_if_done();
  }
}

void StreamLine::on_finished() {
  peer_has_finished_ = true;
  close_if_done();
}

void StreamLine::close_if_done() {
  if (has_stopped_ && peer_has_finished_) {
    channel_->close();
  }
}

}  // namespace perf
