#include "stack/demux.hpp"

#include <bit>
#include <cstdlib>

#include "base/contract.hpp"

namespace millrace::stack {

Demux::Demux(std::uint32_t capacity, const base::KeyedHash& secret)
    : hash_{secret}, capacity_{capacity} {
  const std::size_t slots = std::bit_ceil(std::size_t{capacity} * 2);
  base::expects(slots <= std::size_t{1} << 31U);
  mask_ = static_cast<std::uint32_t>(slots - 1);
  // Zeroed pages that the kernel hands out when they are first written.
  void* const memory = std::calloc(slots, sizeof(Slot));
  base::expects(memory != nullptr);
  slots_ = std::unique_ptr<Slot[], Free>{static_cast<Slot*>(memory), Free{}};
}

void Demux::Free::operator()(Slot* slots) const noexcept { std::free(slots); }

void Demux::insert(const FourTuple& tuple, DemuxTarget target) noexcept {
  base::expects(size_ < capacity_);
  const std::uint32_t hash = hash_of(tuple);
  std::uint32_t at = hash & mask_;
  while (slots_[at].hash != kEmpty) {
    at = (at + 1) & mask_;
  }
  slots_[at] = {.hash = hash, .target = target};
  ++size_;
}

void Demux::erase(const FourTuple& tuple, DemuxTarget target) noexcept {
  std::uint32_t hole = locate(tuple, target);
  // Close the gap: move back every later entry of the run whose home does not lie behind the hole.
  for (std::uint32_t at = (hole + 1) & mask_; slots_[at].hash != kEmpty; at = (at + 1) & mask_) {
    const std::uint32_t home = slots_[at].hash & mask_;
    const std::uint32_t distance_to_home = (at - home) & mask_;
    const std::uint32_t distance_to_hole = (at - hole) & mask_;
    if (distance_to_home >= distance_to_hole) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole].hash = kEmpty;
  --size_;
}

void Demux::retarget(const FourTuple& tuple, DemuxTarget from, DemuxTarget to) noexcept {
  slots_[locate(tuple, from)].target = to;
}

std::uint32_t Demux::locate(const FourTuple& tuple, DemuxTarget target) const noexcept {
  const std::uint32_t hash = hash_of(tuple);
  std::uint32_t at = hash & mask_;
  while (slots_[at].hash != hash || slots_[at].target != target) {
    base::expects(slots_[at].hash != kEmpty);
    at = (at + 1) & mask_;
  }
  return at;
}

}  // namespace millrace::stack
