// Checks a configuration: each limit that config.hpp documents, and combinations that cannot work.
// Whether a device or a processor exists is found out later, by those who open it.
#include <algorithm>
#include <array>
#include <millrace/config.hpp>
#include <string_view>
#include <utility>

namespace millrace {

namespace {

using Problem = std::optional<ConfigError>;
using namespace std::chrono_literals;

constexpr std::uint64_t kKibi = 1024;
constexpr std::uint64_t kMebi = 1024 * kKibi;
constexpr std::uint64_t kGibi = 1024 * kMebi;

struct NumberLimit {
  std::string_view field;
  std::uint64_t value;
  std::uint64_t min;
  std::uint64_t max;
};

struct TimeLimit {
  std::string_view field;
  Duration value;
  Duration min;
  Duration max;
};

// What the largest Duration stands for: no limit.
constexpr Duration kUnlimited = Duration::max();
constexpr Duration kPositive{1};

Problem wrong(std::string_view field, std::string problem) {
  return ConfigError{.field = std::string{field}, .problem = std::move(problem)};
}

std::string in_words(Duration time) {
  if (time % 1s == 0s) {
    return std::to_string(time / 1s) + " s";
  }
  return time % 1ms == 0ms ? std::to_string(time / 1ms) + " ms"
                           : std::to_string(time.count()) + " ns";
}

Problem check_number(const NumberLimit& limit) {
  if (limit.value >= limit.min && limit.value <= limit.max) {
    return std::nullopt;
  }
  return wrong(limit.field, std::to_string(limit.value) + " is out of range; use " +
                                std::to_string(limit.min) + " to " + std::to_string(limit.max));
}

Problem check_time(const TimeLimit& limit) {
  if (limit.value >= limit.min && limit.value <= limit.max) {
    return std::nullopt;
  }
  const std::string least =
      limit.min == kPositive ? "more than 0 s" : "at least " + in_words(limit.min);
  const std::string most = limit.max == kUnlimited ? "" : " and at most " + in_words(limit.max);
  return wrong(limit.field, in_words(limit.value) + " is out of range; use " + least + most);
}

Problem check_core_limits(const Config& config) {
  const std::array limits{
      NumberLimit{"max_connections", config.max_connections, 1, 64 * kMebi},
      NumberLimit{"max_time_wait", config.max_time_wait, 1, 64 * kMebi},
      NumberLimit{"max_listeners", config.max_listeners, 1, kMebi},
      NumberLimit{"max_udp_sockets", config.max_udp_sockets, 1, kMebi},
      NumberLimit{"max_orphans", config.max_orphans, 1, 64 * kMebi},
      NumberLimit{"max_timers", config.max_timers, 1, 64 * kMebi},
      NumberLimit{"max_neighbors", config.max_neighbors, 1, kMebi},
      NumberLimit{"max_path_mtus", config.max_path_mtus, 1, kMebi},
      NumberLimit{"background_threads", config.background_threads, 0, 256},
      NumberLimit{"max_active_blocks", config.max_active_blocks, 0, config.max_connections},
      NumberLimit{"packets", config.packets, 2048, 16 * kMebi},
  };
  for (const NumberLimit& limit : limits) {
    if (Problem problem = check_number(limit)) {
      return problem;
    }
  }
  return std::nullopt;
}

Problem check_tcp_limits(const Config& config) {
  const TcpConfig& tcp = config.tcp;
  const std::array limits{
      NumberLimit{"tcp.send_buffer_bytes", tcp.send_buffer_bytes, 4 * kKibi, kGibi},
      NumberLimit{"tcp.send_buffer_initial_bytes", tcp.send_buffer_initial_bytes, 4 * kKibi, kGibi},
      NumberLimit{"tcp.receive_buffer_bytes", tcp.receive_buffer_bytes, 16 * kKibi, kGibi},
      NumberLimit{"tcp.receive_buffer_initial_bytes", tcp.receive_buffer_initial_bytes, 16 * kKibi,
                  kGibi},
      // RFC 9293 §3.8.3, SHLD-10.
      NumberLimit{"tcp.r1_retransmissions", tcp.r1_retransmissions, 3, 255},
      NumberLimit{"tcp.hop_limit", tcp.hop_limit, 1, 255},
      NumberLimit{"tcp.initial_window_segments", tcp.initial_window_segments, 1, 64},
      NumberLimit{"tcp.reassembly_segments_max", tcp.reassembly_segments_max, 0, 65'535},
      NumberLimit{"tcp.syn_backlog", tcp.syn_backlog, 1, kMebi},
      NumberLimit{"tcp.syn_ack_retries", tcp.syn_ack_retries, 0, 30},
      NumberLimit{"tcp.path_mtu_min", tcp.path_mtu_min, 88, 1500},
      NumberLimit{"tcp.mtu_probing_base", tcp.mtu_probing_base, 48, 9000},
      NumberLimit{"tcp.black_hole_timeouts", tcp.black_hole_timeouts, 1, 30},
      NumberLimit{"tcp.challenge_acks_per_second", tcp.challenge_acks_per_second, 1, kMebi},
      NumberLimit{"tcp.fast_open_destinations", tcp.fast_open_destinations, 0, kMebi},
      NumberLimit{"tcp.local_port_first", tcp.local_port_first, 1, 65'535},
      NumberLimit{"tcp.local_port_last", tcp.local_port_last, tcp.local_port_first, 65'535},
      NumberLimit{"tcp.quick_acks_max", tcp.quick_acks_max, 0, 255},
      NumberLimit{"tcp.slow_start_ack_segments", tcp.slow_start_ack_segments, 0, 64},
      NumberLimit{"tcp.bbr_connections", tcp.bbr_connections, 0, 64 * kMebi},
      NumberLimit{"tcp.pacing_slow_start_percent", tcp.pacing_slow_start_percent, 100, 1'000},
      NumberLimit{"tcp.pacing_percent", tcp.pacing_percent, 100, 1'000},
      NumberLimit{"tcp.push_burst_segments", tcp.push_burst_segments, 0, 64},
      NumberLimit{"tcp.duplicate_threshold", tcp.duplicate_threshold, 1, 127},
  };
  for (const NumberLimit& limit : limits) {
    if (Problem problem = check_number(limit)) {
      return problem;
    }
  }
  return std::nullopt;
}

Problem check_tcp_times(const Config& config) {
  const TcpConfig& tcp = config.tcp;
  const std::array limits{
      // RFC 6298 §2.5: a maximum, if any, is at least 60 s.
      TimeLimit{"tcp.rto_max", tcp.rto_max, 60s, kUnlimited},
      TimeLimit{"tcp.rto_min", tcp.rto_min, kPositive, tcp.rto_max},
      TimeLimit{"tcp.rto_variation_min", tcp.rto_variation_min, 0s, tcp.rto_max},
      TimeLimit{"tcp.rto_initial", tcp.rto_initial, tcp.rto_min, tcp.rto_max},
      TimeLimit{"tcp.user_timeout", tcp.user_timeout, kPositive, kUnlimited},
      TimeLimit{"tcp.user_timeout_max", tcp.user_timeout_max, kPositive, kUnlimited},
      TimeLimit{"tcp.user_timeout_min", tcp.user_timeout_min, kPositive, tcp.user_timeout_max},
      TimeLimit{"tcp.connect_timeout", tcp.connect_timeout, kPositive, kUnlimited},
      // RFC 9293 §3.8.6.3, MUST-40: an acknowledgment is delayed by less than 0.5 s.
      TimeLimit{"tcp.peer_ack_delay_max", tcp.peer_ack_delay_max, 0s, 499ms},
      TimeLimit{"tcp.delayed_ack", tcp.delayed_ack, 0s, 499ms},
      // RFC 9293 §3.8.6.2.1: the range proposed for the sender's override timeout.
      TimeLimit{"tcp.override_timeout", tcp.override_timeout, 100ms, 1s},
      // TIME-WAIT lasts twice as long.
      TimeLimit{"tcp.pacing_slack", tcp.pacing_slack, 0s, 10ms},
      TimeLimit{"tcp.msl", tcp.msl, kPositive, kUnlimited / 2},
      TimeLimit{"tcp.fast_open_key_lifetime", tcp.fast_open_key_lifetime, 1s, kUnlimited / 2},
      TimeLimit{"tcp.fast_open_pause", tcp.fast_open_pause, 1s, kUnlimited / 128},
      TimeLimit{"tcp.fin_wait_2_timeout", tcp.fin_wait_2_timeout, kPositive, kUnlimited},
      // RFC 1191 §6.3: no sooner than 5 minutes after a router has spoken.
      TimeLimit{"tcp.path_mtu_lifetime", tcp.path_mtu_lifetime, 5min, 24h},
      TimeLimit{"tcp.mtu_probing_interval", tcp.mtu_probing_interval, 1min, 24h},
  };
  for (const TimeLimit& limit : limits) {
    if (Problem problem = check_time(limit)) {
      return problem;
    }
  }
  return std::nullopt;
}

Problem check_udp_limits(const Config& config) {
  const UdpConfig& udp = config.udp;
  const ReassemblyConfig& reassembly = config.reassembly;
  const std::array limits{
      NumberLimit{"udp.receive_queue_bytes", udp.receive_queue_bytes, 4 * kKibi, kGibi},
      NumberLimit{"udp.receive_queue_datagrams", udp.receive_queue_datagrams, 1, kMebi},
      NumberLimit{"udp.total_bytes", udp.total_bytes, 4 * kKibi, kGibi},
      NumberLimit{"udp.hop_limit", udp.hop_limit, 1, 255},
      NumberLimit{"udp.local_port_first", udp.local_port_first, 1, 65'535},
      NumberLimit{"udp.local_port_last", udp.local_port_last, udp.local_port_first, 65'535},
      NumberLimit{"reassembly.datagrams", reassembly.datagrams, 1, 64 * kKibi},
      NumberLimit{"reassembly.per_source", reassembly.per_source, 1, 64 * kKibi},
      NumberLimit{"reassembly.fragments", reassembly.fragments, 2, 8 * kKibi},
      NumberLimit{"reassembly.bytes", reassembly.bytes, 4 * kKibi, kGibi},
  };
  for (const NumberLimit& limit : limits) {
    if (Problem problem = check_number(limit)) {
      return problem;
    }
  }
  return check_time({"reassembly.timeout", reassembly.timeout, 1s, 120s});
}

Problem check_cores(const Config& config) {
  for (auto core = config.cores.begin(); core != config.cores.end(); ++core) {
    if (std::find(config.cores.begin(), core, *core) != core) {
      return wrong("cores",
                   "processor " + std::to_string(*core) + " is named twice; name each once");
    }
  }
  return std::nullopt;
}

bool is_in_this_network(const IpAddress& address) {
  // RFC 1122 §3.2.1.3 (b): 0.0.0.0/8 names hosts of "this network" and is never an address others
  // can send to.
  return address.is_v4() && address.v4_bytes()[0] == 0;
}

// Why a host on the prefix's network cannot have the address; empty when it can.
std::string_view why_not_unicast(const IpAddress& address, const IpPrefix& prefix) {
  if (address.is_unspecified()) {
    return "is the unspecified address";
  }
  if (address.is_multicast()) {
    return "is a multicast address";
  }
  if (address.is_limited_broadcast()) {
    return "is the broadcast address";
  }
  if (address.is_loopback()) {
    return "is a loopback address";
  }
  if (is_in_this_network(address)) {
    return "is in 0.0.0.0/8, which names no host";
  }
  if (address == prefix.directed_broadcast()) {
    return "is the broadcast address of its network";
  }
  const bool has_network_address = !prefix.directed_broadcast().is_unspecified();
  if (has_network_address && address == prefix.network()) {
    return "is the address of its network";
  }
  return "";
}

Problem check_addresses(const DeviceConfig& device, const std::string& name) {
  const std::string field = name + ".addresses";
  if (device.addresses.empty()) {
    return wrong(field, "is empty; give at least one, such as 198.18.0.2/24");
  }
  for (const IpPrefix& prefix : device.addresses) {
    if (const auto why = why_not_unicast(prefix.address(), prefix); !why.empty()) {
      return wrong(field,
                   prefix.to_string() + ' ' + std::string{why} + "; give the address of one host");
    }
  }
  return std::nullopt;
}

Problem check_gateway(const DeviceConfig& device, const std::string& name) {
  if (!device.gateway) {
    return std::nullopt;
  }
  const std::string field = name + ".gateway";
  const std::string text = device.gateway->to_string();
  bool is_inside = false;
  for (const IpPrefix& prefix : device.addresses) {
    if (*device.gateway == prefix.address()) {
      return wrong(field, text + " is this host's own address; give the router's");
    }
    if (!prefix.contains(*device.gateway)) {
      continue;
    }
    is_inside = true;
    if (const auto why = why_not_unicast(*device.gateway, prefix); !why.empty()) {
      return wrong(field, text + ' ' + std::string{why} + "; give the router's");
    }
  }
  if (!is_inside) {
    return wrong(field, text +
                            " lies in none of the device's networks; give an address inside of " +
                            device.addresses.front().to_string());
  }
  return std::nullopt;
}

Problem check_device(const DeviceConfig& device, const std::string& name) {
  if (device.spec.empty()) {
    return wrong(name + ".spec", "is empty; name a device, such as tap:millrace0");
  }
  if (Problem problem = check_addresses(device, name)) {
    return problem;
  }
  if (Problem problem = check_gateway(device, name)) {
    return problem;
  }
  if (device.mac && (device.mac->is_zero() || device.mac->is_multicast())) {
    return wrong(name + ".mac", device.mac->to_string() +
                                    " names no single station; use one such as 02:00:00:00:00:01");
  }
  return check_number({name + ".mtu", device.mtu, 576, 9000});
}

Problem check_duplicate_addresses(const Config& config) {
  std::vector<IpAddress> seen;
  for (const DeviceConfig& device : config.devices) {
    for (const IpPrefix& prefix : device.addresses) {
      if (std::ranges::find(seen, prefix.address()) != seen.end()) {
        return wrong("devices",
                     prefix.address().to_string() + " is given twice; give each address once");
      }
      seen.push_back(prefix.address());
    }
  }
  return std::nullopt;
}

// The position of the device on whose network the address is; the number of devices if there is
// none.
std::size_t device_towards(const Config& config, const IpAddress& address) {
  std::size_t index = 0;
  while (index < config.devices.size() &&
         std::ranges::none_of(config.devices[index].addresses,
                              [&](const IpPrefix& prefix) { return prefix.contains(address); })) {
    ++index;
  }
  return index;
}

Problem check_route(const Config& config, const RouteConfig& route) {
  const std::string gateway = route.gateway.to_string();
  if (route.destination.address() != route.destination.network()) {
    return wrong("routes", route.destination.to_string() + " has host bits; give " +
                               route.destination.network().to_string() + '/' +
                               std::to_string(route.destination.length()));
  }
  const std::size_t device = device_towards(config, route.gateway);
  if (device == config.devices.size() ||
      route.gateway.is_v4() != route.destination.address().is_v4()) {
    return wrong("routes",
                 gateway + " lies in none of the devices' networks; give a router on one of them");
  }
  for (const IpPrefix& prefix : config.devices[device].addresses) {
    if (route.gateway == prefix.address()) {
      return wrong("routes", gateway + " is this host's own address; give the router's");
    }
    const auto why = why_not_unicast(route.gateway, prefix);
    if (prefix.contains(route.gateway) && !why.empty()) {
      return wrong("routes", gateway + ' ' + std::string{why} + "; give the router's");
    }
  }
  return std::nullopt;
}

Problem check_routes(const Config& config) {
  std::size_t count = config.routes.size();
  for (const DeviceConfig& device : config.devices) {
    count += device.addresses.size() + (device.gateway ? 1 : 0);
  }
  if (count > Config::kMaxRoutes) {
    return wrong("routes", std::to_string(count) +
                               " addresses, gateways and routes were given; give at most " +
                               std::to_string(Config::kMaxRoutes) + " in all");
  }
  for (auto route = config.routes.begin(); route != config.routes.end(); ++route) {
    if (Problem problem = check_route(config, *route)) {
      return problem;
    }
    const bool is_repeated =
        std::any_of(config.routes.begin(), route, [&](const RouteConfig& other) {
          return other.destination == route->destination &&
                 device_towards(config, other.gateway) == device_towards(config, route->gateway);
        });
    if (is_repeated) {
      return wrong("routes", route->destination.to_string() + " has two gateways on " +
                                 config.devices[device_towards(config, route->gateway)].spec +
                                 "; give one");
    }
  }
  return std::nullopt;
}

Problem check_devices(const Config& config) {
  if (config.devices.empty()) {
    return wrong("devices", "is empty; name at least one, such as tap:millrace0");
  }
  for (std::size_t i = 0; i < config.devices.size(); ++i) {
    if (Problem problem = check_device(config.devices[i], "devices[" + std::to_string(i) + ']')) {
      return problem;
    }
  }
  return check_duplicate_addresses(config);
}

Problem check_name_servers(const Config& config) {
  if (config.name_servers.size() > Config::kMaxNameServers) {
    return wrong("name_servers", std::to_string(config.name_servers.size()) +
                                     " name servers were given; give at most " +
                                     std::to_string(Config::kMaxNameServers));
  }
  for (const Endpoint& server : config.name_servers) {
    if (!server.address.is_v4() || server.port.is_unspecified()) {
      return wrong("name_servers", server.to_string() + ": an IPv4 address and a port are needed");
    }
    const IpPrefix alone = *IpPrefix::make(server.address, 32);
    if (const auto why = why_not_unicast(server.address, alone); !why.empty()) {
      return wrong("name_servers", server.address.to_string() + ' ' + std::string{why} +
                                       "; give one that the network leads to");
    }
  }
  return std::nullopt;
}

}  // namespace

Result<void, ConfigError> Config::validate() const {
  constexpr std::array kChecks{&check_devices,   &check_routes,      &check_name_servers,
                               &check_cores,     &check_core_limits, &check_tcp_limits,
                               &check_tcp_times, &check_udp_limits};
  for (const auto check : kChecks) {
    if (const Problem problem = check(*this)) {
      return fail(*problem);
    }
  }
  return {};
}

}  // namespace millrace
