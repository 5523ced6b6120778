// Lines that could go on for ever share one timer.
#include "perf/stream_service.hpp"

#include <limits>
#include <memory>
#include <utility>

#include "perf/responder.hpp"
#include "perf/stream_traffic.hpp"

namespace perf {

std::unique_ptr<Service> make_service(TestBed& bed) {
  if (bed.plan.mode == Mode::Stream) {
    return std::make_unique<StreamService>(bed);
  }
  return std::make_unique<Responder>(bed);
}

StreamVisitor::StreamVisitor(StreamService& service, TestBed& bed, Channel& channel,
                             std::vector<std::byte> source)
    : service_{service}, bed_{bed} {
  const Pattern outgoing = pattern_of(bed.plan, 0).answer();
  line_.begin(channel, outgoing, checker_of_client(bed.plan), bed.plan.server_sends);
  line_.set_source(std::move(source));
}

void StreamVisitor::on_readable(Channel& channel) {
  if (!line_.take(bed_)) {
    channel.abort();
  }
}

void StreamVisitor::on_writable(Channel& /*channel*/) { pump(); }

void StreamVisitor::pump() {
  if (service_.is_flowing() && line_.pump(bed_, std::numeric_limits<std::uint64_t>::max())) {
    service_.pump_later();
  }
}

void StreamVisitor::on_finished(Channel& /*channel*/) { line_.on_finished(); }

void StreamVisitor::on_closed(Channel& /*channel*/, millrace::Result<void> outcome) {
  if (outcome) {
    ++bed_.tally.closed;
  } else if (outcome.error() == millrace::Error::ConnectionAborted) {
    ++bed_.tally.failed;
  } else {
    bed_.note_failure("a connection", outcome.error());
  }
  service_.remove(*this);
}

StreamService::StreamService(TestBed& bed) : bed_{bed} {
  const std::size_t bytes = bed.plan.server_sends ? source_bytes(bed.plan) : 0;
  sources_.resize(bed.plan.connections);
  for (auto& source : sources_) {
    source.resize(bytes);
  }
}

void StreamService::on_open(Channel& channel) {
  if (sources_.empty()) {
    bed_.problems.add("more connections than were agreed on: " + channel.peer());
    channel.abort();
    return;
  }
  ++bed_.tally.opened;
  ++alive_;
  StreamVisitor& visitor = visitors_.make(*this, bed_, channel, std::move(sources_.back()));
  sources_.pop_back();
  channel.set_user(visitor);
}

void StreamService::start() {
  is_flowing_ = bed_.plan.server_sends;
  pump_all();
}

void StreamService::pump_all() {
  if (is_flowing_) {
    visitors_.for_each([](StreamVisitor& visitor) { visitor.pump(); });
  }
}

// Once for all that ask meanwhile.
void StreamService::pump_later() {
  if (!will_pump_) {
    will_pump_ = bed_.transport.after(millrace::Duration::zero(), [this] {
      will_pump_ = false;
      pump_all();
    });
  }
}

void StreamService::stop() {
  is_flowing_ = false;
  visitors_.for_each([](StreamVisitor& visitor) { visitor.stop(); });
}

void StreamService::abort() {
  is_flowing_ = false;
  visitors_.for_each([](StreamVisitor& visitor) { visitor.abort(); });
}

void StreamService::remove(StreamVisitor& visitor) noexcept {
  visitors_.remove(visitor);
  --alive_;
}

}  // namespace perf
