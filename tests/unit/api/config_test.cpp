// Validation of configurations: each limit at its edges, and messages that name the field and say
// what would be right.
#include <millrace/config.hpp>

#include <functional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace {
namespace {

using namespace std::chrono_literals;

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }
IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

Config valid_config() {
  Config config;
  config.devices.resize(1);
  config.devices[0].addresses = {prefix("198.18.0.2/24")};
  config.devices[0].gateway = address("198.18.0.1");
  return config;
}

struct Case {
  const char* name;
  std::function<void(Config&)> change;
};

void expect_valid(const Case& c) {
  SCOPED_TRACE(c.name);
  Config config = valid_config();
  c.change(config);
  const auto result = config.validate();
  EXPECT_TRUE(result) << result.error().field << ": " << result.error().problem;
}

TEST(Config, AcceptsDefaultsWithAnAddress) {
  expect_valid({"as it is", [](Config&) {}});
}

struct BadCase {
  const char* name;
  std::function<void(Config&)> change;
  std::string_view field;
  std::string_view advice;  // What the message must contain.
};

void expect_refused(const BadCase& c) {
  SCOPED_TRACE(c.name);
  Config config = valid_config();
  c.change(config);
  const auto result = config.validate();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().field, c.field);
  EXPECT_TRUE(result.error().problem.contains(c.advice)) << result.error().problem;
}

struct NumberCase {
  std::string_view field;
  std::function<void(Config&, std::uint32_t)> set;
  std::uint32_t min;
  std::uint32_t max;
};

