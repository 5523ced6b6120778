// PortIndex: which listeners are on a port, found without looking at the others. A segment that
// belongs to no connection costs the same however many there are.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <millrace/endpoint.hpp>

#include "base/contract.hpp"

namespace millrace::stack {

/// Of objects in a `base::SlotTable`, by their index there. Ports are hashed to chains: those of
/// listeners are chosen on this side, so that no peer can make a chain long.
class PortIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// `capacity`: of the table, at least 1. All memory is taken here.
  explicit PortIndex(std::uint32_t capacity)
      : firsts_(std::bit_ceil(capacity), kNone), others_(capacity, kNone) {}

  /// `index` is on no port yet.
  void insert(Port port, std::uint32_t index) noexcept {
    std::uint32_t& first = firsts_[chain_of(port)];
    others_[index] = first;
    first = index;
  }
  /// `index` is on `port`.
  void erase(Port port, std::uint32_t index) noexcept {
    std::uint32_t* place = &firsts_[chain_of(port)];
    while (*place != index) {
      base::expects(*place != kNone);
      place = &others_[*place];
    }
    *place = others_[index];
  }
  /// The first for which `is_wanted` is true, or `kNone`; of those on `port`, and perhaps some on
  /// others.
  template <class F>
  [[nodiscard]] std::uint32_t find(Port port, F&& is_wanted) const noexcept {
    std::uint32_t index = firsts_[chain_of(port)];
    while (index != kNone && !is_wanted(index)) {
      index = others_[index];
    }
    return index;
  }

 private:
  /// Ports in a row come to lie far apart.
  [[nodiscard]] std::uint32_t chain_of(Port port) const noexcept {
    const std::uint32_t mixed = port.number() * 0x9e37'79b1U;
    return (mixed >> 16U) & static_cast<std::uint32_t>(firsts_.size() - 1);
  }

  std::vector<std::uint32_t> firsts_;  // By chain.
  std::vector<std::uint32_t> others_;  // By index: who follows in its chain.
};

}  // namespace millrace::stack
