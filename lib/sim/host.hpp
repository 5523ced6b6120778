// Host: one simulated machine of one core: pools, NICs, stack and the same runtime::Worker that
// runs on hardware. When its turns come is the World's business.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/worker.hpp>

#include "base/random.hpp"
#include "device/device.hpp"
#include "packet/packet_pool.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/worker.hpp"
#include "sim/event_schedule.hpp"
#include "sim/sim_device.hpp"
#include "sim/virtual_clock.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"

namespace millrace::sim {

/// A VLAN on a NIC and the addresses in it.
struct VlanSetup {
  std::uint16_t vlan = 1;
  std::vector<IpPrefix> addresses;
  std::optional<IpAddress> gateway{};
};

/// One NIC and the addresses on it: without tag, where there are any, and in VLANs.
struct NicSetup {
  std::vector<IpPrefix> addresses;
  std::optional<IpAddress> gateway{};
  std::uint16_t mtu = 1500;
  bool multi_segment = true;
  bool cuts_segments = false;  ///< TSO.
  std::uint32_t rx_ring = 512;
  std::uint32_t tx_ring = 512;
  std::vector<VlanSetup> vlans{};
};

/// Limits that are quick to set up and large enough for most tests.
[[nodiscard]] Config small_config();

struct HostSetup {
  std::string name;
  std::vector<NicSetup> nics;
  Config config = small_config();
  /// Puts something around each device, when given.
  std::move_only_function<std::unique_ptr<device::Device>(std::unique_ptr<device::Device>)>
      decorate{};
};

/// What a host is part of. All must outlive it.
struct HostContext {
  VirtualClock& clock;
  EventSchedule& schedule;
  base::Random& random;
  FrameStore& frames;
  std::string pool_name;  ///< Unique in the process.
  std::uint8_t number;    ///< Unique in the network.
};

/// `on_sent` hears of every frame, `on_fault` of a broken promise of the stack to its devices.
struct HostCallbacks {
  std::move_only_function<void(const Frame&)> on_sent;
  std::move_only_function<void(std::string)> on_fault;
};

class Host {
 public:
  Host(const HostContext& context, HostSetup setup, HostCallbacks callbacks);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host();

  void start() { stack_->start(clock_.now()); }
  /// One turn of the loop. Afterwards `is_ready` and `next_turn` say when the next is due.
  void run_turn();
  [[nodiscard]] bool is_ready() const noexcept { return is_ready_; }
  void wake() noexcept { is_ready_ = true; }
  /// When the next turn is due if nothing arrives.
  [[nodiscard]] std::optional<Instant> next_turn() const noexcept { return next_turn_; }
  /// Since when turns have found work that they could not do (a full device, an empty pool).
  [[nodiscard]] std::optional<Instant> stalled_since() const noexcept { return stalled_since_; }

  [[nodiscard]] Worker& worker() noexcept { return *face_; }
  [[nodiscard]] stack::Stack& stack() noexcept { return *stack_; }
  [[nodiscard]] const CoreStats& stats() const noexcept { return stack_->stats(); }
  [[nodiscard]] SimDevice& nic(std::size_t index = 0) noexcept { return *nics_[index]; }
  [[nodiscard]] const std::string& name() const noexcept { return setup_.name; }
  [[nodiscard]] const Config& config() const noexcept { return setup_.config; }
  /// Its position among the hosts of its network.
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  /// Of its first NIC.
  [[nodiscard]] const MacAddress& mac() const noexcept { return nics_.front()->capabilities().mac; }
  /// The first one.
  [[nodiscard]] const IpAddress& address() const noexcept {
    return stack_->interfaces()[0].addresses[0].address();
  }
  [[nodiscard]] const NicSetup& nic_setup(std::size_t index = 0) const noexcept {
    return setup_.nics[index];
  }
  [[nodiscard]] bool has_stopped() const noexcept { return has_stopped_; }
  /// What is still held or armed, in words; empty when nothing is.
  [[nodiscard]] std::string leftovers();

 private:
  // A core spins; so often without anything to show for it until time has to pass.
  static constexpr unsigned kFruitlessTurnsMax = 16;
  static constexpr Duration kRetryAfter = std::chrono::microseconds{50};

  void add_nics(const HostContext& context);
  [[nodiscard]] std::vector<stack::InterfaceSetup> interface_setups() const;
  [[nodiscard]] std::uint64_t progress() noexcept;

  HostSetup setup_;
  HostCallbacks callbacks_;
  VirtualClock& clock_;
  std::size_t index_;
  packet::CorePools pools_;
  std::vector<std::unique_ptr<device::Device>> devices_;  // As the worker sees them.
  std::vector<SimDevice*> nics_;                          // Innermost.
  std::unique_ptr<stack::Stack> stack_;
  runtime::BackgroundPool background_{0};
  std::unique_ptr<socket::CoreWorker> face_;
  std::unique_ptr<runtime::Worker> loop_;
  std::optional<Instant> next_turn_;
  std::optional<Instant> stalled_since_;
  std::uint64_t last_progress_ = 0;
  unsigned fruitless_turns_ = 0;
  bool is_ready_ = true;
  bool has_stopped_ = false;
};

}  // namespace millrace::sim
