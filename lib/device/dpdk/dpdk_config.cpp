#include "device/dpdk/dpdk_config.hpp"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <thread>
#include <utility>

#include "device/dpdk/kernel_interface.hpp"
#include "device/dpdk/taken_signals.hpp"
#include "device/dpdk/xdp_text.hpp"

namespace millrace::device {

namespace {

constexpr std::uint16_t kQueues = 1;
constexpr std::uint32_t kEthernetHeaderBytes = RTE_ETHER_HDR_LEN;

/// What is known of drivers beyond what they say of themselves.
struct DriverFacts {
  bool is_tap = false;
  bool reflects = false;
  bool has_own_checksums = true;     ///< Its checksum offload is done by hardware, and right.
  bool shares_umem = false;          ///< Its buffers are the kernel's, too.
  int socket_domain = AF_UNSPEC;     ///< Of its socket on an interface that was there before.
  bool is_virtio = false;            ///< Either end of a virtio device in shared memory.
  std::uint16_t rx_descriptors = 0;  ///< What suits it best; 0: as many as are wanted.
  std::uint16_t mtu_max = 0;         ///< Where it says less of itself than it can; otherwise 0.

  [[nodiscard]] bool borrows_interface() const noexcept { return socket_domain != AF_UNSPEC; }
};

DriverFacts facts_about(std::string_view driver) noexcept {
  DriverFacts facts;
  if (driver == "net_tap") {
    // Its checksums are made in software, so nothing is gained, and those of TCP come out wrong
    // where a chain has a segment of odd length before its last. Its receive ring is only a chain
    // of spare buffers: one would do.
    facts.is_tap = true;
    facts.has_own_checksums = false;
    facts.rx_descriptors = 64;
  } else if (driver == "net_ring") {
    facts.reflects = true;
  } else if (driver == "net_af_packet") {
    // Its longest frame leaves no room for the VLAN tag that its ring has room for.
    facts.socket_domain = AF_PACKET;
    facts.mtu_max = RTE_ETHER_MTU;
  } else if (driver == "net_af_xdp") {
    facts.socket_domain = AF_XDP;
    facts.shares_umem = true;
    // As many as the driver keeps buffers for: a frame that finds the ring full is lost.
    facts.rx_descriptors = 2'048;
  } else if (driver == "net_memif") {
    // Its buffers have room for more, but it names a frame of 1,518 bytes as its longest.
    facts.mtu_max = RTE_ETHER_MTU;
  } else if (driver == "net_vhost" || driver == "net_virtio_user") {
    // A checksum left to these is not made by anyone: the frame arrives with a mark that says so.
    // Which marks the peer understands is agreed anew whenever it comes back, but ours are fixed
    // while the device runs; so every frame carries its checksum, and every peer can read it,
    // unless both have been told to join segments.
    facts.has_own_checksums = false;
    facts.is_virtio = true;
  }
  return facts;
}

std::string failure(const DpdkConfig& config, std::string_view what, int error) {
  return "cannot " + std::string{what} + " " + config.port_name + ": " +
         rte_strerror(error < 0 ? -error : error);
}

std::uint32_t largest_mtu(const rte_eth_dev_info& info, const DriverFacts& facts) noexcept {
  if (facts.mtu_max != 0) {
    return facts.mtu_max;
  }
  // Where a driver names no largest MTU, its longest frame counts, with checksum and a VLAN tag.
  constexpr std::uint32_t kFrameOverhead = kEthernetHeaderBytes + RTE_ETHER_CRC_LEN + RTE_VLAN_HLEN;
  return std::min<std::uint32_t>(info.max_mtu, info.max_rx_pktlen > kFrameOverhead
                                                   ? info.max_rx_pktlen - kFrameOverhead
                                                   : info.max_mtu);
}

/// Of the longest frame, with what Ethernet adds to its end.
std::uint32_t frame_bytes(const DpdkConfig& config) noexcept {
  return config.mtu + kEthernetHeaderBytes + RTE_ETHER_CRC_LEN;
}

std::uint32_t room_of(const packet::PacketPool& pool) noexcept {
  return rte_pktmbuf_data_room_size(pool.get()) - packet::PacketPool::kHeadroomBytes;
}

Result<void, std::string> check_sizes(const DpdkConfig& config, const rte_eth_dev_info& info,
                                      const DriverFacts& facts, const packet::PacketPool& pool) {
  const std::uint32_t device_mtu = largest_mtu(info, facts);
  if (config.mtu > device_mtu || config.mtu < info.min_mtu) {
    return fail(config.port_name + " takes an MTU of " + std::to_string(info.min_mtu) + " to " +
                std::to_string(device_mtu) + ", not " + std::to_string(config.mtu));
  }
  // The ends of a virtio device give chains.
  if (frame_bytes(config) > room_of(pool) && !facts.is_virtio) {
    return fail("an MTU of " + std::to_string(config.mtu) + " needs packet buffers of " +
                std::to_string(frame_bytes(config)) + " bytes; they have " +
                std::to_string(room_of(pool)));
  }
  return {};
}

/// Pieces of a frame that a device cuts: as many as the longest datagram in our packets has, and
/// room for some that are not full.
constexpr std::uint16_t kTsoPieces = 48;

constexpr std::uint64_t kTxChecksums =
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kRxChecksums =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;

/// What the wanted offloads come to where they are offered.
void note_capabilities(const rte_eth_dev_info& info, DpdkAgreement& agreement) noexcept {
  const auto is_agreed = [&agreement](std::uint64_t offload) {
    return (agreement.tx_offloads & offload) != 0;
  };
  Capabilities& capabilities = agreement.capabilities;
  capabilities.tx_ipv4_checksum = is_agreed(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
  capabilities.tx_tcp_checksum = is_agreed(RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
  capabilities.tx_udp_checksum = is_agreed(RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
  capabilities.multi_segment = is_agreed(RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  capabilities.rx_checksum = (agreement.rx_offloads & kRxChecksums) != 0;
  capabilities.joins_received = (agreement.rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
  if (is_agreed(RTE_ETH_TX_OFFLOAD_TCP_TSO)) {
    const std::uint16_t pieces_max = info.tx_desc_lim.nb_seg_max;
    capabilities.tso_pieces = pieces_max == 0 ? kTsoPieces : std::min(pieces_max, kTsoPieces);
  }
}

/// Takes what is offered of what the stack can use.
void agree_offloads(const rte_eth_dev_info& info, const DriverFacts& facts,
                    DpdkAgreement& agreement) noexcept {
  std::uint64_t wanted_tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (facts.has_own_checksums) {
    wanted_tx |= kTxChecksums;
    agreement.rx_offloads = info.rx_offload_capa & kRxChecksums;
    // A device that cuts segments makes both checksums of each, and takes chains.
    constexpr std::uint64_t kForTso = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
                                      RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    wanted_tx |= (info.tx_offload_capa & kForTso) == kForTso ? RTE_ETH_TX_OFFLOAD_TCP_TSO : 0;
  }
  agreement.tx_offloads = info.tx_offload_capa & wanted_tx;
  note_capabilities(info, agreement);
  agreement.capabilities.reflects = facts.reflects;
}

/// The same for an end of a virtio device that has been told to join segments. Error: what is not
/// offered; the peer's end offers what it was told itself.
Result<void, std::string> agree_virtio_offloads(const DpdkConfig& config,
                                                const rte_eth_dev_info& info,
                                                DpdkAgreement& agreement) {
  constexpr std::uint64_t kTx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
  constexpr std::uint64_t kRx =
      RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO;
  agreement.tx_offloads = info.tx_offload_capa & kTx;
  agreement.rx_offloads = info.rx_offload_capa & kRx;
  agreement.capabilities.multi_segment = true;
  add_joined_segments(agreement.capabilities);
  // The driver of the host's end names none of these: it does what a frame asks for, and what the
  // peer has agreed to is looked at whenever one comes.
  const bool names_them = agreement.driver != "net_vhost";
  if (names_them && (agreement.tx_offloads != kTx || agreement.rx_offloads != kRx)) {
    return fail("the peer of " + config.port_name +
                " takes no joined segments: give its device ',tso', too, or leave that off here");
  }
  return {};
}

Result<void, std::string> set_up_queues(const DpdkConfig& config, const rte_eth_dev_info& info,
                                        rte_mempool* pool, DpdkAgreement& agreement) {
  rte_eth_conf conf{};
  conf.rxmode.mtu = config.mtu;
  conf.rxmode.offloads = agreement.rx_offloads;
  if ((agreement.rx_offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0) {
    conf.rxmode.max_lro_pkt_size = info.max_lro_pkt_size;
  }
  conf.txmode.offloads = agreement.tx_offloads;
  conf.intr_conf.rxq = config.with_wake ? 1 : 0;
  const std::uint16_t port = agreement.port_id;
  int status = rte_eth_dev_configure(port, kQueues, kQueues, &conf);
  if (status != 0) {
    return fail(failure(config, "configure", status));
  }
  status =
      rte_eth_dev_adjust_nb_rx_tx_desc(port, &agreement.rx_descriptors, &agreement.tx_descriptors);
  if (status != 0) {
    return fail(failure(config, "choose the ring sizes of", status));
  }
  const auto numa_node = static_cast<unsigned>(rte_eth_dev_socket_id(port));
  rte_eth_rxconf rx_conf = info.default_rxconf;
  rx_conf.offloads = agreement.rx_offloads;
  const TakenSignals none_for_driver;
  status = rte_eth_rx_queue_setup(port, 0, agreement.rx_descriptors, numa_node, &rx_conf, pool);
  if (status != 0) {
    return fail(failure(config, "set up the receive queue of", status));
  }
  rte_eth_txconf tx_conf = info.default_txconf;
  tx_conf.offloads = agreement.tx_offloads;
  if (config.tx_free_threshold) {
    tx_conf.tx_free_thresh = *config.tx_free_threshold;
  }
  status = rte_eth_tx_queue_setup(port, 0, agreement.tx_descriptors, numa_node, &tx_conf);
  if (status != 0) {
    return fail(failure(config, "set up the transmit queue of", status));
  }
  return {};
}

MacAddress mac_of(std::uint16_t port) noexcept {
  rte_ether_addr address{};
  rte_eth_macaddr_get(port, &address);
  std::array<std::uint8_t, MacAddress::kSize> bytes{};
  std::ranges::copy(address.addr_bytes, bytes.begin());
  return MacAddress{bytes};
}

/// A locally administered unicast address that differs from `mac`, and is the same every time for
/// the same `mac`.
MacAddress neighbor_of(const MacAddress& mac) noexcept {
  std::array<std::uint8_t, MacAddress::kSize> bytes = mac.bytes();
  bytes.front() = static_cast<std::uint8_t>((bytes.front() & 0xfcU) | 0x02U);
  bytes.back() ^= 0x80U;
  return MacAddress{bytes};
}

/// Decides which address is ours, and gets the device to accept its frames.
Result<void, std::string> agree_mac(const DpdkConfig& config, const DriverFacts& facts,
                                    DpdkPort& port) {
  DpdkAgreement& agreement = port.agreement;
  const MacAddress own = mac_of(agreement.port_id);
  if (facts.is_tap) {
    // The driver reports the kernel end's address, which the kernel answers to. Ours must differ;
    // the kernel hands us every frame, whatever its address.
    agreement.capabilities.mac = config.mac.value_or(neighbor_of(own));
    if (agreement.capabilities.mac == own) {
      return fail("the kernel's end of " + config.port_name + " has the MAC address " +
                  own.to_string() + ": give ours another");
    }
    return {};
  }
  agreement.capabilities.mac = config.mac.value_or(own.is_zero() ? neighbor_of(own) : own);
  if (agreement.capabilities.mac == own) {
    return {};
  }
  if (facts.borrows_interface()) {
    // The interface's own address is the kernel's to keep.
    port.promiscuity = Promiscuity{static_cast<unsigned>(agreement.interface_index)};
    agreement.is_promiscuous = port.promiscuity.is_on();
  } else {
    rte_ether_addr address{};
    std::ranges::copy(agreement.capabilities.mac.bytes(), std::begin(address.addr_bytes));
    const bool is_accepted = rte_eth_dev_default_mac_addr_set(agreement.port_id, &address) == 0;
    agreement.is_promiscuous = !is_accepted && rte_eth_promiscuous_enable(agreement.port_id) == 0;
  }
  return {};
}

/// Drivers without filter refuse, and take every frame anyway.
void listen_to_all(const DriverFacts& facts, DpdkPort& port) {
  DpdkAgreement& agreement = port.agreement;
  if (facts.borrows_interface()) {
    port.promiscuity = Promiscuity{static_cast<unsigned>(agreement.interface_index)};
    agreement.is_promiscuous = port.promiscuity.is_on();
  } else {
    agreement.is_promiscuous = rte_eth_promiscuous_enable(agreement.port_id) == 0;
  }
}

/// Drivers that borrow an interface say that its link is up whatever it is.
bool is_link_up(const DpdkAgreement& agreement, const DriverFacts& facts) {
  if (facts.borrows_interface()) {
    const auto interface = KernelInterface::find(static_cast<unsigned>(agreement.interface_index));
    return interface && interface->is_running;
  }
  rte_eth_link link{};
  return rte_eth_link_get_nowait(agreement.port_id, &link) == 0 &&
         link.link_status == RTE_ETH_LINK_UP;
}

bool wait_for_link(const DpdkAgreement& agreement, const DriverFacts& facts, Duration longest) {
  constexpr Duration kStep = std::chrono::milliseconds{5};
  for (Duration waited{0}; !is_link_up(agreement, facts); waited += kStep) {
    if (waited >= longest) {
      return false;
    }
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

/// An interface that was there before keeps its MTU, and ours is no larger.
Result<void, std::string> agree_mtu(const DpdkConfig& config, const DriverFacts& facts,
                                    DpdkAgreement& agreement) {
  agreement.capabilities.mtu = config.mtu;
  if (facts.borrows_interface()) {
    const auto interface = KernelInterface::find(static_cast<unsigned>(agreement.interface_index));
    if (interface && interface->mtu < config.mtu) {
      agreement.capabilities.mtu = static_cast<std::uint16_t>(interface->mtu);
    }
    return {};
  }
  // Drivers that do not know the call have no MTU of their own to tell of.
  if (const int status = rte_eth_dev_set_mtu(agreement.port_id, config.mtu);
      status != 0 && status != -ENOTSUP) {
    return fail(failure(config, "set the MTU of", status));
  }
  return {};
}

Result<void, std::string> set_up_memory(const DpdkConfig& config, const DriverFacts& facts,
                                        DpdkPort& port) {
  if (!facts.shares_umem) {
    return {};
  }
  redirect_xdp_text();
  auto umem =
      UmemPool::create(config.port_name + "_umem", rte_eth_dev_socket_id(port.agreement.port_id));
  if (!umem) {
    return fail(std::move(umem.error()));
  }
  port.umem = *std::move(umem);
  return {};
}

Result<void, std::string> set_up(const DpdkConfig& config, const rte_eth_dev_info& info,
                                 const DriverFacts& facts, packet::PacketPool& pool,
                                 DpdkPort& port) {
  DpdkAgreement& agreement = port.agreement;
  if (auto sized = check_sizes(config, info, facts, pool); !sized) {
    return sized;
  }
  if (auto ready = set_up_memory(config, facts, port); !ready) {
    return ready;
  }
  const SocketSearch search{facts.socket_domain, static_cast<unsigned>(agreement.interface_index)};
  rte_mempool* const buffers = port.umem ? port.umem.get() : pool.get();
  if (auto queues = set_up_queues(config, info, buffers, agreement); !queues) {
    return queues;
  }
  agreement.socket = search.find();
  if (agreement.socket >= 0) {
    prepare_driver_socket(agreement.socket);
  }
  return agree_mtu(config, facts, agreement);
}

Result<void, std::string> set_up_and_start(const DpdkConfig& config, const rte_eth_dev_info& info,
                                           packet::PacketPool& pool, DpdkPort& port) {
  DpdkAgreement& agreement = port.agreement;
  const DriverFacts facts = facts_about(agreement.driver);
  agreement.rx_descriptors =
      facts.rx_descriptors != 0 ? facts.rx_descriptors : config.rx_descriptors;
  agreement.tx_descriptors = config.tx_descriptors;
  if (config.joins_segments && facts.is_virtio) {
    if (auto agreed = agree_virtio_offloads(config, info, agreement); !agreed) {
      return agreed;
    }
  } else {
    agree_offloads(info, facts, agreement);
  }
  if (facts.is_virtio && (config.joins_segments || frame_bytes(config) > room_of(pool))) {
    agreement.rx_offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  }
  if (auto ready = set_up(config, info, facts, pool, port); !ready) {
    return ready;
  }
  if (const int status = rte_eth_dev_start(agreement.port_id); status != 0) {
    return fail(failure(config, "start", status));
  }
  if (auto agreed = agree_mac(config, facts, port); !agreed) {
    rte_eth_dev_stop(agreement.port_id);
    return agreed;
  }
  if (config.is_promiscuous && !agreement.is_promiscuous) {
    listen_to_all(facts, port);
  }
  agreement.is_link_up = wait_for_link(agreement, facts, config.link_wait);
  return {};
}

}  // namespace

void add_joined_segments(Capabilities& capabilities) noexcept {
  capabilities.tx_tcp_checksum = true;
  capabilities.tx_udp_checksum = true;
  capabilities.tso_pieces = kTsoPieces;
  capabilities.rx_checksum = true;
  capabilities.joins_received = true;
}

Result<DpdkPort, std::string> start_port(const DpdkConfig& config, packet::PacketPool& pool) {
  DpdkPort port;
  DpdkAgreement& agreement = port.agreement;
  if (rte_eth_dev_get_port_by_name(config.port_name.c_str(), &agreement.port_id) != 0) {
    return fail("DPDK found no port " + config.port_name);
  }
  rte_eth_dev_info info{};
  if (const int status = rte_eth_dev_info_get(agreement.port_id, &info); status != 0) {
    return fail(failure(config, "ask what is offered by", status));
  }
  agreement.driver = info.driver_name;
  agreement.interface_index = static_cast<int>(info.if_index);
  if (auto started = set_up_and_start(config, info, pool, port); !started) {
    rte_eth_dev_close(agreement.port_id);
    return fail(std::move(started.error()));
  }
  return port;
}

std::string DpdkAgreement::to_string() const {
  return driver + ", MAC " + capabilities.mac.to_string() + ", MTU " +
         std::to_string(capabilities.mtu) + ", offloads " + offloads_to_string() +
         ", descriptors " + std::to_string(rx_descriptors) + " rx " +
         std::to_string(tx_descriptors) + " tx" + (is_promiscuous ? ", promiscuous" : "") +
         (is_link_up ? "" : ", link down");
}

std::string DpdkAgreement::offloads_to_string() const {
  std::string text;
  const auto add = [&text](bool is_agreed, std::string_view name) {
    if (is_agreed) {
      text += (text.empty() ? "" : ", ") + std::string{name};
    }
  };
  add(capabilities.tx_ipv4_checksum, "tx IPv4 checksum");
  add(capabilities.tx_tcp_checksum, "tx TCP checksum");
  add(capabilities.tx_udp_checksum, "tx UDP checksum");
  add(capabilities.multi_segment, "tx multi-segment");
  add(capabilities.tso_pieces != 0, "TSO");
  add(capabilities.rx_checksum, "rx checksum");
  add(capabilities.joins_received, "large receive");
  return text.empty() ? "none" : text;
}

}  // namespace millrace::device
