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
      {"rxonly",
       [](Arguments& a, millrace::Config& c) {
         use_memif(a, c);
         a.count = 5;
       },
       "--count: this end sends no frames"},
      {"tcp", [](Arguments& a, auto&) { a.traffic = "http"; }, "--traffic http: stream, rr or crr"},
      {"tcp", [](Arguments& a, auto&) { a.sizes = "64"; }, "in tcp only for --traffic rr and crr"},
  };
  for (const Case& one : cases) {
    const std::string told = complaint(one.mode, one.change);
    EXPECT_NE(told.find(one.words), std::string::npos) << told << "\nand not: " << one.words;
  }
}

}  // namespace
}  // namespace loopback
