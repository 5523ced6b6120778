#include "device/dpdk/dpdk_device.hpp"

#include <rte_ethdev.h>
#include <unistd.h>

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
  auto agreement = start_port(config, pool);
  if (!agreement) {
    const std::string cause = eal.last_cause();
    return fail(agreement.error() + (cause.empty() ? "" : " (" + cause + ")"));
  }
  std::unique_ptr<DpdkDevice> device{new DpdkDevice{*agreement, pool, pool.in_use() - before}};
  if (config.with_wake) {
    device->open_wake_descriptor();
  }
  return device;
}

DpdkDevice::DpdkDevice(const DpdkAgreement& agreement, packet::PacketPool& pool,
                       std::uint32_t held_packets) noexcept
    : agreement_{agreement}, pool_{pool}, held_packets_{held_packets} {
  needs_prepare_ =
      agreement_.capabilities.tx_ipv4_checksum || agreement_.capabilities.tx_tcp_checksum;
  hands_over_mbufs_ = agreement_.driver == "net_ring";
  is_wake_counter_ = agreement_.driver != "net_tap";
}

DpdkDevice::~DpdkDevice() {
  // net_ring forgets what is still in its ring.
  for (bool is_empty = !hands_over_mbufs_; !is_empty;) {
    packet::Burst left;
    left.grow(rte_eth_rx_burst(agreement_.port_id, kQueue, left.end(), left.room()));
    is_empty = left.empty();
  }
  rte_eth_dev_stop(agreement_.port_id);
  rte_eth_dev_close(agreement_.port_id);
}

void DpdkDevice::rx_burst(packet::Burst& burst) noexcept {
  if (!hands_over_mbufs_) {
    burst.grow(rte_eth_rx_burst(agreement_.port_id, kQueue, burst.end(), burst.room()));
    return;
  }
  packet::Burst handed_over;
  handed_over.grow(rte_eth_rx_burst(agreement_.port_id, kQueue, handed_over.end(), burst.room()));
  make_received(handed_over, burst);
}

void DpdkDevice::tx_burst(packet::Burst& burst) noexcept {
  while (!burst.empty()) {
    const std::uint16_t ready =
        needs_prepare_ ? rte_eth_tx_prepare(agreement_.port_id, kQueue, burst.begin(), burst.size())
                       : burst.size();
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
  if (!is_wake_counter_) {
    return true;  // A TAP's own descriptor is readable as long as frames wait in it.
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
  if (wake_descriptor_ < 0 || !is_wake_counter_) {
    return;
  }
  rte_eth_dev_rx_intr_disable(agreement_.port_id, kQueue);
  std::uint64_t interrupts = 0;
  static_cast<void>(::read(wake_descriptor_, &interrupts, sizeof(interrupts)));
}

std::string DpdkDevice::driver_counters() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(agreement_.port_id, &stats) != 0) {
    return "none";
  }
  return "received " + std::to_string(stats.ipackets) + ", sent " + std::to_string(stats.opackets) +
         ", missed " + std::to_string(stats.imissed) + ", receive errors " +
         std::to_string(stats.ierrors) + ", transmit errors " + std::to_string(stats.oerrors) +
         ", without buffer " + std::to_string(stats.rx_nombuf);
}

void DpdkDevice::open_wake_descriptor() noexcept {
  wake_descriptor_ = rte_eth_dev_rx_intr_ctl_q_get_fd(agreement_.port_id, kQueue);
  if (wake_descriptor_ < 0) {
    wake_descriptor_ = -1;
    return;
  }
  // The driver may offer the descriptor, but not the switch.
  if (is_wake_counter_ && rte_eth_dev_rx_intr_disable(agreement_.port_id, kQueue) != 0) {
    wake_descriptor_ = -1;
  }
  agreement_.has_wake = wake_descriptor_ >= 0;
}

bool DpdkDevice::is_too_long(const rte_mbuf& frame) const noexcept {
  return rte_pktmbuf_pkt_len(&frame) >
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
      ++refused_;
    }
  }
}

}  // namespace millrace::device
