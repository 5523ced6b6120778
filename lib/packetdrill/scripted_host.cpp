#include "packetdrill/scripted_host.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include <CLI/App.hpp>

#include "control/command_line.hpp"
#include "control/option_adder.hpp"
#include "control/options.hpp"
#include "posix/words.hpp"

namespace millrace::packetdrill {

namespace {

constexpr std::uint32_t kLargePackets = 255;
constexpr double kLimitMost = 1'000'000;
/// tcp_fastopen_key=a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4.
constexpr std::array<std::uint8_t, 16> kFastOpenKey{0xa1, 0xa1, 0xa1, 0xa1, 0xb2, 0xb2, 0xb2, 0xb2,
                                                    0xc3, 0xc3, 0xc3, 0xc3, 0xd4, 0xd4, 0xd4, 0xd4};

/// What packetdrill's public scripts take for granted: the settings of Linux that they run under.
void behave_as_scripts_expect(TcpConfig& tcp) {
  using namespace std::chrono_literals;
  // Half of it is offered: windows of up to 15 MiB, a scale of 8.
  tcp.receive_buffer_bytes = 30 * 1024 * 1024;
  tcp.receive_buffer_initial_bytes = 540'000;
  tcp.send_buffer_bytes = 4 * 1024 * 1024;
  tcp.send_buffer_initial_bytes = 256 * 1024;
  tcp.timestamps_required = false;
  tcp.ecn = EcnMode::Off;
  tcp.mtu_probing = MtuProbing::Off;
  tcp.user_timeout = 924s;    // Fifteen retransmissions.
  tcp.connect_timeout = 63s;  // Five, of a SYN.
  tcp.rto_variation_min = tcp.rto_min;
  tcp.slow_start_after_idle = false;
  tcp.slow_start_ack_segments = 0;
  tcp.push_burst_segments = 2;
  tcp.empty_window_probes = true;
  tcp.delayed_fin_acks = true;
  tcp.resets_at_sack_edge = true;
  tcp.fast_open_by_default = true;
  tcp.fast_open_key = kFastOpenKey;
}

/// Small enough for every machine that runs scripts.
Config script_config() {
  Config config;
  config.max_connections = 1'024;
  config.max_time_wait = 1'024;
  config.max_listeners = 16;
  config.max_timers = 64;
  config.max_neighbors = 64;
  config.packets = 8'192;
  config.background_threads = 0;
  config.seed = 1;
  // The address that those who run packetdrill's scripts give it, as a rule.
  config.devices.emplace_back().addresses.push_back(
      *IpPrefix::make(IpAddress::v4(192, 168, 0, 1), 16));
  behave_as_scripts_expect(config.tcp);
  return config;
}

std::string next_name() {
  static unsigned made = 0;  // The main thread's.
  return "script" + std::to_string(made++);
}

}  // namespace

Result<ScriptFlags, std::string> parse_script_flags(std::string_view text) {
  auto words = posix::split_words(text);
  if (!words) {
    return fail(words.error());
  }
  words->insert(words->begin(), "flags");
  ScriptFlags flags{.config = script_config()};
  CLI::App app{"", "flags"};
  control::SharedOptions shared{app, flags.config};
  control::add_checked_option(
      app, "--receive-limit",
      [](std::string_view value) {
        return control::parse_seconds(value, {.min = 0, .max = kLimitMost});
      },
      [&flags](Duration value) { flags.receive_limit = value; }, "");
  app.add_option("--sysctls", flags.sysctls);
  std::vector<const char*> arguments;
  std::ranges::transform(*words, std::back_inserter(arguments), &std::string::c_str);
  if (auto stop =
          control::read_command_line(app, static_cast<int>(arguments.size()), arguments.data())) {
    return fail(std::move(stop->text));
  }
  auto settings = shared.settle();
  if (!settings) {
    return fail(settings.error());
  }
  flags.config = std::move(settings->config);
  return flags;
}

Result<std::unique_ptr<ScriptedHost>, std::string> ScriptedHost::make(ScriptFlags flags) {
  const std::string name = next_name();
  auto pools = packet::CorePools::create(name,
                                         {.data = flags.config.packets,
                                          .headers = flags.config.packets / 2,
                                          .references = flags.config.packets},
                                         0);
  if (!pools) {
    return fail(pools.error());
  }
  auto large = packet::PacketPool::create(name + "l", kLargePackets, WireDevice::kLargest + 64, 0);
  if (!large) {
    return fail(large.error());
  }
  return std::unique_ptr<ScriptedHost>{
      new ScriptedHost{std::move(flags), *std::move(pools), *std::move(large)}};
}

ScriptedHost::ScriptedHost(ScriptFlags flags, packet::CorePools pools, packet::PacketPool large)
    : flags_{std::move(flags)},
      pools_{std::move(pools)},
      large_{std::move(large)},
      wire_{clock_, large_},
      stack_{flags_.config, std::array{interface_setup()}, pools_,
             base::Random::from_seed(flags_.config.seed.value_or(1)), clock_.now()},
      worker_{stack_, background_, 0U, [] {}},
      loop_{stack_, {&wire_}, background_, clock_} {
  stack_.start(clock_.now());
  passive_ = std::make_unique<posix::Passive>(posix::Passive::Parts{
      .loop = loop_,
      .worker = worker_,
      .clock = clock_,
      .config = flags_.config,
      .wall_clock_at_zero = std::chrono::seconds{kStartOfTime} - start_.time_since_epoch()});
}

ScriptedHost::~ScriptedHost() {
  stack_.adopt();
  passive_.reset();
}

stack::InterfaceSetup ScriptedHost::interface_setup() const {
  const DeviceConfig& device = flags_.config.devices.front();
  stack::InterfaceSetup setup;
  setup.mac = wire_.capabilities().mac;
  setup.mtu = device.mtu;
  setup.addresses = device.addresses;
  setup.gateway = device.gateway;
  if (!setup.gateway) {
    // Whoever is not on the link is behind somebody on it, who answers as everybody does.
    const IpPrefix& own = device.addresses.front();
    auto bytes = own.address().v4_bytes();
    bytes[3] = bytes[3] == 254 ? 253 : static_cast<std::uint8_t>(bytes[3] + 1);
    setup.gateway = IpAddress::v4(bytes);
  }
  return setup;
}

long long ScriptedHost::microseconds(Instant time) const noexcept {
  return kStartOfTime * 1'000'000 +
         std::chrono::duration_cast<std::chrono::microseconds>(time - start_).count();
}

}  // namespace millrace::packetdrill
