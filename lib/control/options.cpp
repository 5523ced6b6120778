// The texts of the help page stand here, each beside what its option sets.
#include "control/options.hpp"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/device_plan.hpp"
#include "control/device_tables.hpp"
#include "control/interface_spec.hpp"
#include "control/option_adder.hpp"
#include "control/tcp_settings.hpp"
#include "control/udp_settings.hpp"
#include "device/dpdk/device_spec.hpp"
#include "net/interface.hpp"

namespace millrace::control {

namespace {

constexpr CountLimits kConnectionLimits{.min = 1, .max = 64ULL << 20U};
constexpr CountLimits kListenerLimits{.min = 1, .max = 1ULL << 20U};
constexpr CountLimits kUdpSocketLimits{.min = 1, .max = 1ULL << 20U};
constexpr CountLimits kPacketLimits{.min = 2'048, .max = 16ULL << 20U};
constexpr SecondsLimits kTimeWaitLimits{.min = 0.01, .max = 600};
constexpr SecondsLimits kUserTimeoutLimits{.min = 0.1, .max = 604'800};

Parsed<std::string> parse_anything(std::string_view text) { return std::string{text}; }

auto count_parser(CountLimits limits) {
  return [limits](std::string_view text) { return parse_count(text, limits); };
}

auto seconds_parser(SecondsLimits limits) {
  return [limits](std::string_view text) { return parse_seconds(text, limits); };
}

Parsed<std::string> parse_spec(std::string_view text) {
  const Parsed<InterfaceSpec> interface = InterfaceSpec::parse(text);
  if (!interface) {
    return fail(interface.error());
  }
  Result<device::DeviceSpec, std::string> spec = device::DeviceSpec::parse(interface->device);
  if (!spec) {
    return fail(std::move(spec).error());
  }
  return std::string{text};
}

/// The option behind a field of Config, "devices[0].addresses" say; a field without one keeps its
/// name.
std::string option_of(const std::string& field) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kOptions{{
      {"devices", "--address"},
      {"routes", "--route"},
      {"name_servers", "--dns"},
      {".spec", "--device"},
      {".addresses", "--address"},
      {".gateway", "--gateway"},
      {".mtu", "--mtu"},
      {"cores", "--cores"},
      {"max_connections", "--max-connections"},
      {"max_listeners", "--max-listeners"},
      {"max_udp_sockets", "--max-udp-sockets"},
      {"packets", "--packets"},
  }};
  for (const auto& [ending, option] : kOptions) {
    if (field.ends_with(ending)) {
      return std::string{option};
    }
  }
  for (const std::string_view section : {"tcp.", "udp.", "reassembly."}) {
    if (field.starts_with(section)) {
      return fmt::format("--{} {}", section.substr(0, section.size() - 1),
                         field.substr(section.size()));
    }
  }
  return field;
}

/// What is planned for but not offered yet is refused here, in one place.
Result<void, std::string> check_offered(const Config& config, std::size_t cores_max) {
  for (const DeviceConfig& device : config.devices) {
    if (device.addresses.size() > net::Interface::kMaxAddresses) {
      return fail(fmt::format("--address: {} addresses were given for {}; give at most {}",
                              device.addresses.size(), device.spec, net::Interface::kMaxAddresses));
    }
  }
  if (config.cores.size() > cores_max && cores_max > 1) {
    return fail(fmt::format("--cores: {} cores were given; give at most {}", config.cores.size(),
                            cores_max));
  }
  if (config.cores.size() > cores_max) {
    return fail(fmt::format(
        "--cores: {} cores were given, but {} is served through one queue, which feeds one core; "
        "give one processor number",
        config.cores.size(), config.devices.front().spec));
  }
  if (const auto plan = DevicePlan::make(config.devices); !plan) {
    return fail(plan.error());
  }
  return {};
}

}  // namespace

DeviceConfig default_device() {
  DeviceConfig device;
  device.addresses.push_back(*IpPrefix::make(IpAddress::v4(198, 18, 0, 2), 24));
  return device;
}

SharedOptions::SharedOptions(CLI::App& app, const Config& defaults) {
  settings_.config = defaults;
  if (settings_.config.devices.empty()) {
    settings_.config.devices.push_back(default_device());
  }
  app.option_defaults()->group("Options of all Millrace programs");
  declare_device_options(app);
  declare_core_options(app);
  declare_limits(app);
  declare_tcp_options(app);
  declare_udp_options(app);
  declare_name_options(app);
  declare_other_options(app);
}

Result<Settings, std::string> SharedOptions::settle(std::size_t cores_max) const {
  Settings settings = settings_;
  // What the command line says of devices goes before the file's tables, as a whole.
  const bool uses_tables = device_arguments_.empty();
  if (uses_tables && table_problem_) {
    return fail(*table_problem_);
  }
  Result<std::vector<DeviceConfig>, std::string> devices =
      (uses_tables ? table_arguments_ : device_arguments_).assemble(settings_.config.devices);
  if (!devices) {
    return fail(std::move(devices).error());
  }
  settings.config.devices = *std::move(devices);
  settings.config.routes.insert(settings.config.routes.end(), routes_.begin(), routes_.end());
  settings.config.eal_arguments = fmt::format("{}", fmt::join(eal_arguments_, " "));
  settings.config.host_setup = settings.config.host_setup && !no_host_setup_;
  if (const Result<void, std::string> offered = check_offered(settings.config, cores_max);
      !offered) {
    return fail(offered.error());
  }
  if (const Result<void, ConfigError> valid = settings.config.validate(); !valid) {
    return fail(fmt::format("{}: {}", option_of(valid.error().field), valid.error().problem));
  }
  return settings;
}

std::optional<std::string> SharedOptions::help_asked_for() const {
  if (!wants_tcp_help_) {
    return std::nullopt;
  }
  return "Settings for --tcp NAME=VALUE, with what they are now:\n" +
         tcp_settings_text(settings_.config.tcp);
}

void SharedOptions::declare_device_options(CLI::App& app) {
  using Field = DeviceArguments::Field;
  const DeviceConfig& device = settings_.config.devices.front();
  const auto into = [this](Field field) {
    return [this, field](const std::vector<std::string>& values) {
      device_arguments_.add(field, values);
    };
  };
  add_checked_list(
      app, "--device", parse_spec, into(Field::Spec),
      "tap:NAME, af_packet:IFACE, af_xdp:IFACE, ring, memif:SOCKET[,server], vhost:SOCKET[,tso], "
      "virtio-user:SOCKET[,tso], vdev:net_DRIVER[,ARGUMENTS] or pci:ADDRESS; tap:NAME.100 is "
      "VLAN 100 on it, as is any device with ,vlan=100; may be repeated, each with its "
      "address behind it")
      ->type_name("DEVICE")
      ->default_str(device.spec);
  const std::string address = device.addresses.empty() ? "" : device.addresses.front().to_string();
  add_checked_list(app, "--address", parse_prefix, into(Field::Address),
                   "Our address on the device before it, with prefix length; may be repeated")
      ->type_name("ADDRESS/LENGTH")
      ->default_str(address);
  add_checked_list(app, "--gateway", parse_address, into(Field::Gateway),
                   "Router to everything beyond the prefix; of several devices' the first one "
                   "counts for connections that we open")
      ->type_name("ADDRESS")
      ->default_str(device.gateway ? device.gateway->to_string() : "none");
  add_checked_list(app, "--mtu", count_parser(kMtuLimits), into(Field::Mtu),
                   "Largest datagram in bytes on the device before it")
      ->type_name("BYTES")
      ->default_str(std::to_string(device.mtu));
  const auto note_routes = [this](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      routes_.push_back(*parse_route(text));
    }
  };
  add_checked_list(app, "--route", parse_route, note_routes,
                   "A network and the router to it, which is on one of the devices' networks; may "
                   "be repeated")
      ->type_name("NETWORK/LENGTH,ROUTER")
      ->default_str("none");
}

void SharedOptions::declare_name_options(CLI::App& app) {
  Config& config = settings_.config;
  add_checked_option(
      app, "--dns", parse_name_servers,
      [&config](std::vector<Endpoint> servers) { config.name_servers = std::move(servers); },
      "Name servers to ask, in this order, instead of those of /etc/resolv.conf")
      ->type_name("ADDRESS[:PORT],...")
      ->default_str(config.name_servers.empty() ? "as /etc/resolv.conf says"
                                                : name_servers_text(config.name_servers));
}

void SharedOptions::declare_core_options(CLI::App& app) {
  Config& config = settings_.config;
  add_checked_option(
      app, "--cores", parse_cores,
      [&config](std::vector<unsigned> cores) { config.cores = std::move(cores); },
      "Processors to pin workers to, such as 1 or 2-3, one on each")
      ->type_name("LIST")
      ->default_str(config.cores.empty() ? "those this process may use, none pinned"
                                         : fmt::format("{}", fmt::join(config.cores, ",")));
  add_checked_option(
      app, "--idle", parse_idle, [&config](IdlePolicy idle) { config.idle = idle; },
      "What a core without work does: spin, or adaptive: sleep until woken")
      ->type_name("spin|adaptive")
      ->default_str("adaptive on devices of the kernel, else spin");
}

void SharedOptions::declare_limits(CLI::App& app) {
  Config& config = settings_.config;
  add_checked_option(
      app, "--max-connections", count_parser(kConnectionLimits),
      [&config](std::uint64_t count) {
        config.max_connections = static_cast<std::uint32_t>(count);
      },
      "Connections per core, half-open ones included")
      ->type_name("N")
      ->default_str(std::to_string(config.max_connections));
  add_checked_option(
      app, "--max-listeners", count_parser(kListenerLimits),
      [&config](std::uint64_t count) { config.max_listeners = static_cast<std::uint32_t>(count); },
      "TCP listeners per core")
      ->type_name("N")
      ->default_str(std::to_string(config.max_listeners));
  add_checked_option(
      app, "--packets", count_parser(kPacketLimits),
      [&config](std::uint64_t count) { config.packets = static_cast<std::uint32_t>(count); },
      "Packet buffers of 2 KiB per core")
      ->type_name("N")
      ->default_str(std::to_string(config.packets));
  add_checked_option(
      app, "--time-wait", seconds_parser(kTimeWaitLimits),
      [&config](Duration time) { config.tcp.msl = time / 2; },
      "How long a closed connection's ports stay taken: twice the segment lifetime")
      ->type_name("SECONDS")
      ->default_str(seconds_text(config.tcp.msl * 2));
  add_checked_option(
      app, "--user-timeout", seconds_parser(kUserTimeoutLimits),
      [&config](Duration time) { config.tcp.user_timeout = time; },
      "Give a connection up after so long without progress")
      ->type_name("SECONDS")
      ->default_str(seconds_text(config.tcp.user_timeout));
}

void SharedOptions::declare_tcp_options(CLI::App& app) {
  TcpConfig& tcp = settings_.config.tcp;
  const auto understand = [](std::string_view text) {
    TcpConfig scratch;
    return apply_tcp_setting(scratch, text);
  };
  const auto take = [&tcp](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      static_cast<void>(apply_tcp_setting(tcp, text));
    }
  };
  add_checked_list(app, "--tcp", understand, take,
                   "One of TCP's settings, which --tcp-help lists; may be repeated")
      ->type_name("NAME=VALUE")
      ->default_str("as --tcp-help says");
  app.add_flag("--tcp-help", wants_tcp_help_, "List TCP's settings and exit");
}

