#include "device/fault_injector.hpp"

#include <utility>

#include "base/contract.hpp"
#include "device/whole_copy.hpp"

namespace millrace::device {

namespace {

constexpr std::uint32_t kMillion = 1'000'000;

/// Appends packets from the front of `from` while `to` has room.
void move_packets(packet::Burst& from, packet::Burst& to) noexcept {
  std::uint16_t moved = 0;
  while (moved < from.size() && !to.full()) {
    to.push_back(from.take(moved));
    ++moved;
  }
  from.drop_front(moved);
}

}  // namespace

FaultInjector::FaultInjector(std::unique_ptr<Device> inner, packet::PacketPool& pool,
                             base::Random random, const Faults& rx, const Faults& tx)
    : inner_{std::move(inner)},
      pool_{pool},
      random_{std::move(random)},
      capabilities_{inner_->capabilities()} {
  base::expects(rx.reorder_frames_max > 0);
  base::expects(tx.reorder_frames_max > 0);
  rx_.faults = rx;
  tx_.faults = tx;
  if (tx.corrupt_ppm != 0) {
    capabilities_.tx_ipv4_checksum = false;
    capabilities_.tx_tcp_checksum = false;
    capabilities_.tx_udp_checksum = false;
    capabilities_.tso_pieces = 0;
  }
  if (rx.corrupt_ppm != 0) {
    capabilities_.rx_checksum = false;
  }
}

FaultInjector::~FaultInjector() = default;

void FaultInjector::rx_burst(packet::Burst& burst) noexcept {
  // Each call is a turn, for both directions.
  release_overdue(tx_);
  inner_->tx_burst(tx_.ready);
  release_overdue(rx_);
  if (rx_.arrived.empty()) {
    inner_->rx_burst(rx_.arrived);
  }
  move_packets(rx_.ready, burst);
  while (!rx_.arrived.empty() && !burst.full()) {
    pass_arrived(rx_);
    move_packets(rx_.ready, burst);
  }
}

void FaultInjector::tx_burst(packet::Burst& burst) noexcept {
  inner_->tx_burst(tx_.ready);
  while (tx_.ready.empty() && !burst.empty()) {
    move_packets(burst, tx_.arrived);
    while (!tx_.arrived.empty() && tx_.ready.empty()) {
      pass_arrived(tx_);
      inner_->tx_burst(tx_.ready);
    }
    // What could not go on yet is still the caller's, in order; the caller's burst was emptied into
    // `arrived`.
    move_packets(tx_.arrived, burst);
  }
}

bool FaultInjector::arm_wake() noexcept {
  const bool is_idle = rx_.arrived.empty() && rx_.ready.empty() && rx_.held.empty() &&
                       tx_.ready.empty() && tx_.held.empty();
  return is_idle && inner_->arm_wake();
}

std::uint32_t FaultInjector::held_packets() const noexcept {
  const std::size_t own =
      rx_.arrived.size() + rx_.held.size() + rx_.ready.size() + tx_.held.size() + tx_.ready.size();
  return static_cast<std::uint32_t>(own) + inner_->held_packets();
}

/// Takes arrived packets through the faults while `ready` has room for all that one of them can
/// bring about.
void FaultInjector::pass_arrived(Lane& lane) noexcept {
  constexpr std::size_t kMostPerPacket = 2 + kHeldBackMax;
  static_assert(kMostPerPacket <= packet::Burst::kCapacity);
  std::uint16_t passed = 0;
  while (passed < lane.arrived.size() && lane.ready.room() >= kMostPerPacket) {
    pass(lane, lane.arrived.take(passed));
    ++passed;
  }
  lane.arrived.drop_front(passed);
}

void FaultInjector::pass(Lane& lane, packet::Packet packet) noexcept {
  if (happens(lane.faults.drop_ppm)) {
    ++lane.counts.dropped;
    return;
  }
  if (happens(lane.faults.corrupt_ppm)) {
    packet::Packet corrupted = corrupted_copy(packet);
    if (corrupted) {
      ++lane.counts.corrupted;
      packet = std::move(corrupted);
    }
  }
  packet::Packet duplicate;
  if (happens(lane.faults.duplicate_ppm)) {
    duplicate = whole_copy(packet.get(), pool_);
    lane.counts.duplicated += duplicate ? 1 : 0;
  }
  if (happens(lane.faults.reorder_ppm) && !lane.held.full()) {
    ++lane.counts.reordered;
    const std::uint32_t frames = 1 + random_.below(lane.faults.reorder_frames_max);
    base::ensures(lane.held.push_back(HeldBack{std::move(packet), frames, kTurnsHeldMax}));
  } else {
    put_ready(lane, std::move(packet));
  }
  if (duplicate) {
    put_ready(lane, std::move(duplicate));
  }
}

/// `packet` passes all that are held back; those that were passed often enough follow it.
void FaultInjector::put_ready(Lane& lane, packet::Packet packet) noexcept {
  lane.ready.push_back(std::move(packet));
  for (auto held = lane.held.begin(); held != lane.held.end();) {
    if (--held->frames_left == 0) {
      lane.ready.push_back(std::move(held->packet));
      held = lane.held.erase(held);
    } else {
      ++held;
    }
  }
}

void FaultInjector::release_overdue(Lane& lane) noexcept {
  for (auto held = lane.held.begin(); held != lane.held.end();) {
    held->turns_left -= held->turns_left > 0 ? 1 : 0;
    if (held->turns_left == 0 && !lane.ready.full()) {
      lane.ready.push_back(std::move(held->packet));
      held = lane.held.erase(held);
    } else {
      ++held;
    }
  }
}

bool FaultInjector::happens(std::uint32_t ppm) noexcept {
  return ppm != 0 && random_.below(kMillion) < ppm;
}

packet::Packet FaultInjector::corrupted_copy(const packet::Packet& packet) noexcept {
  packet::Packet copy = packet.size() == 0 ? packet::Packet{} : whole_copy(packet.get(), pool_);
  if (copy) {
    std::uint32_t offset = random_.below(copy.size());
    rte_mbuf* segment = copy.get();
    for (; offset >= segment->data_len; segment = segment->next) {
      offset -= segment->data_len;
    }
    *rte_pktmbuf_mtod_offset(segment, std::byte*, offset) ^= std::byte{1} << random_.below(8);
    copy.clear_offload();  // A verdict given before no longer holds.
  }
  return copy;
}

}  // namespace millrace::device
