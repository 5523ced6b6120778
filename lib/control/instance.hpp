// Instance: everything that one run of a program owns, built in the order of the layers and taken
// apart in reverse: DPDK, then for each core its packets, devices, protocols and public face.
// Threads are launch's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <millrace/config.hpp>
#include <millrace/error.hpp>
#include <millrace/stats.hpp>

#include <spdlog/logger.h>

#include "base/random.hpp"
#include "control/device_opener.hpp"
#include "control/device_plan.hpp"
#include "control/host_setup.hpp"
#include "control/local_addresses.hpp"
#include "control/report.hpp"
#include "control/stop_switch.hpp"
#include "device/capture.hpp"
#include "device/device.hpp"
#include "device/dpdk/eal.hpp"
#include "device/dpdk/xdp_claim.hpp"
#include "device/fault_injector.hpp"
#include "packet/packet_pool.hpp"
#include "runtime/background_pool.hpp"
#include "runtime/tsc_clock.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"

namespace millrace::control {

/// What one core runs on. Stays where it is.
struct Core {
  Core(packet::CorePools core_pools, const runtime::TscClock& core_clock)
      : pools{std::move(core_pools)}, clock{core_clock} {}

  packet::CorePools pools;
  runtime::TscClock clock;
  std::vector<std::unique_ptr<device::Device>> devices;  // One queue of each, in the plan's order.
  std::unique_ptr<stack::Stack> stack;
  std::unique_ptr<runtime::BackgroundPool> background;
  std::unique_ptr<socket::CoreWorker> face;
  std::unique_ptr<runtime::Worker> loop;
  int exit_status = 0;  // What `Worker::stop` was given, known when the loop has ended.
};

/// Stacks apart from each other, each on a device of its own, instead of one stack on all devices:
/// whoever runs them may test what lies between the devices.
struct Separation {
  PortSettings port{};      ///< Of every device.
  device::Faults faults{};  ///< On arrival at every device.
  /// Where a single device serves two stacks: what the second one is called there.
  std::optional<DeviceConfig> second{};
  bool is_cable = false;  ///< That device is a ring, whose other end the second stack has;
                          ///< otherwise a loopback plug is on it.
};

/// Made and destroyed on the main thread, while no worker runs.
class Instance {
 public:
  struct Setup {
    Config config;
    bool is_verbose = false;                 ///< Lets DPDK's own text through.
    StopSwitch& stop;                        ///< What `Worker::stop` turns.
    spdlog::logger& log;                     ///< Must take lines from any thread.
    std::optional<Separation> separation{};  ///< Empty: one stack on each core.
  };

  /// Asks the machine first, so that most mistakes are found before anything is started.
  /// Error: what was wrong; what would be right.
  [[nodiscard]] static Result<std::unique_ptr<Instance>, std::string> make(Setup setup);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  [[nodiscard]] const Config& config() const noexcept { return setup_.config; }
  [[nodiscard]] std::vector<std::unique_ptr<Core>>& cores() noexcept { return cores_; }
  /// What was asked for as device `index`.
  [[nodiscard]] const device::DeviceSpec& device_spec(std::size_t index) const noexcept {
    return plan_.devices[index].spec;
  }
  /// The device below interface `index`.
  [[nodiscard]] const device::DeviceSpec& spec_below(std::size_t index) const noexcept {
    return device_spec(plan_.interfaces[index].device);
  }
  /// Whether a core without work sleeps.
  [[nodiscard]] bool sleeps_when_idle() const noexcept;
  /// The part of the start-up report that this knows.
  [[nodiscard]] StartReport report() const;
  /// What `Worker::stop` was given: of the first core that gave another than zero.
  [[nodiscard]] int exit_status() const noexcept;
  /// Sums over the cores.
  [[nodiscard]] CoreStats stats() const noexcept;
  [[nodiscard]] CoreUsage usage() const noexcept;

 private:
  explicit Instance(Setup setup) : setup_{std::move(setup)} {}
  [[nodiscard]] Result<void, std::string> check_machine();
  [[nodiscard]] Result<void, std::string> start_eal();
  [[nodiscard]] Result<void, std::string> open_capture();
  [[nodiscard]] Result<void, std::string> check_cores() const;
  [[nodiscard]] Result<void, std::string> check_devices();
  [[nodiscard]] Result<void, std::string> plan_host_addresses(std::vector<LocalAddress> kernel);
  [[nodiscard]] Result<void, std::string> add_cores();
  [[nodiscard]] Result<void, std::string> open_devices();
  [[nodiscard]] Result<void, std::string> open_one(const DevicePlan::Device& device);
  [[nodiscard]] Result<void, std::string> open_separate();
  [[nodiscard]] Result<void, std::string> open_for_two(const DevicePlan::Device& device);
  [[nodiscard]] OpenContext open_context(Core& core);
  void keep(Core& core, OpenDevice open, const device::DeviceSpec& spec);
  [[nodiscard]] std::size_t core_count() const noexcept;
  [[nodiscard]] Result<void, std::string> check_receive_rings() const;
  [[nodiscard]] Result<void, std::string> add_stacks();
  void add_stack(Core& core, unsigned index);
  [[nodiscard]] stack::InterfaceSetup interface_setup(std::size_t index) const;
  [[nodiscard]] DeviceReport device_report(std::size_t index) const;
  [[nodiscard]] Result<void, std::string> set_up_host();
  [[nodiscard]] base::Random make_random();
  [[nodiscard]] bool wants_sleep() const noexcept;
  [[nodiscard]] std::vector<std::string> devices_that_keep_awake() const;

  Setup setup_;
  DevicePlan plan_;
  std::vector<std::optional<IpPrefix>>
      host_addresses_;  // By interface; empty: none is to be given.
  std::optional<runtime::TscClock> clock_;
  std::optional<base::Random> random_;
  std::uint64_t randoms_made_ = 0;  // Each differs from the others, with a configured seed as well.
  std::vector<device::XdpClaim> xdp_claims_;  // Outlive the drivers, which end with the EAL.
  std::optional<device::Eal> eal_;
  std::unique_ptr<device::CaptureFile> capture_;
  /// What is told of a device; in the plan's order, of separate stacks in that of the cores.
  struct Opened {
    std::string driver;
    std::string offloads;
    device::Capabilities capabilities;
    bool is_link_up = true;
    bool can_wake = false;
  };
  std::vector<Opened> opened_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::vector<HostSetup> host_setups_;
};

}  // namespace millrace::control