void SharedOptions::declare_udp_options(CLI::App& app) {
  Config& config = settings_.config;
  add_checked_option(
      app, "--max-udp-sockets", count_parser(kUdpSocketLimits),
      [&config](std::uint64_t count) {
        config.max_udp_sockets = static_cast<std::uint32_t>(count);
      },
      "UDP sockets per core")
      ->type_name("N")
      ->default_str(std::to_string(config.max_udp_sockets));
  const auto understand = [](std::string_view text) {
    UdpConfig scratch;
    return apply_udp_setting(scratch, text);
  };
  const auto take = [&config](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      static_cast<void>(apply_udp_setting(config.udp, text));
    }
  };
  add_checked_list(app, "--udp", understand, take, "One of UDP's settings; may be repeated")
      ->type_name("NAME=VALUE")
      ->default_str(udp_settings_text(config.udp));
  const auto understand_reassembly = [](std::string_view text) {
    ReassemblyConfig scratch;
    return apply_reassembly_setting(scratch, text);
  };
  const auto take_reassembly = [&config](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      static_cast<void>(apply_reassembly_setting(config.reassembly, text));
    }
  };
  add_checked_list(app, "--reassembly", understand_reassembly, take_reassembly,
                   "What is kept of datagrams that come in fragments; may be repeated")
      ->type_name("NAME=VALUE")
      ->default_str(reassembly_settings_text(config.reassembly));
}

