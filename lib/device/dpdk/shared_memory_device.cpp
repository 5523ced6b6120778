// The core itself looks after the link, between its bursts, once in a while; so nothing takes the
// rings away under a burst.
#include "device/dpdk/shared_memory_device.hpp"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_vhost.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "base/contract.hpp"
#include "device/dpdk/shared_memory_spec.hpp"

namespace millrace::device {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kLinkInterval{1'000};
constexpr microseconds kIntroductionInterval{50};      // A dozen messages, one after the other.
constexpr microseconds kAfterLoss{50'000};             // Before the next attempt to connect.
constexpr microseconds kIntroductionLimit{3'000'000};  // A peer may be busy with its own start.

constexpr std::uint16_t kMtuOfOnePacket =
    packet::CorePools::kDataRoomBytes - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;

std::uint64_t ticks(microseconds time) noexcept {
  return rte_get_tsc_hz() / 1'000'000 * static_cast<std::uint64_t>(time.count());
}

bool is_up(const DpdkDevice& port) noexcept {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port.agreement().port_id, &link) == 0 &&
         link.link_status == RTE_ETH_LINK_UP;
}

/// What the library calls the peer that is connected to the socket `path`, or -1. The driver would
/// tell, but is a plugin that nothing is linked with.
int find_vhost_peer(const std::string& path) noexcept {
  constexpr int kPeersMax = 64;
  std::array<char, 128> name{};
  for (int peer = 0; peer < kPeersMax; ++peer) {
    if (rte_vhost_get_ifname(peer, name.data(), name.size()) == 0 && path == name.data()) {
      return peer;
    }
  }
  return -1;
}

/// Whether the peer of a vhost port takes frames that hold several segments, and whose checksums
/// are left out. The bits are those of virtio 1.1 §5.1.3; Linux's header for them is C's alone.
bool is_vhost_peer_joining(const std::string& path) noexcept {
  constexpr std::uint64_t kGuestChecksum = 1U << 1U;
  constexpr std::uint64_t kGuestTso4 = 1U << 7U;
  constexpr std::uint64_t kMergeableBuffers = 1U << 15U;
  constexpr std::uint64_t kNeeded = kGuestChecksum | kGuestTso4 | kMergeableBuffers;
  const int peer = find_vhost_peer(path);
  std::uint64_t features = 0;
  return peer >= 0 && rte_vhost_get_negotiated_features(peer, &features) == 0 &&
         (features & kNeeded) == kNeeded;
}

void ignore_broken_pipes() noexcept {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  }
}

/// Where the relay and the memif driver of this process meet: a folder that is closed to others.
Result<std::string, std::string> driver_path(const DeviceSpec& spec) {
  const std::filesystem::path folder = rte_eal_get_runtime_dir();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::filesystem::path path = folder / (spec.port_name + ".sock");
  std::filesystem::remove(path, error);
  if (error || path.native().size() > 107) {
    return fail("cannot use the folder " + folder.string() + " for " + spec.text + ": " +
                (error ? error.message() : "its path is too long for a socket"));
  }
  return path.string();
}

}  // namespace

Result<std::unique_ptr<SharedMemoryDevice>, std::string> SharedMemoryDevice::open(
    Eal& eal, const DeviceSpec& spec, const DpdkConfig& config, packet::PacketPool& pool) {
  base::expects(spec.is_shared_memory() && config.mac.has_value());
  ignore_broken_pipes();
  if (auto free = spec.serves_socket ? make_way_for(spec) : check_socket(spec); !free) {
    return fail(std::move(free.error()));
  }
  std::unique_ptr<SharedMemoryDevice> device{new SharedMemoryDevice{spec, config}};
  device->takes_chains_ = spec.joins_segments || config.mtu > kMtuOfOnePacket;
  auto opened = spec.kind == DeviceKind::Memif   ? device->open_memif(eal, pool)
                : spec.kind == DeviceKind::Vhost ? device->open_vhost(eal, pool)
                                                 : device->open_virtio_user(eal, pool);
  if (!opened) {
    return fail(std::move(opened.error()));
  }
  device->wait_for_peer();
  return device;
}

