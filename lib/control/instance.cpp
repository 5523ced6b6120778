// Each step of `make` answers for itself; what was built until a failure is taken apart by the
// destructor.
#include "control/instance.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <rte_memory.h>

#include "control/core_thread.hpp"
#include "control/local_addresses.hpp"
#include "control/memory_plan.hpp"

namespace millrace::control {

namespace {

std::uint64_t available_memory() {
  std::ifstream file{"/proc/meminfo"};
  const std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  return available_bytes_of(text);
}

stack::InterfaceSetup interface_setup(const DeviceConfig& config,
                                      const device::Capabilities& capabilities) {
  stack::InterfaceSetup setup;
  setup.mac = capabilities.mac;
  setup.mtu = std::min(config.mtu, capabilities.mtu);
  setup.offloads.tx_ipv4_checksum = capabilities.tx_ipv4_checksum;
  setup.offloads.tx_tcp_checksum = capabilities.tx_tcp_checksum;
  setup.offloads.multi_segment = capabilities.multi_segment;
  setup.offloads.reflects = capabilities.reflects;
  setup.addresses = config.addresses;
  setup.gateway = config.gateway;
  return setup;
}

DeviceReport device_report(const DeviceConfig& config, const OpenDevice& open) {
  const device::Capabilities& capabilities = open.device->capabilities();
  DeviceReport report;
  report.spec = config.spec;
  report.driver = open.driver;
  report.mac = capabilities.mac;
  report.mtu = std::min(config.mtu, capabilities.mtu);
  report.is_link_up = open.is_link_up;
  report.addresses = config.addresses;
  report.gateway = config.gateway;
  report.offloads = open.offloads;
  return report;
}

}  // namespace

Result<std::unique_ptr<Instance>, std::string> Instance::make(Setup setup) {
  std::unique_ptr<Instance> instance{new Instance{std::move(setup)}};
  constexpr std::array kSteps{&Instance::check_machine, &Instance::start_eal,
                              &Instance::open_capture};
  for (const auto step : kSteps) {
    if (Result<void, std::string> done = ((*instance).*step)(); !done) {
      return fail(std::move(done).error());
    }
  }
  const std::size_t count = std::max<std::size_t>(instance->config().cores.size(), 1);
  for (unsigned index = 0; index < count; ++index) {
    if (Result<void, std::string> added = instance->add_core(index); !added) {
      return fail(std::move(added).error());
    }
  }
  if (Result<void, std::string> done = instance->set_up_host(); !done) {
    return fail(std::move(done).error());
  }
  return instance;
}

Instance::~Instance() {
  // The kernel's end goes first, while the interface is there; then cores, each from its face down
  // to its packets.
  host_setups_.clear();
  cores_.clear();
}

bool Instance::sleeps_when_idle() const noexcept {
  return wants_sleep() && std::ranges::all_of(cores_, [](const std::unique_ptr<Core>& core) {
           return std::ranges::all_of(
               core->devices, [](const auto& device) { return device->wake_descriptor() >= 0; });
         });
}

StartReport Instance::report() const {
  StartReport report;
  report.devices = device_reports_;
  report.processors = setup_.config.cores;
  report.sleeps_when_idle = sleeps_when_idle();
  for (const auto& core : cores_) {
    report.packet_bytes += bytes_of(core->pools);
    report.packets += core->pools.capacity();
    report.max_connections += setup_.config.max_connections;
  }
  report.memory_kind = eal_->memory_kind();
  report.capture_file = setup_.config.capture_file;
  return report;
}

CoreStats Instance::stats() const noexcept {
  CoreStats sum;
  for (const auto& core : cores_) {
    add(sum, core->stack->stats());
  }
  return sum;
}

CoreUsage Instance::usage() const noexcept {
  CoreUsage sum;
  for (const auto& core : cores_) {
    add(sum, core->stack->usage());
  }
  return sum;
}

Result<void, std::string> Instance::check_machine() {
  const std::vector<LocalAddress> kernel = kernel_addresses();
  for (const DeviceConfig& config : setup_.config.devices) {
    Result<device::DeviceSpec, std::string> spec =
        device::DeviceSpec::parse(config.spec, static_cast<unsigned>(specs_.size()));
    if (!spec) {
      return fail(std::move(spec).error());
    }
    if (auto possible = spec->check_surroundings(); !possible) {
      return possible;
    }
    if (auto is_free = check_free(config.addresses, kernel); !is_free) {
      return is_free;
    }
    std::optional<IpPrefix>& host_address = host_addresses_.emplace_back();
    if (spec->kind == device::DeviceKind::Tap && setup_.config.host_setup) {
      Result<IpPrefix, std::string> planned =
          plan_host_address(spec->name, config.addresses.front(), kernel);
      if (!planned) {
        return fail(std::move(planned).error());
      }
      host_address = *planned;
    }
    specs_.push_back(*std::move(spec));
  }
  return check_memory(plan_memory(setup_.config), available_memory());
}

Result<void, std::string> Instance::start_eal() {
  random_ = make_random();
  device::EalOptions options;
  for (const device::DeviceSpec& spec : specs_) {
    options.device_arguments.insert(options.device_arguments.end(), spec.eal_arguments.begin(),
                                    spec.eal_arguments.end());
    options.uses_pci = options.uses_pci || spec.uses_pci();
    options.lends_memory = options.lends_memory || spec.lends_memory();
  }
  options.extra_arguments = setup_.config.eal_arguments;
  options.cores = setup_.config.cores;
  options.memory_bytes = plan_memory(setup_.config).bytes_for_eal;
  options.is_verbose = setup_.is_verbose;
  // EAL ties this thread to the first core, which belongs to that core's worker.
  const Affinity before = Affinity::of_this_thread();
  Result<device::Eal, std::string> eal = device::Eal::start(options);
  static_cast<void>(before.apply());
  if (!eal) {
    return fail(std::move(eal).error());
  }
  eal_.emplace(*std::move(eal));
  clock_ = runtime::TscClock::calibrate();
  return {};
}

Result<void, std::string> Instance::open_capture() {
  if (setup_.config.capture_file.empty()) {
    return {};
  }
  auto file = device::CaptureFile::create(setup_.config.capture_file,
                                          device::ClockAnchor::at(clock_->now()));
  if (!file) {
    return fail(fmt::format("--capture: {}", file.error()));
  }
  capture_ = *std::move(file);
  capture_->on_failure([&log = setup_.log](const std::string& line) { log.warn("{}", line); });
  return {};
}

Result<void, std::string> Instance::add_core(unsigned index) {
  auto pools = packet::CorePools::create(fmt::format("core{}", index),
                                         plan_memory(setup_.config).pools, SOCKET_ID_ANY);
  if (!pools) {
    return fail(fmt::format("{}; give fewer --packets, or more memory with --eal=\"-m MEGABYTES\"",
                            pools.error()));
  }
  auto core = std::make_unique<Core>(*std::move(pools), *clock_);
  if (auto added = add_devices(*core); !added) {
    return added;
  }
  add_stack(*core, index);
  cores_.push_back(std::move(core));
  return {};
}

Result<void, std::string> Instance::add_devices(Core& core) {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const DeviceConfig& config = setup_.config.devices[i];
    auto open = open_device(
        specs_[i], config,
        {.eal = *eal_, .pool = core.pools.data, .random = *random_, .with_wake = wants_sleep()});
    if (!open) {
      return fail(std::move(open).error());
    }
    device_reports_.push_back(device_report(config, *open));
    if (setup_.config.idle == IdlePolicy::Adaptive && open->device->wake_descriptor() < 0) {
      setup_.log.warn("--idle adaptive: {} cannot wake a core that sleeps; the core spins",
                      config.spec);
    }
    if (capture_ != nullptr) {
      const auto clock = [&core]() noexcept { return core.clock.now(); };
      open->device = std::make_unique<device::CaptureDevice>(std::move(open->device), *capture_,
                                                             config.spec, clock);
    }
    core.devices.push_back(std::move(open->device));
  }
  return {};
}

