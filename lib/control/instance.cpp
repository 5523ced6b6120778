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

#include "control/close_on_exec.hpp"
#include "control/core_thread.hpp"
#include "control/interface_advice.hpp"
#include "control/local_addresses.hpp"
#include "control/memory_plan.hpp"
#include "control/option_values.hpp"

namespace millrace::control {

namespace {

std::uint64_t available_memory() {
  std::ifstream file{"/proc/meminfo"};
  const std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  return available_bytes_of(text);
}

/// What follows a device's refusal to open: why it was asked for more than the options say.
std::string room_advice(const DevicePlan::Device& device, const Config& config) {
  const bool is_asked = std::ranges::any_of(device.interfaces, [&](std::size_t interface) {
    return config.devices[interface].mtu == device.config.mtu;
  });
  if (is_asked) {
    return {};
  }
  return fmt::format(
      "; a VLAN's tag takes {} bytes of that, so give the VLAN an --mtu so much smaller",
      device.tag_bytes);
}

}  // namespace

Result<std::unique_ptr<Instance>, std::string> Instance::make(Setup setup) {
  std::unique_ptr<Instance> instance{new Instance{std::move(setup)}};
  constexpr std::array kSteps{&Instance::check_machine, &Instance::start_eal,
                              &Instance::open_capture,  &Instance::add_cores,
                              &Instance::open_devices,  &Instance::add_stacks,
                              &Instance::set_up_host};
  const CloseOnExec descriptors;
  for (const auto step : kSteps) {
    if (Result<void, std::string> done = ((*instance).*step)(); !done) {
      return fail(std::move(done).error());
    }
  }
  descriptors.mark_new();
  return instance;
}

Instance::~Instance() {
  // The kernel's end goes first, while the interface is there; then cores, each from its face down
  // to its packets.
  host_setups_.clear();
  for (const std::unique_ptr<Core>& core : cores_) {
    core->loop.reset();
    core->face.reset();
    core->background.reset();
    core->stack.reset();
  }
  // Between separate stacks packets pass from hand to hand: every device is empty before the first
  // pool goes.
  for (const std::unique_ptr<Core>& core : cores_) {
    core->devices.clear();
  }
  cores_.clear();
}

bool Instance::sleeps_when_idle() const noexcept {
  return wants_sleep() && std::ranges::all_of(opened_, &Opened::can_wake);
}

Result<void, std::string> Instance::check_machine() {
  Result<DevicePlan, std::string> plan = DevicePlan::make(setup_.config.devices);
  if (!plan) {
    return fail(std::move(plan).error());
  }
  plan_ = *std::move(plan);
  if (setup_.separation && plan_.devices.size() != plan_.interfaces.size()) {
    return fail(std::string{"--device: separate ports need a device each, not VLANs of one"});
  }
  if (auto checked = check_cores(); !checked) {
    return checked;
  }
  if (auto checked = check_devices(); !checked) {
    return checked;
  }
  return check_memory(plan_memory(setup_.config, core_count()), available_memory(),
                      device::Eal::usable_hugepage_bytes(setup_.config.eal_arguments));
}

Result<void, std::string> Instance::check_cores() const {
  const std::vector<unsigned> allowed = Affinity::of_this_thread().processors();
  for (const unsigned processor : setup_.config.cores) {
    if (!std::ranges::binary_search(allowed, processor)) {
      return fail(fmt::format(
          "--cores: processor {} is not among those that this process may use; give one of {}",
          processor, cores_text(allowed)));
    }
  }
  return {};
}

Result<void, std::string> Instance::check_devices() {
  for (const DevicePlan::Device& device : plan_.devices) {
    if (auto possible = device.spec.check_surroundings(); !possible) {
      return possible;
    }
    if (device.spec.kind == device::DeviceKind::AfXdp) {
      Result<device::XdpClaim, std::string> claim = device::XdpClaim::take(device.spec);
      if (!claim) {
        return fail(std::move(claim).error());
      }
      xdp_claims_.push_back(*std::move(claim));
    }
  }
  const std::vector<LocalAddress> kernel = kernel_addresses();
  for (const DevicePlan::Device& device : plan_.devices) {
    if (const auto warning = sharing_warning(device.spec, kernel)) {
      setup_.log.warn("{}", *warning);
    }
  }
  for (const DeviceConfig& config : setup_.config.devices) {
    if (auto is_free = check_free(config.addresses, kernel); !is_free) {
      return is_free;
    }
  }
  return plan_host_addresses(kernel);
}

Result<void, std::string> Instance::plan_host_addresses(std::vector<LocalAddress> kernel) {
  host_addresses_.resize(plan_.interfaces.size());
  // Nor may it be one of ours: the kernel and we would each defend it.
  for (const DeviceConfig& config : setup_.config.devices) {
    for (const IpPrefix& ours : config.addresses) {
      kernel.push_back({.interface = config.spec, .address = ours.address()});
    }
  }
  for (std::size_t i = 0; i < plan_.interfaces.size() && setup_.config.host_setup; ++i) {
    const device::DeviceSpec& spec = plan_.devices[plan_.interfaces[i].device].spec;
    // A VLAN's end in the kernel is an interface of its own, which is left to the operator.
    if (spec.kind != device::DeviceKind::Tap || plan_.interfaces[i].vlan != 0) {
      continue;
    }
    Result<IpPrefix, std::string> planned =
        plan_host_address(spec.name, setup_.config.devices[i].addresses.front(), kernel);
    if (!planned) {
      return fail(std::move(planned).error());
    }
    kernel.push_back({.interface = spec.name, .address = planned->address()});
    host_addresses_[i] = *planned;
  }
  return {};
}

Result<void, std::string> Instance::start_eal() {
  random_ = make_random();
  device::EalOptions options;
  for (const DevicePlan::Device& device : plan_.devices) {
    options.device_arguments.insert(options.device_arguments.end(),
                                    device.spec.eal_arguments.begin(),
                                    device.spec.eal_arguments.end());
    options.uses_pci = options.uses_pci || device.spec.uses_pci();
    options.lends_memory = options.lends_memory || device.spec.lends_memory();
  }
  options.extra_arguments = setup_.config.eal_arguments;
  options.cores = setup_.config.cores;
  const MemoryPlan memory = plan_memory(setup_.config, core_count());
  options.memory_bytes = memory.bytes_in_pages;
  options.hugepage_bytes = memory.bytes_in_hugepages;
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

Result<void, std::string> Instance::add_cores() {
  for (std::size_t index = 0; index < core_count(); ++index) {
    auto pools = packet::CorePools::create(fmt::format("core{}", index),
                                           plan_memory(setup_.config).pools, SOCKET_ID_ANY);
    if (!pools) {
      return fail(fmt::format(
          "{}; give fewer --packets, or more memory with --eal=\"-m MEGABYTES\"", pools.error()));
    }
    cores_.push_back(std::make_unique<Core>(*std::move(pools), *clock_));
  }
  return {};
}

Result<void, std::string> Instance::open_devices() {
  if (setup_.separation) {
    return open_separate();
  }
  for (const DevicePlan::Device& device : plan_.devices) {
    if (auto opened = open_one(device); !opened) {
      return opened;
    }
  }
  return check_receive_rings();
}

/// A device is opened once, however many interfaces stand on it, and its only queue is the first
/// core's.
Result<void, std::string> Instance::open_one(const DevicePlan::Device& device) {
  if (cores_.size() > 1) {
    return fail(fmt::format("--cores: {} cores were given, but {} has one queue; give one",
                            cores_.size(), device.spec.text));
  }
  Core& core = *cores_.front();
  auto open = open_device(device.spec, device.config, open_context(core));
  if (!open) {
    return fail(open.error() + room_advice(device, setup_.config));
  }
  keep(core, *std::move(open), device.spec);
  return {};
}

OpenContext Instance::open_context(Core& core) {
  return {.eal = *eal_,
          .pool = core.pools.data,
          .random = *random_,
          .with_wake = wants_sleep(),
          .port = setup_.separation ? setup_.separation->port : PortSettings{}};
}

void Instance::keep(Core& core, OpenDevice open, const device::DeviceSpec& spec) {
  opened_.push_back({.driver = open.driver,
                     .offloads = open.offloads,
                     .capabilities = open.device->capabilities(),
                     .is_link_up = open.is_link_up,
                     .can_wake = open.device->wake_descriptor() >= 0});
  if (setup_.config.idle == IdlePolicy::Adaptive && !opened_.back().can_wake) {
    setup_.log.warn("--idle adaptive: {} cannot wake a core that sleeps; the core spins",
                    spec.text);
  }
  if (capture_ != nullptr) {
    const auto clock = [&core]() noexcept { return core.clock.now(); };
    open.device = std::make_unique<device::CaptureDevice>(std::move(open.device), *capture_,
                                                          spec.text, clock);
  }
  core.devices.push_back(std::move(open.device));
}

/// What lies in receive rings is nobody else's (decision 5).
Result<void, std::string> Instance::check_receive_rings() const {
  for (const auto& core : cores_) {
    std::uint32_t held = 0;
    for (const auto& device : core->devices) {
      held += device->held_packets();
    }
    if (held > core->pools.data.capacity() / 2) {
      return fail(
          fmt::format("--packets: the receive rings of the devices take {} of {} packet "
                      "buffers; give at least {}",
                      held, core->pools.data.capacity(), 2 * held));
    }
  }
  return {};
}

Result<void, std::string> Instance::add_stacks() {
  for (unsigned index = 0; index < cores_.size(); ++index) {
    add_stack(*cores_[index], index);
  }
  return {};
}

void Instance::add_stack(Core& core, unsigned index) {
  std::vector<stack::InterfaceSetup> interfaces;
  if (setup_.separation) {
    interfaces.push_back(interface_setup(index));
  }
  for (std::size_t i = 0; !setup_.separation && i < plan_.interfaces.size(); ++i) {
    interfaces.push_back(interface_setup(i));
  }
  std::vector<device::Device*> devices;
  std::ranges::transform(core.devices, std::back_inserter(devices),
                         &std::unique_ptr<device::Device>::get);
  core.stack = std::make_unique<stack::Stack>(setup_.config, interfaces, core.pools, make_random(),
                                              core.clock.now());
  core.background = std::make_unique<runtime::BackgroundPool>(setup_.config.background_threads);
  core.face = std::make_unique<socket::CoreWorker>(
      *core.stack, *core.background, index, [&stop = setup_.stop] { stop.request_stop(); },
      setup_.config.name_servers);
  core.loop = std::make_unique<runtime::Worker>(*core.stack, std::move(devices), *core.background,
                                                core.clock);
}

stack::InterfaceSetup Instance::interface_setup(std::size_t index) const {
  const bool is_second = index >= plan_.interfaces.size();  // Stack of a single device.
  const DevicePlan::Interface& place = plan_.interfaces[is_second ? 0 : index];
  const DeviceConfig& config =
      is_second ? *setup_.separation->second : setup_.config.devices[index];
  const device::Capabilities& capabilities =
      opened_[setup_.separation ? index : place.device].capabilities;
  stack::InterfaceSetup setup;
  setup.device = setup_.separation ? 0 : place.device;
  setup.vlan = place.vlan;
  setup.mac = capabilities.mac;
  setup.mtu =
      std::min(config.mtu, plan_.devices[place.device].mtu_within(capabilities.mtu, place.vlan));
  setup.offloads.tx_ipv4_checksum = capabilities.tx_ipv4_checksum;
  setup.offloads.tx_tcp_checksum = capabilities.tx_tcp_checksum;
  setup.offloads.tx_udp_checksum = capabilities.tx_udp_checksum;
  setup.offloads.multi_segment = capabilities.multi_segment;
  setup.offloads.tso_pieces = capabilities.tso_pieces;
  setup.offloads.reflects = capabilities.reflects;
  setup.addresses = config.addresses;
  setup.gateway = config.gateway;
  return setup;
}

Result<void, std::string> Instance::set_up_host() {
  if (!setup_.config.host_setup) {
    return {};
  }
  for (const DevicePlan::Device& device : plan_.devices) {
    if (device.spec.kind != device::DeviceKind::Tap) {
      continue;
    }
    std::optional<IpPrefix> address;
    for (const std::size_t interface : device.interfaces) {
      address = address ? address : host_addresses_[interface];
    }
    Result<HostSetup, std::string> setup = HostSetup::apply(device.spec.name, address);
    if (!setup) {
      return fail(std::move(setup).error());
    }
    host_setups_.push_back(*std::move(setup));
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
      return std::ranges::all_of(plan_.devices, [](const DevicePlan::Device& device) {
        return device.spec.is_kernel_device();
      });
  }
  std::unreachable();
}

}  // namespace millrace::control
