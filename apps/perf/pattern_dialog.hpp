// What is said on a connection of `rr` and `idle`: requests and responses of fixed sizes, made of
// the pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "perf/test_bed.hpp"

namespace perf {

/// One connection's, at the client.
class PatternDialog {
 public:
  struct Shared {};  ///< What all of them need beyond the bed: nothing.

  PatternDialog(const Shared& /*shared*/, const TestBed& bed, std::size_t number) noexcept
      : requests_{pattern_of(bed.plan, number)},
        responses_{pattern_of(bed.plan, number).answer()},
        response_left_{bed.plan.response_bytes} {}

  /// Whether the server may end connections, so that they are to be made anew.
  static constexpr bool kReconnects = false;

  void ask(const TestBed& bed) noexcept { requests_.owe(bed.plan.request_bytes); }
  void pump(Channel& channel, TestBed& bed) { requests_.pump(channel, bed); }
  /// How many responses end in `bytes`, at most `waiting`; empty after wrong bytes, which are
  /// noted.
  [[nodiscard]] std::optional<std::uint32_t> take(std::span<const std::byte> bytes,
                                                  std::uint32_t waiting, Channel& channel,
                                                  TestBed& bed) {
    if (!responses_.take(bytes, bed.plan.seed, bed.plan.verify)) {
      bed.note_corruption(channel, responses_);
      return std::nullopt;
    }
    std::uint32_t ended = 0;
    std::uint64_t left = bytes.size();
    for (; ended < waiting && left >= response_left_; ++ended) {
      left -= response_left_;
      response_left_ = bed.plan.response_bytes;
    }
    if (ended == waiting && left > 0) {
      ++bed.tally.corrupt;
      bed.problems.add("more bytes than were asked for from " + channel.peer());
      return std::nullopt;
    }
    response_left_ -= left;
    bed.tally.bytes_in += bytes.size();
    return ended;
  }

 private:
  Outgoing requests_;
  Checker responses_;
  std::uint64_t response_left_;  // Of the response that is arriving, in bytes.
};

}  // namespace perf