void Instance::add_stack(Core& core, unsigned index) {
  std::vector<stack::InterfaceSetup> interfaces;
  std::vector<device::Device*> devices;
  for (std::size_t i = 0; i < core.devices.size(); ++i) {
    interfaces.push_back(
        interface_setup(setup_.config.devices[i], core.devices[i]->capabilities()));
    devices.push_back(core.devices[i].get());
  }
  core.stack = std::make_unique<stack::Stack>(setup_.config, interfaces, core.pools, make_random(),
                                              core.clock.now());
  core.background = std::make_unique<runtime::BackgroundPool>(setup_.config.background_threads);
  core.face = std::make_unique<socket::CoreWorker>(*core.stack, *core.background, index,
                                                   [&stop = setup_.stop] { stop.request_stop(); });
  core.loop = std::make_unique<runtime::Worker>(*core.stack, std::move(devices), *core.background,
                                                core.clock);
}

Result<void, std::string> Instance::set_up_host() {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (!host_addresses_[i]) {
      continue;
    }
    Result<HostSetup, std::string> setup = HostSetup::apply(specs_[i].name, *host_addresses_[i]);
    if (!setup) {
      return fail(std::move(setup).error());
    }
    host_setups_.push_back(*std::move(setup));
    device_reports_[i].host_end =
        fmt::format("{} on {}", host_addresses_[i]->to_string(), specs_[i].name);
  }
  return {};
}

base::Random Instance::make_random() {
  if (!setup_.config.seed) {
    return base::Random::from_system();
  }
  return base::Random::from_seed(*setup_.config.seed + randoms_made_++);
}

bool Instance::wants_sleep() const noexcept {
  switch (setup_.config.idle) {
    case IdlePolicy::Spin: return false;
    case IdlePolicy::Adaptive: return true;
    case IdlePolicy::Default:
      return std::ranges::all_of(specs_, &device::DeviceSpec::is_kernel_device);
  }
  std::unreachable();
}

}  // namespace millrace::control