SharedMemoryDevice::SharedMemoryDevice(const DeviceSpec& spec, const DpdkConfig& config)
    : spec_{spec}, config_{config}, link_wait_{config.link_wait} {
  config_.port_name = spec.port_name;
  config_.with_wake = false;
  config_.joins_segments = spec.joins_segments;
  config_.link_wait = {};
  capabilities_.mac = *config.mac;
  capabilities_.mtu = config.mtu;
  capabilities_.multi_segment = true;
  if (spec.joins_segments) {
    // Whoever does not agree is no peer.
    add_joined_segments(capabilities_);
  }
}

SharedMemoryDevice::~SharedMemoryDevice() {
  usable_ = nullptr;
  // The memif driver goes before the relay: it closes its own socket then, and has nothing to hear.
  port_.reset();
  if (relay_) {
    // What it still hears is the end of a socket that no port belonged to. It must have done with
    // that before anybody takes the EAL's memory away.
    relay_.reset();
    interrupts_.wait();
  }
  if (is_plugged_) {
    rte_eal_hotplug_remove("vdev", spec_.port_name.c_str());
  }
}

void SharedMemoryDevice::rx_burst(packet::Burst& burst) noexcept {
  if (rte_rdtsc() >= next_look_) {
    look_after_link();
  }
  if (usable_ == nullptr) {
    return;
  }
  const std::uint16_t before = burst.size();
  usable_->rx_burst(burst);
  if (is_leaving_ && burst.size() == before) {
    let_go();
  }
  if (!takes_chains_) {
    drop_chains(burst, before);
  }
}

void SharedMemoryDevice::tx_burst(packet::Burst& burst) noexcept {
  if (usable_ != nullptr) {
    usable_->tx_burst(burst);
    return;
  }
  dropped_ += burst.size();
  burst.clear();
}

std::uint32_t SharedMemoryDevice::held_packets() const noexcept {
  return usable_ != nullptr ? usable_->held_packets() : 0;
}

Losses SharedMemoryDevice::losses() const noexcept {
  Losses losses = usable_ != nullptr ? usable_->losses() : Losses{};
  losses.rx_errors += refused_;
  losses.tx_errors += dropped_;
  return losses;
}

std::string SharedMemoryDevice::driver() const {
  const std::string name =
      spec_.port_name.substr(0, spec_.port_name.find_last_not_of("0123456789") + 1);
  if (is_link_up()) {
    return name;
  }
  if (is_peer_unfit_) {
    return name + ", its peer takes no joined segments: give its device ',tso', too, or none";
  }
  return name + (spec_.serves_socket ? ", waits for a peer to connect"
                                     : ", waits for a peer to serve the socket");
}

std::string SharedMemoryDevice::offloads() const {
  DpdkAgreement agreement;
  agreement.capabilities = capabilities_;
  return agreement.offloads_to_string();
}

Result<void, std::string> SharedMemoryDevice::open_memif(Eal& eal, packet::PacketPool& pool) {
  auto path = driver_path(spec_);
  if (!path) {
    return fail(std::move(path.error()));
  }
  auto relay = MemifRelay::make(spec_, *path);
  if (!relay) {
    return fail(std::move(relay.error()));
  }
  relay_ = *std::move(relay);
  if (spec_.serves_socket) {
    // The driver never takes its listener off the list of the interrupt thread, which would find it
    // in memory that is gone.
    eal.keep_memory_until_exit();
  }
  return plug(eal, pool,
              std::string{"role="} + (spec_.serves_socket ? "server" : "client") +
                  ",socket-abstract=no,socket=" + *path + ",mac=" + capabilities_.mac.to_string());
}

Result<void, std::string> SharedMemoryDevice::open_vhost(Eal& eal, packet::PacketPool& pool) {
  return plug(eal, pool, "queues=1,iface=" + spec_.name + (spec_.joins_segments ? ",tso=1" : ""));
}

Result<void, std::string> SharedMemoryDevice::open_virtio_user(Eal& eal, packet::PacketPool& pool) {
  auto made = VirtioUserPort::make(eal, spec_, config_, pool);
  if (!made) {
    return fail(std::move(made.error()));
  }
  virtio_user_ = *std::move(made);
  return {};
}

Result<void, std::string> SharedMemoryDevice::plug(Eal& eal, packet::PacketPool& pool,
                                                   const std::string& arguments) {
  eal.forget_text();
  if (rte_eal_hotplug_add("vdev", spec_.port_name.c_str(), arguments.c_str()) != 0) {
    return fail("cannot make the port of " + spec_.text + ": " + eal.last_cause());
  }
  is_plugged_ = true;
  auto opened = DpdkDevice::open(eal, config_, pool);
  if (!opened) {
    return fail(std::move(opened.error()));
  }
  port_ = *std::move(opened);
  capabilities_ = port_->capabilities();
  return {};
}

