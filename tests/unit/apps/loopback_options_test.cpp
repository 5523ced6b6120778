// millrace-loopback's command line: what it comes to, and what is refused in which words.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loopback/options.hpp"

namespace loopback {
namespace {

using Change = std::function<void(Arguments&, millrace::Config&)>;

millrace::Result<Options, std::string> read(const std::string& mode, const Change& change = {}) {
  Arguments arguments;
  arguments.mode = mode;
  millrace::Config config;
  config.devices = default_devices(1);
  if (change) {
    change(arguments, config);
  }
  return read_options(arguments, config);
}

std::string complaint(const std::string& mode, const Change& change) {
  const auto options = read(mode, change);
  return options ? "accepted" : options.error();
}

void use_two_devices(Arguments&, millrace::Config& config) {
  config.devices = default_devices(2);
  config.devices[0].spec = "af_packet:a";
  config.devices[1].spec = "af_packet:b";
}

void use_memif(Arguments&, millrace::Config& config) { config.devices[0].spec = "memif:/run/m"; }

TEST(LoopbackOptions, TheUsualTestIsARingForTenSeconds) {
  for (const char* const mode : {"tcp", "io", "macswap", "icmpecho", "txonly", "rxonly"}) {
    const auto options = read(mode);
    ASSERT_TRUE(options) << options.error();
    EXPECT_EQ(to_string(options->mode), mode);
    EXPECT_EQ(options->topology, Topology::Cable);
    ASSERT_TRUE(options->separation.second);
    EXPECT_TRUE(options->separation.is_cable);
    EXPECT_EQ(options->separation.second->addresses.front().to_string(), "198.18.0.2/24");
    EXPECT_EQ(options->duration, std::chrono::seconds{10});
    EXPECT_FALSE(options->is_alone);
  }
}

TEST(LoopbackOptions, TheDevicesSayWhereFramesGo) {
  EXPECT_EQ(read("io", use_two_devices)->topology, Topology::TwoPorts);
  EXPECT_EQ(read("io", use_memif)->topology, Topology::OnePort);
  EXPECT_FALSE(read("io", use_memif)->separation.second);
  const auto plug = read("io", [](Arguments& given, auto&) { given.is_plug = true; });
  EXPECT_EQ(plug->topology, Topology::OnePort);
  const auto tcp = read("tcp", use_memif);
  ASSERT_TRUE(tcp) << tcp.error();
  EXPECT_TRUE(tcp->separation.second) << "two stacks on one port";
  EXPECT_FALSE(tcp->separation.is_cable);
}

TEST(LoopbackOptions, WhoIsAloneGoesOnUntilItIsStopped) {
  const auto alone = [](Arguments& given, millrace::Config& config) {
    use_memif(given, config);
    given.is_alone = true;
  };
  EXPECT_TRUE(read("io", alone)->is_alone);
  EXPECT_FALSE(read("io", alone)->duration);
  const auto receiver = read("rxonly", use_memif);
  EXPECT_TRUE(receiver->is_alone) << "nobody else is there to send";
  EXPECT_FALSE(receiver->duration);
  EXPECT_FALSE(read("io", [](Arguments& given, auto&) { given.count = 5; })->duration);
  EXPECT_FALSE(read("io", [](Arguments& given, auto&) { given.duration = "0"; })->duration);
}

TEST(LoopbackOptions, OnAPlugOfOursAFullRingWouldStandStill) {
  const auto small = [](Arguments& given, auto&) {
    given.is_plug = true;
    given.rx_descriptors = 64;
  };
  EXPECT_EQ(read("io", small)->tester.in_flight, 32U);
  EXPECT_EQ(complaint("io",
                      [&](Arguments& given, millrace::Config& config) {
                        small(given, config);
                        given.in_flight = 33;
                      }),
            "--in-flight 33: on a plug at most half of --rx-descriptors, 32, is needed");
}

TEST(LoopbackOptions, TcpTakesItsTrafficFromTheSameOptions) {
  const auto options = read("tcp", [](Arguments& given, auto&) {
    given.traffic = "rr";
    given.flows = 8;
    given.in_flight = 4;
    given.sizes = "256";
    given.duration = "2";
  });
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->traffic.plan.mode, perf::Mode::RequestResponse);
  EXPECT_EQ(options->traffic.plan.connections, 8U);
  EXPECT_EQ(options->traffic.plan.depth, 4U);
  EXPECT_EQ(options->traffic.plan.request_bytes, 256U);
  EXPECT_EQ(options->traffic.host.to_string(), "198.18.0.2");
}

TEST(LoopbackOptions, SizesAreListsAndRanges) {
  EXPECT_EQ(*parse_sizes("64", 1'514), (std::vector<std::uint16_t>{64}));
  EXPECT_EQ(*parse_sizes("64,1514,60-62", 1'514),
            (std::vector<std::uint16_t>{64, 1'514, 60, 61, 62}));
  for (const char* const bad : {"", "59", "1515", "64,", "70-60", "64-", "x", "64 "}) {
    EXPECT_FALSE(parse_sizes(bad, 1'514)) << bad;
  }
}

TEST(LoopbackOptions, WhatMakesNoSenseIsRefusedWithWhatWould) {
  struct Case {
    const char* mode;
    Change change;
    const char* words;
  };
  const std::vector<Case> cases{
      {"ping", {}, "MODE ping: tcp, io, macswap, icmpecho, txonly or rxonly is needed"},
      {"io", [](Arguments& a, auto&) { a.traffic = "rr"; }, "--traffic: only for tcp"},
      {"tcp", [](Arguments& a, auto&) { a.count = 5; },
       "--count: only for the modes without stack"},
      {"tcp", [](Arguments& a, auto&) { a.is_alone = true; },
       "--alone: only for the modes without stack"},
      {"io",
       [](Arguments&, millrace::Config& c) {
         c.cores = {0, 1};
       },
       "--cores with two processors: only for tcp"},
      {"io",
       [](Arguments& a, millrace::Config& c) {
         use_memif(a, c);
         a.is_plug = true;
       },
       "--plug: only for --device ring"},
      {"rxonly", [](Arguments& a, auto&) { a.is_plug = true; },
       "rxonly: on a plug nothing arrives"},
      {"txonly",
       [](Arguments& a, millrace::Config& c) {
         use_two_devices(a, c);
         a.is_alone = true;
       },
       "--alone: one device is enough for txonly"},
      {"io", [](Arguments&, millrace::Config& c) { c.devices[0].spec = "tap:a.5"; },
       "--device: without a stack frames have no VLAN tag"},
      {"io", [](Arguments& a, auto&) { a.burst = 33; }, "--burst 33: 1 to 32 is needed"},
      {"io", [](Arguments& a, auto&) { a.flows = 4'097; }, "--flows 4097: 1 to 4096 is needed"},
      {"io", [](Arguments& a, auto&) { a.in_flight = 0; }, "--in-flight 0: 1 to 65536 is needed"},
      {"io", [](Arguments& a, auto&) { a.sizes = "1600"; }, "--size 1600: sizes and ranges"},
      {"io", [](Arguments& a, auto&) { a.rate = "-1"; }, "--rate -1: a number above zero"},
      {"io", [](Arguments& a, auto&) { a.macs = "01:00:00:00:00:01"; }, "--mac 01:00:00:00:00:01"},
      {"io", [](Arguments& a, auto&) { a.period = std::chrono::milliseconds{50}; }, "--period"},
      {"io", [](Arguments& a, auto&) { a.verify = "some"; }, "--verify some: sample or all"},
      {"io", [](Arguments& a, auto&) { a.peer_address = "198.18.0.1"; },
       "--peer-address 198.18.0.1"},
      {"io", [](Arguments& a, auto&) { a.drop = 1'000'001; }, "--fault-drop 1000001"},
      {"io",
       [](Arguments& a, millrace::Config& c) {
         c.devices[0].mtu = 9'000;
         a.sizes = "2049";
       },
       "each 60 to 2048 bytes"},
      {"tcp", [](Arguments& a, auto&) { a.traffic = "http"; }, "--traffic http: stream, rr or crr"},
      {"tcp", [](Arguments& a, auto&) { a.sizes = "64"; }, "in tcp only for --traffic rr and crr"},
  };
  for (const Case& one : cases) {
    const std::string told = complaint(one.mode, one.change);
    EXPECT_NE(told.find(one.words), std::string::npos) << told << "\nand not: " << one.words;
  }
}

TEST(LoopbackOptions, WhatWouldHaveNoEffectIsRefused) {
  const std::vector<std::pair<const char*, void (*)(Arguments&)>> cases{
      {"--count", [](Arguments& a) { a.count = 5; }},
      {"--rate", [](Arguments& a) { a.rate = "5"; }},
      {"--size", [](Arguments& a) { a.sizes = "64"; }},
      {"--flows", [](Arguments& a) { a.flows = 3; }},
      {"--burst", [](Arguments& a) { a.burst = 2; }},
      {"--in-flight", [](Arguments& a) { a.in_flight = 3; }},
      {"--loss-timeout", [](Arguments& a) { a.loss_timeout = std::chrono::seconds{1}; }},
      {"--peer-mac", [](Arguments& a) { a.peer_mac = "02:00:00:00:00:99"; }},
      {"--peer-address", [](Arguments& a) { a.peer_address = "198.18.0.9"; }}};
  for (const auto& [name, give] : cases) {
    const auto without_sending = [give = give](Arguments& given, millrace::Config& config) {
      use_memif(given, config);
      give(given);
    };
    EXPECT_EQ(complaint("rxonly", without_sending).find(name), 0U) << name;
    EXPECT_EQ(complaint("txonly", without_sending), "accepted") << name;
  }
  for (const char* const mode : {"io", "tcp"}) {
    EXPECT_EQ(complaint(mode,
                        [](Arguments& given, millrace::Config& config) {
                          use_two_devices(given, config);
                          given.peer_address = "198.18.0.9";
                        })
                  .find("--peer-address: not with two devices"),
              0U);
  }
  EXPECT_EQ(complaint("io", [](Arguments& given, auto&) { given.peer_mac = "02:00:00:00:00:99"; })
                .find("--peer-mac: only for one port"),
            0U);
}

TEST(LoopbackOptions, EachPortHasADeviceOfItsOwn) {
  for (const char* const first : {"vdev:net_ring0", "vdev:net_ring0,vlan=10"}) {
    const std::string told = complaint("tcp", [first](Arguments&, millrace::Config& config) {
      config.devices = default_devices(2);
      config.devices[0].spec = first;
      config.devices[1].spec = "vdev:net_ring0,vlan=20";
    });
    EXPECT_EQ(told.find("--device: vdev:net_ring0 is there twice"), 0U) << told;
  }
}

TEST(LoopbackOptions, OneFileIsWrittenByOneProcessor) {
  const auto captured = [](std::vector<unsigned> cores) {
    return complaint("tcp", [&](Arguments&, millrace::Config& config) {
      config.capture_file = "x.pcapng";
      config.cores = std::move(cores);
    });
  };
  EXPECT_EQ(captured({1}), "accepted");
  EXPECT_EQ(captured({0, 1}).find("--capture: only with one processor"), 0U);
}

TEST(LoopbackOptions, TheTwoEndsAreNotOne) {
  const auto with = [](const std::string& mode, bool is_plug, const char* macs, const char* peer) {
    return complaint(mode, [&](Arguments& given, auto&) {
      given.is_plug = is_plug;
      given.macs = macs;
      given.peer_address = peer;
    });
  };
  EXPECT_EQ(with("tcp", true, "02:00:00:00:00:01,02:00:00:00:00:01", "").find("--mac"), 0U);
  EXPECT_EQ(with("io", false, "02:00:00:00:00:01,02:00:00:00:00:01", "").find("--mac"), 0U);
  EXPECT_EQ(with("macswap", true, "02:00:00:00:00:02", "").find("--mac"), 0U) << "the usual peer's";
  EXPECT_EQ(with("macswap", true, "02:00:00:00:00:01", ""), "accepted");
  EXPECT_EQ(with("icmpecho", true, "", "198.18.0.1").find("--peer-address"), 0U);
  EXPECT_EQ(with("icmpecho", true, "", "198.18.0.2"), "accepted");
  EXPECT_EQ(with("tcp", false, "", "198.18.0.255").find("--peer-address 198.18.0.255"), 0U);
}

}  // namespace
}  // namespace loopback