void SharedOptions::declare_other_options(CLI::App& app) {
  Config& config = settings_.config;
  // No `default_str`: CLI11 would look for a file of that name.
  app.set_config("--config", "",
                 "Read options from a TOML file: NAME = VALUE, and a table [[device]] with name, "
                 "address, gateway, mtu for each of several; the command line goes before it")
      ->type_name("FILE.toml");
  app.config_formatter(std::make_shared<DeviceTables>(table_arguments_, table_problem_));
  add_checked_option(
      app, "--log", parse_log_level, [this](LogLevel level) { settings_.log_level = level; },
      "Least important lines to show on standard error: trace, debug, info, warn, error, off")
      ->type_name("LEVEL")
      ->default_str(std::string{to_string(settings_.log_level)});
  app.add_option("--capture", config.capture_file, "Write every frame to a pcapng file")
      ->type_name("FILE.pcapng")
      ->default_str(config.capture_file.empty() ? "none" : config.capture_file);
  if (!config.eal_arguments.empty()) {
    eal_arguments_.push_back(config.eal_arguments);
  }
  const auto note_eal = [this](const std::vector<std::string>& texts) {
    eal_arguments_.insert(eal_arguments_.end(), texts.begin(), texts.end());
  };
  add_checked_list(app, "--eal", parse_anything, note_eal,
                   "Further arguments for DPDK, in one word: --eal=\"--in-memory -m 512\"")
      ->type_name("ARGUMENTS")
      ->default_str(config.eal_arguments.empty() ? "none" : config.eal_arguments);
  app.add_flag("--no-host-setup", no_host_setup_,
               "Leave the kernel's end of a TAP as it is, without an address");
  app.add_flag("--counters", settings_.print_counters, "Print what was counted at the end");
}

}  // namespace millrace::control
