#include "device/holding.hpp"

#include <algorithm>
#include <utility>

#include "base/contract.hpp"
#include "device/whole_copy.hpp"

namespace millrace::device {

namespace {

/// FNV-1a over all bytes of the chain.
std::uint64_t hash_of(const rte_mbuf* frame) noexcept {
  constexpr std::uint64_t kOffsetBasis = 0xcbf29ce484222325;
  constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t hash = kOffsetBasis;
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    const std::byte* const bytes = rte_pktmbuf_mtod(segment, const std::byte*);
    for (std::uint32_t i = 0; i < rte_pktmbuf_data_len(segment); ++i) {
      hash = (hash ^ std::to_integer<std::uint64_t>(bytes[i])) * kPrime;
    }
  }
  return hash;
}

}  // namespace

HoldingDevice::HoldingDevice(std::unique_ptr<Device> inner, packet::PacketPool& pool,
                             base::Random random, const Options& options, OnChanged on_changed)
    : inner_{std::move(inner)},
      pool_{pool},
      random_{std::move(random)},
      options_{options},
      on_changed_{std::move(on_changed)} {
  held_.reserve(options_.capacity);
}

HoldingDevice::~HoldingDevice() {
  for (const Held& held : held_) {
    check(held);
  }
}

void HoldingDevice::rx_burst(packet::Burst& burst) noexcept {
  ++turn_;
  for (std::size_t i = 0; i < held_.size();) {
    if (held_[i].release_turn <= turn_) {
      check(held_[i]);
      std::swap(held_[i], held_.back());
      held_.pop_back();
    } else {
      ++i;
    }
  }
  inner_->rx_burst(burst);
}

void HoldingDevice::tx_burst(packet::Burst& burst) noexcept {
  packet::Burst copies;
  copy_to(copies, burst);
  const std::uint16_t copied = copies.size();
  inner_->tx_burst(copies);
  const auto taken = static_cast<std::uint16_t>(copied - copies.size());
  for (std::uint16_t i = 0; i < taken; ++i) {
    hold(burst.take(i));
  }
  burst.drop_front(taken);
}

bool HoldingDevice::arm_wake() noexcept { return held_.empty() && inner_->arm_wake(); }

std::uint32_t HoldingDevice::held_packets() const noexcept {
  return static_cast<std::uint32_t>(held_.size()) + inner_->held_packets();
}

/// Copies from the front as many as can be held and copied.
void HoldingDevice::copy_to(packet::Burst& copies, packet::Burst& burst) noexcept {
  const std::size_t room = options_.capacity - held_.size();
  for (std::uint16_t i = 0; i < burst.size() && copies.size() < room; ++i) {
    packet::Packet copy = whole_copy(burst.peek(i), pool_);
    if (!copy) {
      return;
    }
    copies.push_back(std::move(copy));
  }
}

void HoldingDevice::hold(packet::Packet packet) noexcept {
  base::expects(held_.size() < options_.capacity);
  const std::uint64_t hash = hash_of(packet.get());
  const std::uint32_t size = packet.size();
  const std::uint64_t release_turn = turn_ + 1 + random_.below(options_.turns_max + 1);
  held_.push_back(Held{std::move(packet), hash, frames_++, release_turn, size});
}

void HoldingDevice::check(const Held& held) noexcept {
  if (held.packet.size() == held.size && hash_of(held.packet.get()) == held.hash) {
    return;
  }
  ++changed_;
  if (on_changed_) {
    on_changed_(ChangedFrame{held.number, held.size});
  }
}

}  // namespace millrace::device
