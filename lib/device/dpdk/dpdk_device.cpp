#include "device/dpdk/dpdk_device.hpp"

#include <rte_ethdev.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "device/whole_copy.hpp"

namespace millrace::device {

namespace {

constexpr std::uint16_t kQueue = 0;

}  // namespace

Result<std::unique_ptr<DpdkDevice>, std::string> DpdkDevice::open(Eal& eal,
                                                                  const DpdkConfig& config,
                                                                  packet::PacketPool& pool) {
  if (std::uint16_t port = 0; rte_eth_dev_get_port_by_name(config.port_name.c_str(), &port) == 0) {
    eal.forget_text();  // Otherwise what was said while the EAL started tells why there is no such
                        // port.
  }
  const std::uint32_t before = pool.in_use();
  auto port = start_port(config, pool);
  if (!port) {
    const std::string cause = eal.last_cause();
    return fail(port.error() + (cause.empty() ? "" : " (" + cause + ")"));
  }
  std::unique_ptr<DpdkDevice> device{
      new DpdkDevice{*std::move(port), pool, pool.in_use() - before}};
  if (config.with_wake) {
    device->open_wake_descriptor();
  }
  return device;
}

DpdkDevice::DpdkDevice(DpdkPort port, packet::PacketPool& pool, std::uint32_t held_packets) noexcept
    : port_{std::move(port)},
      agreement_{port_.agreement},
      pool_{pool},
      held_packets_{held_packets} {
  needs_prepare_ = agreement_.capabilities.tx_ipv4_checksum ||
                   agreement_.capabilities.tx_tcp_checksum ||
                   agreement_.capabilities.tx_udp_checksum;
  hands_over_mbufs_ = agreement_.driver == "net_ring";
}

DpdkDevice::~DpdkDevice() {
  // net_ring forgets what is still in its ring.
  for (bool is_empty = !hands_over_mbufs_; !is_empty;) {
    // The driver's own buffers may be among them, which are no packets of ours.
    std::array<rte_mbuf*, packet::Burst::kCapacity> left{};
    const std::uint16_t count = rte_eth_rx_burst(agreement_.port_id, kQueue, left.data(),
                                                 static_cast<std::uint16_t>(left.size()));
    rte_pktmbuf_free_bulk(left.data(), count);
    is_empty = count == 0;
  }
  rte_eth_dev_stop(agreement_.port_id);
  rte_eth_dev_close(agreement_.port_id);
}

void DpdkDevice::rx_burst(packet::Burst& burst) noexcept {
  const std::uint16_t before = burst.size();
  if (port_.umem) {
    receive_copies(burst);
  } else if (hands_over_mbufs_) {
    packet::Burst handed_over;
    handed_over.grow(rte_eth_rx_burst(agreement_.port_id, kQueue, handed_over.end(), burst.room()));
    make_received(handed_over, burst);
  } else {
    burst.grow(rte_eth_rx_burst(agreement_.port_id, kQueue, burst.end(), burst.room()));
  }
  if (may_have_left_frames_ && burst.size() == before) {
    push_left_frames();
  }
}

void DpdkDevice::tx_burst(packet::Burst& burst) noexcept {
  may_have_left_frames_ = agreement_.socket >= 0;
  while (!burst.empty()) {
    const std::uint16_t offered = agreement_.socket >= 0 ? sound_frames(burst) : burst.size();
    const std::uint16_t ready =
        needs_prepare_ ? rte_eth_tx_prepare(agreement_.port_id, kQueue, burst.begin(), offered)
                       : offered;
    const std::uint16_t taken = rte_eth_tx_burst(agreement_.port_id, kQueue, burst.begin(), ready);
    burst.drop_front(taken);
    const bool is_refused = taken == ready && !burst.empty();
    const bool is_stuck = taken == 0 && !burst.empty() && is_too_long(*burst.peek(0));
    if (!is_refused && !is_stuck) {
      return;
    }
    // The first one left can never be sent; it must not stop those behind it.
    burst.take(0).reset();
    burst.drop_front(1);
    ++refused_;
  }
}

bool DpdkDevice::arm_wake() noexcept {
  if (wake_descriptor_ < 0) {
    return false;
  }
  switch (wake_) {
    case Wake::Readiness: return true;
    case Wake::Interrupts: break;
  }
  if (rte_eth_dev_rx_intr_enable(agreement_.port_id, kQueue) != 0) {
    return false;
  }
  // Frames that came before the interrupt was on do not raise it.
  if (rte_eth_rx_queue_count(agreement_.port_id, kQueue) > 0) {
    disarm_wake();
    return false;
  }
  return true;
}

void DpdkDevice::disarm_wake() noexcept {
  if (wake_descriptor_ < 0) {
    return;
  }
  switch (wake_) {
    case Wake::Readiness:
      if (agreement_.socket >= 0) {
        clear_socket_error(agreement_.socket);
      }
      break;
    case Wake::Interrupts: {
      rte_eth_dev_rx_intr_disable(agreement_.port_id, kQueue);
      std::uint64_t interrupts = 0;
      static_cast<void>(::read(wake_descriptor_, &interrupts, sizeof(interrupts)));
      break;
    }
  }
}

Losses DpdkDevice::losses() const noexcept {
  Losses losses{.rx_no_buffer = without_buffer_, .tx_errors = refused_};
  rte_eth_stats stats{};
  if (rte_eth_stats_get(agreement_.port_id, &stats) == 0) {
    losses.rx_missed = stats.imissed;
    losses.rx_errors = stats.ierrors;
    losses.rx_no_buffer += stats.rx_nombuf;
    losses.tx_errors += stats.oerrors;
  }
  return losses;
}

void DpdkDevice::open_wake_descriptor() noexcept {
  if (agreement_.socket >= 0) {
    wake_ = Wake::Readiness;
    wake_descriptor_ = agreement_.socket;
  } else {
    // A TAP offers its own descriptor as if it were an interrupt's.
    wake_ = agreement_.driver == "net_tap" ? Wake::Readiness : Wake::Interrupts;
    wake_descriptor_ = std::max(rte_eth_dev_rx_intr_ctl_q_get_fd(agreement_.port_id, kQueue), -1);
    // The driver may offer the descriptor, but not the switch.
    if (wake_ == Wake::Interrupts && wake_descriptor_ >= 0 &&
        rte_eth_dev_rx_intr_disable(agreement_.port_id, kQueue) != 0) {
      wake_descriptor_ = -1;
    }
  }
  port_.agreement.has_wake = wake_descriptor_ >= 0;
}

/// What the driver hands over lies in buffers that the kernel fills again: the stack gets packets
/// of its own.
void DpdkDevice::receive_copies(packet::Burst& burst) noexcept {
  std::array<rte_mbuf*, packet::Burst::kCapacity> frames{};
  const std::uint16_t count =
      rte_eth_rx_burst(agreement_.port_id, kQueue, frames.data(), burst.room());
  for (std::uint16_t i = 0; i < count; ++i) {
    packet::Packet copy = whole_copy(frames[i], pool_);
    rte_pktmbuf_free(frames[i]);
    if (copy) {
      burst.push_back(std::move(copy));
    } else {
      ++without_buffer_;
    }
  }
}

/// The kernel stops at a frame that its queue has no room for, and the driver takes the rest for
/// sent. Once, when there is time, it is asked to go on.
void DpdkDevice::push_left_frames() noexcept {
  may_have_left_frames_ = false;
  push_driver_socket(agreement_.socket);
}

/// How many frames from the front may be handed to a driver that does not look at their length: the
/// kernel stops for good at a frame that is too long, and beyond a shared buffer lies the next one.
std::uint16_t DpdkDevice::sound_frames(const packet::Burst& burst) const noexcept {
  std::uint16_t count = 0;
  while (count < burst.size() && !is_too_long(*burst.peek(count))) {
    ++count;
  }
  return count;
}

bool DpdkDevice::is_too_long(const rte_mbuf& frame) const noexcept {
  const bool is_cut = (frame.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;  // By the device.
  return !is_cut &&
         rte_pktmbuf_pkt_len(&frame) >
             agreement_.capabilities.mtu + std::uint32_t{RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN};
}

/// net_ring hands over the sender's own buffers: chains, references to payload that the sender
/// keeps, and requests to a device. What the stack receives is its own, in one piece, and asks for
/// nothing.
void DpdkDevice::make_received(packet::Burst& handed_over, packet::Burst& burst) noexcept {
  for (std::uint16_t i = 0; i < handed_over.size(); ++i) {
    packet::Packet frame = handed_over.take(i);
    if (!frame.is_exclusive()) {
      frame = whole_copy(frame.get(), pool_);
    }
    if (frame) {
      frame.clear_offload();
      burst.push_back(std::move(frame));
    } else {
      ++without_buffer_;
    }
  }
}

}  // namespace millrace::device
