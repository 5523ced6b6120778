// One connection of a stream test, at either end: sends without pause, checks what comes, or both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "perf/pattern.hpp"
#include "perf/test_bed.hpp"
#include "perf/transport.hpp"

namespace perf {

/// What the two ends do with it is `sends` and `receives`; whoever sends ends its stream after
/// `stop`, and the line is closed once both directions are over.
class StreamLine {
 public:
  /// How much one call may send before others have their turn.
  static constexpr std::size_t kBurstBytes = std::size_t{4} << 20U;

  StreamLine() = default;

  /// The memory that is sent from; empty if nothing is.
  void set_source(std::vector<std::byte> source) noexcept { source_ = std::move(source); }
  void begin(Channel& channel, Pattern outgoing, Checker incoming, bool sends);
  /// Sends from now on: as much as there is room for. True when it wants to be called again soon,
  /// although no event will say so.
  [[nodiscard]] bool pump(TestBed& bed, std::uint64_t most);
  /// Takes what has arrived. False after wrong bytes.
  [[nodiscard]] bool take(TestBed& bed);
  /// No more will be sent.
  void stop();
  /// The peer sends no more.
  void on_finished();
  void on_closed() noexcept { channel_ = nullptr; }

  [[nodiscard]] Channel* channel() const noexcept { return channel_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  void close_if_done();
  void refill(std::size_t wanted);

  Channel* channel_ = nullptr;
  Pattern outgoing_;
  Checker incoming_;
  std::vector<std::byte> source_;  // Written anew, lap by lap, just before it is sent.
  std::size_t begin_ = 0;          // Of what is written and not sent.
  std::size_t end_ = 0;
  std::uint64_t sent_ = 0;
  bool sends_ = false;
  bool has_stopped_ = false;
  bool peer_has_finished_ = false;
};

}  // namespace perf
