// Generator: which frame comes next: flows in turn, sizes in turn, numbers in each flow from 0.
// When frames are due, and to whom they are handed, is the tester's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loopback/test_frame.hpp"
#include "packet/packet.hpp"

namespace loopback {

class Generator {
 public:
  Generator(FrameMaker maker, std::uint16_t flows, std::size_t sizes)
      : maker_{std::move(maker)}, next_(flows), sizes_{sizes} {}

  /// Fills an empty packet with the next frame, which counts as sent.
  void make(millrace::packet::Packet& packet) noexcept {
    maker_.make(packet, {.sequence = next_[flow_]++, .flow = flow_}, size_);
    flow_ = flow_ + 1U == next_.size() ? std::uint16_t{0} : static_cast<std::uint16_t>(flow_ + 1);
    size_ = size_ + 1 == sizes_ ? 0 : size_ + 1;
    ++sent_;
  }
  /// Fills it with the word that the flow has ended.
  void make_end(millrace::packet::Packet& packet, std::uint16_t flow) const noexcept {
    maker_.make(packet, {.sequence = next_[flow], .flow = flow, .ends_of = flows()}, 0);
  }

  [[nodiscard]] std::uint16_t flows() const noexcept {
    return static_cast<std::uint16_t>(next_.size());
  }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t sent_on(std::uint16_t flow) const noexcept { return next_[flow]; }
  [[nodiscard]] FrameMaker& maker() noexcept { return maker_; }

 private:
  FrameMaker maker_;
  std::vector<std::uint64_t> next_;
  std::size_t sizes_;
  std::size_t size_ = 0;
  std::uint64_t sent_ = 0;
  std::uint16_t flow_ = 0;
};

}  // namespace loopback
