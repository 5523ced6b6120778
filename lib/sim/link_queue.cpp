#include "sim/link_queue.hpp"

#include <utility>

#include "sim/byte_hash.hpp"
#include "sim/frame_view.hpp"
#include "wire/seq_num.hpp"

namespace millrace::sim {

bool LinkQueue::has_room(const LinkParameters& parameters, std::size_t bytes,
                         std::size_t ahead) const noexcept {
  return waiting_.size() + ahead < parameters.queue_frames &&
         (parameters.queue_bytes == 0 || bytes_ + bytes <= parameters.queue_bytes);
}

std::uint32_t LinkQueue::push(const LinkParameters& parameters, Frame frame) {
  bytes_ += frame.size();
  if (!parameters.thins_acks) {
    waiting_.push_back({.frame = std::move(frame)});
    return 0;
  }
  Waiting newest = describe(std::move(frame));
  const std::uint32_t thinned = newest.ack_of == 0 ? 0 : thin(newest);
  waiting_.push_back(std::move(newest));
  return thinned;
}

Frame LinkQueue::pop() {
  Frame frame = std::move(waiting_.front().frame);
  waiting_.pop_front();
  bytes_ -= frame.size();
  return frame;
}

LinkQueue::Waiting LinkQueue::describe(Frame frame) {
  Waiting waiting{.frame = std::move(frame)};
  const auto segment = view_segment(waiting.frame);
  if (segment && segment->is_pure_ack()) {
    ByteHash direction{1};
    direction.add(std::as_bytes(std::span{segment->ip.source.bytes()}));
    direction.add(std::as_bytes(std::span{segment->ip.destination.bytes()}));
    direction.add(std::uint64_t{segment->tcp.source_port} << 16U | segment->tcp.destination_port);
    waiting.ack_of = direction.value() | 1U;
    waiting.ack = segment->tcp.ack.value();
  }
  return waiting;
}

std::uint32_t LinkQueue::thin(const Waiting& newest) {
  return static_cast<std::uint32_t>(std::erase_if(waiting_, [&](const Waiting& one) {
    const bool is_needless =
        one.ack_of == newest.ack_of && !wire::SeqNum{one.ack}.is_after(wire::SeqNum{newest.ack});
    bytes_ -= is_needless ? one.frame.size() : 0;
    return is_needless;
  }));
}

}  // namespace millrace::sim
