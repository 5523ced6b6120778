// What protocol scripts say of options: timestamps and selective acknowledgments, relative to the
// numbers that a script begins with.
#include <chrono>

#include "support/tcp_script.hpp"

namespace millrace::test {

using wire::SeqNum;

Seg Seg::sacks(std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> edges) const {
  return with(&Seg::blocks, Blocks{edges});
}

Start& Start::timestamps(const TimestampStarts& first) {
  stamps = first;
  return *this;
}
Start& Start::selective_acks() {
  sack = true;
  return *this;
}
Start& Start::over_ipv6() {
  is_ipv6 = true;
  return *this;
}
Start& Start::quick_acks(std::uint32_t most) {
  config.quick_acks_max = most;
  return *this;
}

std::uint32_t TcpScript::ticks() const {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now_ - first_).count());
}

std::uint32_t TcpScript::timestamp_offset() const {
  // So that our first value is the one that the script begins with.
  return setup_.stamps.value_or(TimestampStarts{}).ours - tcp::timestamp_clock(first_);
}

void TcpScript::add_peer_options(tcp::Segment& segment, const Seg& seg) {
  const TimestampStarts starts = setup_.stamps.value_or(TimestampStarts{});
  if (segment.flags.syn()) {
    segment.options.sack_permitted = seg.sack_permitted.value_or(setup_.sack);
    peer_stamps_ = setup_.stamps.has_value() && seg.has_timestamps;
  }
  if ((peer_stamps_ && seg.has_timestamps) || seg.ts_value) {
    const std::uint32_t echo =
        segment.flags.ack() ? starts.ours + seg.ts_echo.value_or(newest_) : 0;
    segment.options.timestamps =
        wire::TcpTimestamps{.value = starts.peers + seg.ts_value.value_or(ticks()),
                            .echo = seg.ts_echo == Seg::kNoEcho ? 0 : echo};
  }
  for (const auto& [left, right] : seg.blocks ? *seg.blocks : Blocks{}) {
    static_cast<void>(segment.options.sack.push_back(
        {SeqNum{setup_.numbers.iss} + left, SeqNum{setup_.numbers.iss} + right}));
  }
}

void TcpScript::note_options(Seg& seg, const tcp::SegmentPlan& plan, bool is_stateless) {
  const TimestampStarts starts = setup_.stamps.value_or(TimestampStarts{});
  seg.sack_permitted = plan.options.sack_permitted;
  seg.has_timestamps = plan.options.timestamps.has_value();
  if (const auto& stamps = plan.options.timestamps) {
    seg.ts_value = stamps->value - starts.ours;
    seg.ts_echo = stamps->echo == 0 ? Seg::kNoEcho : stamps->echo - starts.peers;
    newest_ = *seg.ts_value;
  }
  seg.blocks = Blocks{};
  for (const wire::SackBlock& block : plan.options.sack) {
    const auto left = static_cast<std::uint32_t>(block.left - SeqNum{setup_.numbers.irs});
    const auto right = static_cast<std::uint32_t>(block.right - SeqNum{setup_.numbers.irs});
    seg.blocks->emplace_back(left, right);
  }
  const Location here = Location::current();
  check(is_stateless || !connection_->timestamps().is_on() || seg.has_timestamps,
        "timestamps were agreed on, and a segment lacks them", here);
  check(seg.blocks->empty() || (connection_->has_selective_acks() && plan.flags.ack()),
        "selective acknowledgments where there may be none", here);
  check(!plan.options.mss || plan.flags.syn(), "an MSS option outside of a SYN", here);
  // What fits into forty bytes.
  check(seg.blocks->size() <= (seg.has_timestamps ? 3U : 4U), "more blocks than fit", here);
  check(plan.flags.syn() || plan.payload_bytes == 0 ||
            plan.payload_bytes + wire::tcp_options_size(plan.options, false) <= setup_.mss_bytes,
        "more payload and options than the path takes", here);
}

std::string TcpScript::options_difference(const Seg& expected, const Seg& sent) const {
  std::string wrong;
  const auto compare = [&wrong](bool is_same, const char* what) { wrong += is_same ? "" : what; };
  compare(!expected.ts_value || expected.ts_value == sent.ts_value, "timestamp ");
  compare(!expected.ts_echo || expected.ts_echo == sent.ts_echo, "echo ");
  compare(expected.has_timestamps || !sent.has_timestamps, "timestamps at all ");
  compare(!expected.sack_permitted || expected.sack_permitted == sent.sack_permitted,
          "sack permitted ");
  compare(!expected.blocks || expected.blocks == sent.blocks, "sack blocks ");
  return wrong;
}

}  // namespace millrace::test
