// A request is answered once it is whole and verified.
#include "perf/responder.hpp"

#include <utility>

namespace perf {

Visitor::Visitor(Responder& responder, TestBed& bed, Channel& channel)
    : responder_{responder},
      bed_{bed},
      channel_{channel},
      requests_{checker_of_client(bed.plan)},
      responses_{pattern_of(bed.plan, 0).answer()},
      request_left_{bed.plan.request_bytes} {}

void Visitor::on_readable(Channel& channel) {
  for (auto bytes = channel.receive(); !bytes.empty(); bytes = channel.receive()) {
    if (!take(bytes)) {
      bed_.note_corruption(channel, requests_);
      channel.abort();
      return;
    }
  }
  respond();
}

bool Visitor::take(std::span<const std::byte> bytes) {
  if (has_served_ || !requests_.take(bytes, bed_.plan.seed, bed_.plan.verify)) {
    return false;
  }
  bed_.tally.bytes_in += bytes.size();
  std::uint64_t left = bytes.size();
  for (; left >= request_left_; request_left_ = bed_.plan.request_bytes) {
    left -= request_left_;
    ++bed_.tally.exchanges;
    responses_.owe(bed_.plan.response_bytes);
    if (bed_.plan.mode == Mode::Connect) {
      has_served_ = true;
      return left == 0;
    }
  }
  request_left_ -= left;
  return true;
}

void Visitor::respond() {
  if (responses_.owed() == 0) {
    return;
  }
  if (bed_.plan.request_bytes >= sizeof(std::uint64_t)) {
    responses_.set_pattern(requests_.pattern().answer());
  }
  responses_.pump(channel_, bed_);
  if (has_served_ && responses_.owed() == 0) {
    has_closed_ = true;
    channel_.close();
  }
}

void Visitor::on_writable(Channel& /*channel*/) { respond(); }

void Visitor::on_finished(Channel& channel) {
  if (bed_.plan.mode == Mode::Connect && !has_closed_) {
    bed_.problems.add("the client closed before its response had left: " + channel.peer());
  }
  has_closed_ = true;
  channel.close();
}

void Visitor::on_closed(Channel& /*channel*/, millrace::Result<void> outcome) {
  if (outcome) {
    ++bed_.tally.closed;
  } else if (outcome.error() == millrace::Error::ConnectionAborted) {
    ++bed_.tally.failed;
  } else {
    bed_.note_failure("a connection", outcome.error());
  }
  responder_.remove(*this);
}

void Responder::on_open(Channel& channel) {
  ++bed_.tally.opened;
  ++alive_;
  channel.set_user(visitors_.make(*this, bed_, channel));
}

void Responder::remove(Visitor& visitor) noexcept {
  visitors_.remove(visitor);
  --alive_;
}

void Responder::abort() {
  visitors_.for_each([](Visitor& visitor) { visitor.channel().abort(); });
}

}  // namespace perf