void SharedMemoryDevice::wait_for_peer() {
  constexpr milliseconds kStep{2};
  for (Duration waited{0};; waited += kStep) {
    look_after_link();
    if (is_link_up() || waited >= link_wait_) {
      return;
    }
    std::this_thread::sleep_for(kStep);
  }
}

void SharedMemoryDevice::look_after_link() noexcept {
  next_look_ = rte_rdtsc() + ticks(kLinkInterval);
  switch (spec_.kind) {
    case DeviceKind::Memif: look_after_memif(); break;
    case DeviceKind::Vhost: look_after_vhost(); break;
    default: look_after_virtio_user(); break;
  }
}

void SharedMemoryDevice::look_after_memif() noexcept {
  if (is_settling_) {
    if (!interrupts_.is_passed()) {
      return;
    }
    is_settling_ = false;
    if (!spec_.serves_socket) {
      restart_memif_client();
    }
    next_look_ = rte_rdtsc() + ticks(kAfterLoss);
    return;
  }
  is_leaving_ = is_leaving_ || !relay_->run() || is_introduction_overdue();
  if (is_leaving_) {
    if (usable_ == nullptr) {
      let_go();
    }
    return;
  }
  usable_ = relay_->is_introduced() && is_up(*port_) ? port_.get() : nullptr;
  if (usable_ == nullptr && relay_->has_peer()) {
    next_look_ = rte_rdtsc() + ticks(kIntroductionInterval);
  }
}

/// There is room for one peer: one that says nothing must not keep the others out.
bool SharedMemoryDevice::is_introduction_overdue() noexcept {
  if (!relay_->has_peer() || relay_->is_introduced()) {
    introduced_by_ = 0;
    return false;
  }
  const std::uint64_t now = rte_rdtsc();
  introduced_by_ = introduced_by_ == 0 ? now + ticks(kIntroductionLimit) : introduced_by_;
  return now >= introduced_by_;
}

/// The driver connects only when it is started.
void SharedMemoryDevice::restart_memif_client() noexcept {
  const std::uint16_t port = port_->agreement().port_id;
  rte_eth_dev_stop(port);
  if (rte_eth_dev_start(port) != 0) {
    interrupts_.raise();  // Out of memory or descriptors; once more, later.
    is_settling_ = true;
  }
}

void SharedMemoryDevice::look_after_vhost() noexcept {
  const bool is_connected = is_up(*port_);
  is_peer_unfit_ = is_connected && spec_.joins_segments && !is_vhost_peer_joining(spec_.name);
  usable_ = is_connected && !is_peer_unfit_ ? port_.get() : nullptr;
}

void SharedMemoryDevice::look_after_virtio_user() noexcept {
  DpdkDevice* const port = virtio_user_->port();
  if (port == nullptr || is_leaving_) {
    return;
  }
  is_leaving_ = !is_up(*port);
  if (!is_leaving_) {
    usable_ = port;
  } else if (usable_ == nullptr) {
    let_go();
  }
}

/// The peer is gone, and what it had sent before has been received: often the last words of
/// connections that ended in order.
void SharedMemoryDevice::let_go() noexcept {
  usable_ = nullptr;
  is_leaving_ = false;
  if (virtio_user_) {
    virtio_user_->give_up();
    return;
  }
  introduced_by_ = 0;
  relay_->hang_up();
  interrupts_.raise();
  is_settling_ = true;
}

/// A frame in several buffers is longer than what was agreed on; the stack takes none of those.
void SharedMemoryDevice::drop_chains(packet::Burst& burst, std::uint16_t first) noexcept {
  bool has_chain = false;
  for (std::uint16_t i = first; i < burst.size(); ++i) {
    has_chain = has_chain || burst.peek(i)->nb_segs != 1;
  }
  if (!has_chain) {
    return;
  }
  packet::Burst kept;
  for (std::uint16_t i = 0; i < burst.size(); ++i) {
    packet::Packet frame = burst.take(i);
    if (frame.is_contiguous()) {
      kept.push_back(std::move(frame));
    } else {
      ++refused_;
    }
  }
  burst.clear();
  for (std::uint16_t i = 0; i < kept.size(); ++i) {
    burst.push_back(kept.take(i));
  }
}

}  // namespace millrace::device
