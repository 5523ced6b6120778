// When each request that has no answer yet was sent, or was due: a short queue for each connection,
// all in one piece of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "perf/stopwatch.hpp"

namespace perf {

/// Answers come in the order of their requests. Whoever uses it keeps to `depth`.
class RequestTimes {
 public:
  RequestTimes(std::size_t lines, std::uint32_t depth)
      : depth_{depth}, queues_(lines), times_(lines * depth) {}

  [[nodiscard]] std::uint32_t waiting(std::size_t line) const noexcept {
    return queues_[line].count;
  }
  [[nodiscard]] bool is_full(std::size_t line) const noexcept {
    return queues_[line].count == depth_;
  }
  void put(std::size_t line, Ticks time) noexcept {
    Queue& queue = queues_[line];
    const std::uint32_t behind = queue.first + queue.count;
    times_[line * depth_ + (behind < depth_ ? behind : behind - depth_)] = time;
    ++queue.count;
  }
  [[nodiscard]] Ticks take(std::size_t line) noexcept {
    Queue& queue = queues_[line];
    const Ticks time = times_[line * depth_ + queue.first];
    queue.first = queue.first + 1 < depth_ ? queue.first + 1 : 0;
    --queue.count;
    return time;
  }
  void clear(std::size_t line) noexcept { queues_[line] = {}; }

 private:
  struct Queue {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  std::uint32_t depth_;
  std::vector<Queue> queues_;
  std::vector<Ticks> times_;
};

}  // namespace perf