const NumberCase kNumbers[] = {
    {"max_connections", [](Config& c, std::uint32_t n) { c.max_connections = n; }, 1, 67'108'864},
    {"max_time_wait", [](Config& c, std::uint32_t n) { c.max_time_wait = n; }, 1, 67'108'864},
    {"max_listeners", [](Config& c, std::uint32_t n) { c.max_listeners = n; }, 1, 1'048'576},
    {"max_timers", [](Config& c, std::uint32_t n) { c.max_timers = n; }, 1, 67'108'864},
    {"max_neighbors", [](Config& c, std::uint32_t n) { c.max_neighbors = n; }, 1, 1'048'576},
    {"background_threads", [](Config& c, std::uint32_t n) { c.background_threads = n; }, 0, 256},
    {"max_active_blocks", [](Config& c, std::uint32_t n) { c.max_active_blocks = n; }, 0, 16'384},
    {"packets", [](Config& c, std::uint32_t n) { c.packets = n; }, 2048, 16'777'216},
    {"tcp.send_buffer_bytes", [](Config& c, std::uint32_t n) { c.tcp.send_buffer_bytes = n; }, 4096,
     1'073'741'824},
    {"tcp.receive_buffer_bytes", [](Config& c, std::uint32_t n) { c.tcp.receive_buffer_bytes = n; },
     16'384, 1'073'741'824},
    {"tcp.send_buffer_initial_bytes",
     [](Config& c, std::uint32_t n) { c.tcp.send_buffer_initial_bytes = n; }, 4096, 1'073'741'824},
    {"tcp.receive_buffer_initial_bytes",
     [](Config& c, std::uint32_t n) { c.tcp.receive_buffer_initial_bytes = n; }, 16'384,
     1'073'741'824},
    {"tcp.r1_retransmissions", [](Config& c, std::uint32_t n) { c.tcp.r1_retransmissions = n; }, 3,
     255},
    {"tcp.initial_window_segments",
     [](Config& c, std::uint32_t n) { c.tcp.initial_window_segments = n; }, 1, 64},
    {"tcp.reassembly_segments_max",
     [](Config& c, std::uint32_t n) { c.tcp.reassembly_segments_max = n; }, 0, 65'535},
    {"tcp.syn_backlog", [](Config& c, std::uint32_t n) { c.tcp.syn_backlog = n; }, 1, 1'048'576},
    {"max_orphans", [](Config& c, std::uint32_t n) { c.max_orphans = n; }, 1, 67'108'864},
    {"tcp.challenge_acks_per_second",
     [](Config& c, std::uint32_t n) { c.tcp.challenge_acks_per_second = n; }, 1, 1'048'576},
    {"tcp.fast_open_destinations",
     [](Config& c, std::uint32_t n) { c.tcp.fast_open_destinations = n; }, 0, 1'048'576},
    {"tcp.local_port_first",
     [](Config& c, std::uint32_t n) {
       c.tcp.local_port_first = static_cast<std::uint16_t>(n);
       c.tcp.local_port_last = 65'535;
     },
     1, 65'535},
    {"tcp.local_port_last",
     [](Config& c, std::uint32_t n) {
       c.tcp.local_port_first = 1'000;
       c.tcp.local_port_last = static_cast<std::uint16_t>(n);
     },
     1'000, 65'535},
    {"tcp.quick_acks_max", [](Config& c, std::uint32_t n) { c.tcp.quick_acks_max = n; }, 0, 255},
    {"tcp.slow_start_ack_segments",
     [](Config& c, std::uint32_t n) { c.tcp.slow_start_ack_segments = n; }, 0, 64},
    {"tcp.push_burst_segments", [](Config& c, std::uint32_t n) { c.tcp.push_burst_segments = n; },
     0, 64},
    {"tcp.syn_ack_retries", [](Config& c, std::uint32_t n) { c.tcp.syn_ack_retries = n; }, 0, 30},
    {"tcp.duplicate_threshold", [](Config& c, std::uint32_t n) { c.tcp.duplicate_threshold = n; },
     1, 127},
    {"max_path_mtus", [](Config& c, std::uint32_t n) { c.max_path_mtus = n; }, 1, 1'048'576},
    {"tcp.path_mtu_min", [](Config& c, std::uint32_t n) { c.tcp.path_mtu_min = n; }, 88, 1'500},
    {"tcp.mtu_probing_base", [](Config& c, std::uint32_t n) { c.tcp.mtu_probing_base = n; }, 48,
     9'000},
    {"tcp.black_hole_timeouts", [](Config& c, std::uint32_t n) { c.tcp.black_hole_timeouts = n; },
     1, 30},
    {"devices[0].mtu",
     [](Config& c, std::uint32_t n) { c.devices[0].mtu = static_cast<std::uint16_t>(n); }, 576,
     9000},
};

TEST(Config, HoldsNumbersToTheirLimits) {
  for (const NumberCase& c : kNumbers) {
    SCOPED_TRACE(c.field);
    const std::string advice = "use " + std::to_string(c.min) + " to " + std::to_string(c.max);
    expect_valid({"least", [&](Config& config) { c.set(config, c.min); }});
    expect_valid({"most", [&](Config& config) { c.set(config, c.max); }});
    if (c.min > 0) {
      expect_refused(
          {"too little", [&](Config& config) { c.set(config, c.min - 1); }, c.field, advice});
    }
    if (c.max < 4'294'967'295) {
      expect_refused(
          {"too much", [&](Config& config) { c.set(config, c.max + 1); }, c.field, advice});
    }
  }
}

struct TimeCase {
  std::string_view field;
  Duration TcpConfig::*member;
  Duration valid;
  Duration invalid;
  std::string_view advice;
};

const TimeCase kTimes[] = {
    {"tcp.rto_max", &TcpConfig::rto_max, 60s, 60s - 1ns, "at least 60 s"},
    {"tcp.rto_min", &TcpConfig::rto_min, 1ns, 0ns, "more than 0 s and at most 60 s"},
    {"tcp.rto_variation_min", &TcpConfig::rto_variation_min, 0s, 61s, "at most 60 s"},
    {"tcp.rto_min", &TcpConfig::rto_min, 1s, 61s, "at most 60 s"},
    {"tcp.rto_initial", &TcpConfig::rto_initial, 200ms, 199ms, "at least 200 ms and at most 60 s"},
    {"tcp.rto_initial", &TcpConfig::rto_initial, 60s, 61s, "at most 60 s"},
    {"tcp.user_timeout", &TcpConfig::user_timeout, 1ns, 0s, "more than 0 s"},
    {"tcp.user_timeout_min", &TcpConfig::user_timeout_min, 1ns, 0s, "more than 0 s"},
    {"tcp.user_timeout_min", &TcpConfig::user_timeout_min, 1h, 1h + 1s, "at most 3600 s"},
    {"tcp.user_timeout_max", &TcpConfig::user_timeout_max, 100s, 0s, "more than 0 s"},
    {"tcp.connect_timeout", &TcpConfig::connect_timeout, 1ns, -1s, "more than 0 s"},
    {"tcp.peer_ack_delay_max", &TcpConfig::peer_ack_delay_max, 0s, -1ms, "at least 0 s"},
    {"tcp.peer_ack_delay_max", &TcpConfig::peer_ack_delay_max, 499ms, 500ms, "at most 499 ms"},
    {"tcp.delayed_ack", &TcpConfig::delayed_ack, 0s, -1ms, "at least 0 s"},
    {"tcp.delayed_ack", &TcpConfig::delayed_ack, 499ms, 500ms, "at most 499 ms"},
    {"tcp.override_timeout", &TcpConfig::override_timeout, 100ms, 99ms,
     "at least 100 ms and at most 1 s"},
    {"tcp.override_timeout", &TcpConfig::override_timeout, 1s, 1001ms, "at most 1 s"},
    {"tcp.msl", &TcpConfig::msl, 1ns, 0s, "more than 0 s"},
    {"tcp.msl", &TcpConfig::msl, 240s, Duration::max(), "at most"},
    {"tcp.fast_open_key_lifetime", &TcpConfig::fast_open_key_lifetime, 1s, 999ms, "at least 1 s"},
    {"tcp.fast_open_pause", &TcpConfig::fast_open_pause, 1s, 999ms, "at least 1 s"},
    {"tcp.fin_wait_2_timeout", &TcpConfig::fin_wait_2_timeout, 1ns, 0s, "more than 0 s"},
    {"tcp.path_mtu_lifetime", &TcpConfig::path_mtu_lifetime, 300s, 299s, "at least 300 s"},
    {"tcp.path_mtu_lifetime", &TcpConfig::path_mtu_lifetime, 24h, 24h + 1s, "at most 86400 s"},
    {"tcp.mtu_probing_interval", &TcpConfig::mtu_probing_interval, 60s, 59s, "at least 60 s"},
    {"tcp.mtu_probing_interval", &TcpConfig::mtu_probing_interval, 24h, 24h + 1s,
     "at most 86400 s"},
};

TEST(Config, HoldsTimesToTheirLimits) {
  for (const TimeCase& c : kTimes) {
    SCOPED_TRACE(c.field);
    expect_valid({"edge", [&](Config& config) { config.tcp.*c.member = c.valid; }});
    expect_refused(
        {"beyond", [&](Config& config) { config.tcp.*c.member = c.invalid; }, c.field, c.advice});
  }
}

TEST(Config, NeedsADeviceWithAnAddress) {
  expect_refused({"no device", [](Config& c) { c.devices.clear(); }, "devices", "tap:millrace0"});
  expect_refused(
      {"no name", [](Config& c) { c.devices[0].spec = ""; }, "devices[0].spec", "tap:millrace0"});
  expect_refused({"no address", [](Config& c) { c.devices[0].addresses.clear(); },
                  "devices[0].addresses", "198.18.0.2/24"});
  expect_refused({"second device without address", [](Config& c) { c.devices.emplace_back(); },
                  "devices[1].addresses", "198.18.0.2/24"});
}

struct AddressCase {
  std::string_view prefix;
  std::string_view why;
};

constexpr AddressCase kBadAddresses[] = {
    {"0.0.0.0/24", "unspecified"},
    {"::/64", "unspecified"},
    {"224.0.0.1/24", "multicast"},
    {"ff02::1/64", "multicast"},
    {"255.255.255.255/32", "broadcast"},
    {"127.0.0.1/8", "loopback"},
    {"::1/128", "loopback"},
    {"0.1.2.3/24", "0.0.0.0/8"},
    {"198.18.0.255/24", "broadcast address of its network"},
    {"198.18.0.0/24", "address of its network"},
    {"198.18.0.7/30", "broadcast address of its network"},
    {"198.18.0.4/30", "address of its network"},
};

TEST(Config, RefusesAddressesThatAreNotOneHosts) {
  for (const AddressCase& c : kBadAddresses) {
    expect_refused({c.prefix.data(),
                    [&](Config& config) { config.devices[0].addresses = {prefix(c.prefix)}; },
                    "devices[0].addresses", c.why});
  }
}

TEST(Config, AcceptsEveryAddressOfSmallNetworks) {
  for (const char* const text : {"198.18.0.4/31", "198.18.0.5/31", "198.18.0.0/32",
                                 "198.18.0.255/32", "2001:db8::1/64", "198.18.0.255/23"}) {
    expect_valid({text, [&](Config& config) {
                    config.devices[0].gateway.reset();
                    config.devices[0].addresses = {prefix(text)};
                  }});
  }
}

TEST(Config, RefusesAddressesGivenTwice) {
  expect_refused({"on one device",
                  [](Config& c) { c.devices[0].addresses.push_back(prefix("198.18.0.2/16")); },
                  "devices", "198.18.0.2 is given twice"});
  expect_refused({"on two devices", [](Config& c) { c.devices.push_back(c.devices[0]); }, "devices",
                  "198.18.0.2 is given twice"});
  expect_valid({"different ones", [](Config& c) {
                  c.devices[0].addresses.push_back(prefix("198.18.0.3/24"));
                  c.devices.push_back(c.devices[0]);
                  c.devices[1].addresses = {prefix("198.18.1.2/24")};
                  c.devices[1].gateway.reset();
                }});
}

TEST(Config, GatewayMustBeANeighbor) {
  const auto with_gateway = [](std::string_view text) {
    return [text](Config& c) { c.devices[0].gateway = address(text); };
  };
  expect_refused(
      {"outside", with_gateway("198.18.1.1"), "devices[0].gateway", "inside of 198.18.0.2/24"});
  expect_refused({"other family", with_gateway("2001:db8::1"), "devices[0].gateway", "none of"});
  expect_refused({"our own", with_gateway("198.18.0.2"), "devices[0].gateway", "own address"});
  expect_refused({"broadcast", with_gateway("198.18.0.255"), "devices[0].gateway", "broadcast"});
  expect_refused(
      {"network", with_gateway("198.18.0.0"), "devices[0].gateway", "address of its network"});
  expect_valid({"in the second prefix", [](Config& c) {
                  c.devices[0].addresses.push_back(prefix("198.18.9.2/24"));
                  c.devices[0].gateway = address("198.18.9.1");
                }});
  expect_valid({"none", [](Config& c) { c.devices[0].gateway.reset(); }});
}

TEST(Config, MacMustNameOneStation) {
  expect_refused({"zero", [](Config& c) { c.devices[0].mac = MacAddress{}; }, "devices[0].mac",
                  "02:00:00:00:00:01"});
  expect_refused({"group", [](Config& c) { c.devices[0].mac = MacAddress::broadcast(); },
                  "devices[0].mac", "02:00:00:00:00:01"});
  expect_valid({"local", [](Config& c) { c.devices[0].mac = MacAddress{{2, 0, 0, 0, 0, 1}}; }});
}

TEST(Config, NamesEachCoreOnce) {
  expect_valid({"three", [](Config& c) { c.cores = {2, 0, 1}; }});
  expect_refused({"twice",
                  [](Config& c) {
                    c.cores = {2, 0, 2};
                  },
                  "cores", "processor 2 is named twice"});
}

TEST(Config, NameServersAreHostsThatTheNetworkLeadsTo) {
  const auto set = [](Config& c, std::string_view server) {
    c.name_servers = {*Endpoint::parse(server)};
  };
  expect_valid({"one", [&](Config& c) { set(c, "10.0.0.1:53"); }});
  expect_valid({"the last that fits",
                [&](Config& c) { c.name_servers.assign(8, *Endpoint::parse("10.0.0.1:53")); }});
  expect_refused({"too many",
                  [&](Config& c) { c.name_servers.assign(9, *Endpoint::parse("10.0.0.1:53")); },
                  "name_servers", "give at most 8"});
  for (const std::string_view wrong : {"127.0.0.53:53", "0.0.0.0:53", "224.0.0.251:5353",
                                       "255.255.255.255:53", "10.0.0.1:0", "[2001:db8::1]:53"}) {
    expect_refused({wrong.data(), [&](Config& c) { set(c, wrong); }, "name_servers",
                    wrong.substr(0, wrong.find_first_of(":]", 1))});
  }
}

}  // namespace
}  // namespace millrace
