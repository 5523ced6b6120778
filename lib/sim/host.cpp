#include "sim/host.hpp"

#include <algorithm>
#include <iterator>

#include "base/contract.hpp"
#include "wire/vlan.hpp"

namespace millrace::sim {

namespace {

packet::CorePools make_pools(const HostContext& context, const Config& config) {
  constexpr std::uint32_t kFewest = 1'023;
  const packet::PoolSizes sizes{.data = config.packets,
                                .headers = std::max(config.packets / 2, kFewest),
                                .references = std::max(config.packets, kFewest)};
  auto pools = packet::CorePools::create(context.pool_name, sizes, 0);
  base::expects(pools.has_value());
  return *std::move(pools);
}

void add(std::string& text, const char* what, std::uint64_t count) {
  if (count != 0) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  }
}

}  // namespace

Config small_config() {
  Config config;
  config.max_connections = 2'048;
  config.max_time_wait = 2'048;
  config.max_listeners = 16;
  config.max_timers = 1'024;
  config.max_neighbors = 64;
  config.packets = 2'047;
  config.background_threads = 0;
  return config;
}

Host::Host(const HostContext& context, HostSetup setup, HostCallbacks callbacks)
    : setup_{std::move(setup)},
      callbacks_{std::move(callbacks)},
      clock_{context.clock},
      index_{context.number - std::size_t{1}},
      pools_{make_pools(context, setup_.config)} {
  add_nics(context);
  std::vector<device::Device*> devices;
  std::ranges::transform(devices_, std::back_inserter(devices),
                         &std::unique_ptr<device::Device>::get);
  stack_ = std::make_unique<stack::Stack>(setup_.config, interface_setups(), pools_,
                                          base::Random::from_seed(context.random.next_u64()),
                                          clock_.now());
  face_ = std::make_unique<socket::CoreWorker>(
      *stack_, background_, 0U, [this] { has_stopped_ = true; }, setup_.config.name_servers);
  loop_ = std::make_unique<runtime::Worker>(*stack_, std::move(devices), background_, clock_);
}

Host::~Host() = default;

void Host::add_nics(const HostContext& context) {
  for (std::size_t i = 0; i < setup_.nics.size(); ++i) {
    const NicSetup& nic = setup_.nics[i];
    SimDeviceOptions options;
    options.mac = MacAddress{{0x02, 0, 0, 0, context.number, static_cast<std::uint8_t>(i)}};
    options.mtu =
        static_cast<std::uint16_t>(nic.mtu + (nic.vlans.empty() ? 0 : wire::kVlanTagSize));
    options.multi_segment = nic.multi_segment;
    options.cuts_segments = nic.cuts_segments;
    options.rx_ring = nic.rx_ring;
    options.tx_ring = nic.tx_ring;
    auto device = std::make_unique<SimDevice>(
        SimDeviceContext{.clock = context.clock,
                         .schedule = context.schedule,
                         .pool = pools_.data,
                         .frames = context.frames},
        options, base::Random::from_seed(context.random.next_u64()),
        SimDevice::Callbacks{.on_wake = [this] { wake(); },
                             .on_sent = [this](const Frame& frame) { callbacks_.on_sent(frame); },
                             .on_changed =
                                 [this] {
                                   callbacks_.on_fault(
                                       name() + ": a frame was written into after it was sent");
                                 }});
    nics_.push_back(device.get());
    devices_.push_back(setup_.decorate ? setup_.decorate(std::move(device)) : std::move(device));
  }
}

std::vector<stack::InterfaceSetup> Host::interface_setups() const {
  std::vector<stack::InterfaceSetup> setups;
  for (std::size_t i = 0; i < setup_.nics.size(); ++i) {
    const NicSetup& nic = setup_.nics[i];
    const device::Capabilities& capabilities = devices_[i]->capabilities();
    stack::InterfaceSetup setup;
    setup.device = static_cast<std::uint32_t>(i);
    setup.mac = capabilities.mac;
    setup.mtu = nic.mtu;
    setup.offloads.multi_segment = capabilities.multi_segment;
    setup.offloads.tx_tcp_checksum = capabilities.tx_tcp_checksum;
    setup.offloads.tso_pieces = capabilities.tso_pieces;
    if (!nic.addresses.empty()) {
      setup.addresses = nic.addresses;
      setup.gateway = nic.gateway;
      setups.push_back(setup);
    }
    for (const VlanSetup& vlan : nic.vlans) {
      setup.vlan = vlan.vlan;
      setup.addresses = vlan.addresses;
      setup.gateway = vlan.gateway;
      setups.push_back(setup);
    }
  }
  return setups;
}

void Host::run_turn() {
  const Instant now = clock_.now();
  const bool was_busy = loop_->run_turn();
  const bool has_progressed = progress() != last_progress_;
  last_progress_ = progress();
  next_turn_ = loop_->next_deadline();
  is_ready_ = was_busy || (next_turn_ && *next_turn_ <= now) || background_.outstanding() > 0;
  if (!is_ready_ || has_progressed) {
    fruitless_turns_ = 0;
    stalled_since_.reset();
  } else if (++fruitless_turns_ > kFruitlessTurnsMax) {
    // It polls on; meanwhile time passes, and others do something about it.
    is_ready_ = false;
    stalled_since_ = stalled_since_.value_or(now);
    next_turn_ = now + kRetryAfter;
  }
}

std::uint64_t Host::progress() noexcept {
  const CoreStats& stats = stack_->stats();
  return stats.rx_frames + stats.tx_frames;
}

std::string Host::leftovers() {
  const CoreUsage usage = stack_->usage();
  std::string text;
  add(text, "connections", usage.connections);
  add(text, "in TIME-WAIT", usage.time_wait);
  add(text, "active blocks", usage.active_blocks_in_use);
  add(text, "timers", usage.timers_armed);
  add(text, "neighbors", usage.neighbors);
  add(text, "incomplete datagrams", usage.reassemblies);
  add(text, "packets", usage.packets_in_use);
  add(text, "bytes of the packet budget", stack_->tcp().resources().budget.used());
  add(text, "background jobs", background_.outstanding());
  return text;
}

}  // namespace millrace::sim
