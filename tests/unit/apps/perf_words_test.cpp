// What millrace-perf makes of its command line and of the machine, and what it tells.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "perf/options.hpp"
#include "perf/report.hpp"
#include "perf/surroundings.hpp"

namespace perf {
namespace {

using namespace std::chrono_literals;

Arguments client_of(const std::string& mode) {
  Arguments arguments;
  arguments.role = "client";
  arguments.host = "198.18.0.2";
  arguments.mode = mode;
  return arguments;
}

TEST(PerfOptions, DefaultsAreTenSecondsOfOneStream) {
  const auto options = read_options(client_of("stream"));
  ASSERT_TRUE(options.has_value()) << options.error();
  EXPECT_EQ(options->duration, 10s);
  EXPECT_EQ(options->port.number(), kDefaultPort);
  EXPECT_EQ(options->plan.connections, 1U);
  EXPECT_TRUE(options->plan.client_sends);
  EXPECT_FALSE(options->plan.server_sends);
  EXPECT_FALSE(options->rate.has_value());
}

TEST(PerfOptions, CountAloneHasNoTimeLimit) {
  Arguments arguments = client_of("stream");
  arguments.count = "1G";
  const auto options = read_options(arguments);
  ASSERT_TRUE(options.has_value()) << options.error();
  EXPECT_FALSE(options->duration.has_value());
  EXPECT_EQ(options->count, 1ULL << 30U);
}

TEST(PerfOptions, IdleIsAnOpenLoopOfAllConnections) {
  Arguments arguments = client_of("idle");
  arguments.connections = 1'000;
  EXPECT_DOUBLE_EQ(*read_options(arguments)->rate, 100);
  arguments.rate = "2";
  EXPECT_DOUBLE_EQ(*read_options(arguments)->rate, 2'000);
}

TEST(PerfOptions, HttpAsksAWebServer) {
  Arguments arguments = client_of("http");
  arguments.path = "/a";
  arguments.status = 404;
  arguments.length = 12;
  const auto options = read_options(arguments);
  ASSERT_TRUE(options.has_value()) << options.error();
  EXPECT_EQ(options->port.number(), 80);
  EXPECT_EQ(options->path, "/a");
  EXPECT_EQ(options->status, 404);
  EXPECT_EQ(options->length, 12U);
}

struct Refused {
  const char* name;
  const char* mode;
  void (*change)(Arguments&);
  const char* sentence;
};

class PerfOptionsRefuse : public testing::TestWithParam<Refused> {};

TEST_P(PerfOptionsRefuse, WhatMakesNoSense) {
  Arguments arguments = client_of(GetParam().mode);
  GetParam().change(arguments);
  const auto options = read_options(arguments);
  ASSERT_FALSE(options.has_value());
  EXPECT_NE(options.error().find(GetParam().sentence), std::string::npos) << options.error();
}

INSTANTIATE_TEST_SUITE_P(
    Table, PerfOptionsRefuse,
    testing::Values(
        Refused{"Role", "rr", [](Arguments& a) { a.role = "sender"; }, "ROLE sender"},
        Refused{"Backend", "rr", [](Arguments& a) { a.backend = "lwip"; }, "--backend lwip"},
        Refused{"Mode", "ping", [](Arguments&) {}, "--mode ping"},
        Refused{"NoHost", "rr", [](Arguments& a) { a.host = ""; }, "HOST"},
        Refused{"HostIpv6", "rr", [](Arguments& a) { a.host = "::1"; }, "HOST ::1"},
        Refused{"HostOfServer", "stream", [](Arguments& a) { a.role = "server"; }, "HOST"},
        Refused{"OneOffClient", "rr", [](Arguments& a) { a.one_off = true; }, "--one-off"},
        Refused{"DepthOfStream", "stream", [](Arguments& a) { a.depth = 2; }, "--depth"},
        Refused{"DepthOfCrr", "crr", [](Arguments& a) { a.depth = 2; }, "--depth"},
        Refused{"DepthZero", "rr", [](Arguments& a) { a.depth = 0; }, "--depth 0"},
        Refused{"ConnectionsZero", "rr", [](Arguments& a) { a.connections = 0; }, "--connections"},
        Refused{"ConnectionsMany", "rr", [](Arguments& a) { a.connections = 1ULL << 32U; },
                "--connections"},
        Refused{"ManyStreams", "stream", [](Arguments& a) { a.connections = 10'001; },
                "--connections"},
        Refused{"RequestsAtOnce", "rr",
                [](Arguments& a) {
                  a.connections = 16'000'000;
                  a.depth = 4'096;
                },
                "--depth"},
        Refused{"SizeOfStream", "stream", [](Arguments& a) { a.request_size = "1"; },
                "--request-size"},
        Refused{"SizeZero", "rr", [](Arguments& a) { a.response_size = "0"; }, "--response-size"},
        Refused{"SizeUnit", "rr", [](Arguments& a) { a.request_size = "1X"; }, "--request-size 1X"},
        Refused{"SizeHuge", "rr", [](Arguments& a) { a.request_size = "2G"; }, "request size"},
        Refused{"BufferOfRr", "rr", [](Arguments& a) { a.buffer = "1M"; }, "--buffer"},
        Refused{"ReverseRr", "rr", [](Arguments& a) { a.reverse = true; }, "--reverse"},
        Refused{"BothDirections", "stream",
                [](Arguments& a) {
                  a.reverse = true;
                  a.both_ways = true;
                },
                "one of them"},
        Refused{"RateOfStream", "stream", [](Arguments& a) { a.rate = "10"; }, "--rate"},
        Refused{"RateZero", "rr", [](Arguments& a) { a.rate = "0"; }, "--rate 0"},
        Refused{"RateNan", "rr", [](Arguments& a) { a.rate = "nan"; }, "--rate nan"},
        Refused{"Duration", "rr", [](Arguments& a) { a.duration = "0"; }, "--duration 0"},
        Refused{"WarmupAndCount", "rr",
                [](Arguments& a) {
                  a.warmup = "1";
                  a.count = "5";
                },
                "--warmup and --count"},
        Refused{"Interval", "rr", [](Arguments& a) { a.interval = 1ms; }, "--interval"},
        Refused{"Verify", "rr", [](Arguments& a) { a.verify = "none"; }, "--verify none"},
        Refused{"Addresses", "crr", [](Arguments& a) { a.local_addresses = "1.2.3.4-1.2.3.3"; },
                "--local-addresses"},
        Refused{"DataPortsZero", "crr", [](Arguments& a) { a.data_ports = 0; }, "--data-ports"},
        Refused{"DataPortsBeyond", "crr",
                [](Arguments& a) {
                  a.port = millrace::Port{65'000};
                  a.data_ports = 600;
                },
                "--data-ports 600"},
        Refused{"PortOfNothingBehind", "rr", [](Arguments& a) { a.port = millrace::Port{65'535}; },
                "--port 65535"},
        Refused{"PathOfRr", "rr", [](Arguments& a) { a.path = "/"; }, "--path"},
        Refused{"PathInjects", "http", [](Arguments& a) { a.path = "/ HTTP/1.1\r\nX: y"; },
                "--path"},
        Refused{"Status", "http", [](Arguments& a) { a.status = 100; }, "--status 100"}),
    [](const auto& tested) { return tested.param.name; });

TEST(PerfOptions, SizesHaveBinaryUnits) {
  EXPECT_EQ(parse_size("64"), 64U);
  EXPECT_EQ(parse_size("16K"), 16'384U);
  EXPECT_EQ(parse_size("2G"), 2ULL << 30U);
  for (const char* const wrong : {"", "K", "-1", "1.5K", "1k", "99999999999999T", " 1"}) {
    EXPECT_FALSE(parse_size(wrong).has_value()) << wrong;
  }
}

TEST(PerfOptions, AddressesMayBeRanges) {
  const auto made = parse_addresses("198.18.0.9,198.18.0.254-198.18.1.1");
  ASSERT_TRUE(made.has_value());
  ASSERT_EQ(made->size(), 5U);
  EXPECT_EQ(made->front().to_string(), "198.18.0.9");
  EXPECT_EQ((*made)[2].to_string(), "198.18.0.255");
  EXPECT_EQ(made->back().to_string(), "198.18.1.1");
  EXPECT_EQ(parse_addresses("0.0.0.0-0.0.255.255")->size(), 65'536U);
  EXPECT_EQ(parse_addresses("255.255.255.255")->size(), 1U);
  for (const char* const wrong :
       {"", ",", "1.2.3.4,", "1.2.3", "::1", "0.0.0.0-0.1.0.0", "1.1.1.1,0.0.0.0-0.0.255.255"}) {
    EXPECT_FALSE(parse_addresses(wrong).has_value()) << wrong;
  }
}

Report passed_report() {
  Report report;
  report.options = *read_options(client_of("rr"));
  report.client = {
      .backend = "millrace",
      .seconds = 2,
      .processor_seconds = 1,
      .measured = {.bytes_in = 640, .bytes_out = 640, .exchanges = 10},
      .total = {.bytes_in = 640, .bytes_out = 640, .exchanges = 10, .opened = 1, .closed = 1}};
  report.server = report.client;
  report.server->backend = "kernel";
  report.latency = {.count = 10,
                    .smallest = 900,
                    .shares = {1'000, 2'000, 3'000, 4'000, 5'000},
                    .largest = 6'000,
                    .mean = 1'500};
  return report;
}

TEST(PerfReport, PassedOneSaysSo) {
  const std::string text = summary_text(passed_report());
  EXPECT_TRUE(failures_of(passed_report()).empty());
  for (const char* const part : {"10 round trips, 5 /s", "millrace backend, 50 %", "kernel backend",
                                 "50 %: 1.00 us", "99.99 %: 5.00 us", "max: 6.00 us", "passed"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(PerfReport, WhateverIsWrongAtEitherEndFailsTheTest) {
  const std::vector<void (*)(Report&)> wrongs{
      [](Report& report) { report.client.total.corrupt = 1; },
      [](Report& report) { report.client.total.lost = 1; },
      [](Report& report) { report.client.total.failed = 1; },
      [](Report& report) { report.server->total.corrupt = 1; },
      [](Report& report) { report.server->total.failed = 1; },
      [](Report& report) { report.server->problems = {"a sentence"}; },
      [](Report& report) { report.client.problems = {"a sentence"}; },
      [](Report& report) { --report.server->total.bytes_in; },
      [](Report& report) { ++report.server->total.bytes_out; },
      [](Report& report) { report.server.reset(); },
      [](Report& report) { report.client.measured = {}; }};
  for (std::size_t i = 0; i < wrongs.size(); ++i) {
    Report report = passed_report();
    wrongs[i](report);
    EXPECT_EQ(failures_of(report).size(), 1U) << i;
    EXPECT_EQ(summary_text(report).find("passed"), std::string::npos) << i;
    EXPECT_NE(summary_text(report).find("FAILED"), std::string::npos) << i;
  }
}

TEST(PerfReport, JsonHasTheSame) {
  Report report = passed_report();
  report.warnings = {"busy"};
  report.intervals.push_back({.from = 0, .to = 1, .counted = {.exchanges = 4}});
  const auto json = nlohmann::json::parse(json_text(report), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["test"]["mode"], "rr");
  EXPECT_EQ(json["client"]["exchanges_per_second"], 5.0);
  EXPECT_EQ(json["latency_ns"]["p99_9"], 4'000);
  EXPECT_EQ(json["latency_ns"]["max"], 6'000);
  EXPECT_EQ(json["intervals"][0]["counted"]["exchanges"], 4);
  EXPECT_EQ(json["warnings"][0], "busy");
  EXPECT_EQ(json["passed"], true);
  report.server->total.corrupt = 2;
  EXPECT_EQ(nlohmann::json::parse(json_text(report))["passed"], false);
}

TEST(PerfReport, NumbersKeepThreeDigits) {
  EXPECT_EQ(scaled(0), "0 ");
  EXPECT_EQ(scaled(999), "999 ");
  EXPECT_EQ(scaled(999.7), "1.00 k");
  EXPECT_EQ(scaled(12'345), "12.3 k");
  EXPECT_EQ(scaled(9.414e9), "9.41 G");
  EXPECT_EQ(time_text(7), "7 ns");
  EXPECT_EQ(time_text(123'456), "123 us");
  EXPECT_EQ(time_text(2.5e9), "2.50 s");
  EXPECT_EQ(time_text(2.5e12), "2500 s");
}

// A /proc and /sys of the test's own.
class PerfSurroundings : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "perf-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void write(const std::filesystem::path& inside, const std::string& text) const {
    std::filesystem::create_directories((root / inside).parent_path());
    std::ofstream{root / inside} << text;
  }
  std::filesystem::path root;
};

TEST_F(PerfSurroundings, ReadWhatTheKernelSays) {
  write("proc/stat", "cpu  1 2 3 4\ncpu0 10 0 10 70 10 0 0 0 5 5\ncpu1 1 1 1 1 1 1 1 1\n");
  write("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n");
  write("sys/devices/system/node/node0/cpulist", "0-3\n");
  write("sys/devices/system/node/node1/cpulist", "4-7\n");
  write("sys/class/net/eth7/device/numa_node", "1\n");
  write("sys/class/net/eth7/operstate", "down\n");
  write("sys/bus/pci/devices/0000:01:00.0/numa_node", "-1\n");
  write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
  const Surroundings surroundings{root};
  EXPECT_EQ(surroundings.times(0)->idle, 80U);
  EXPECT_EQ(surroundings.times(0)->total, 100U);
  EXPECT_FALSE(surroundings.times(2).has_value());
  EXPECT_EQ(surroundings.siblings(0), std::vector<unsigned>{4});
  EXPECT_EQ(surroundings.node_of_processor(5), 1);
  EXPECT_EQ(surroundings.node_of_device("af_xdp:eth7"), 1);
  EXPECT_EQ(surroundings.node_of_device("0000:01:00.0"), std::nullopt);
  EXPECT_TRUE(surroundings.is_link_down("af_packet:eth7"));
  EXPECT_FALSE(surroundings.is_link_down("memif:/tmp/eth7"));
  EXPECT_FALSE(surroundings.has_hugepages());
  write("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
  EXPECT_TRUE(surroundings.has_hugepages());
}

TEST_F(PerfSurroundings, MachineThatSaysNothingIsNoError) {
  const Surroundings surroundings{root};
  EXPECT_FALSE(surroundings.times(0).has_value());
  EXPECT_TRUE(surroundings.siblings(0).empty());
  EXPECT_EQ(surroundings.node_of_processor(0), std::nullopt);
  EXPECT_FALSE(surroundings.is_link_down("af_packet:eth7"));
}

TEST_F(PerfSurroundings, EveryThingThatIsWrongHasItsWarning) {
  write("sys/devices/system/node/node0/cpulist", "0-3\n");
  write("sys/class/net/eth7/device/numa_node", "1\n");
  write("sys/class/net/eth7/operstate", "down\n");
  const auto warnings = warnings_about(
      Surroundings{root}, {.processors = {0}, .devices = {"af_xdp:eth7"}, .watch = 0ms});
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_NE(warnings[0].find("hugepages"), std::string::npos);
  EXPECT_NE(warnings[1].find("down"), std::string::npos);
  EXPECT_NE(warnings[2].find("NUMA"), std::string::npos);
  const auto unpinned =
      warnings_about(Surroundings{root}, {.processors = {0, 1}, .is_kernel = true});
  ASSERT_EQ(unpinned.size(), 1U);
  EXPECT_NE(unpinned[0].find("taskset"), std::string::npos);
}

TEST(PerfBusyWarning, ComesBelowNinetyFivePercentIdle) {
  EXPECT_FALSE(busy_warning(3, "x", {.idle = 0, .total = 0}, {.idle = 95, .total = 100}));
  const auto warning =
      busy_warning(3, "x", {.idle = 50, .total = 100}, {.idle = 140, .total = 200});
  ASSERT_TRUE(warning.has_value());
  EXPECT_NE(warning->find("90 %"), std::string::npos) << *warning;
  EXPECT_FALSE(busy_warning(3, "x", {.idle = 5, .total = 5}, {.idle = 5, .total = 5}));
}

TEST(PerfProcessors, AreListsAndRanges) {
  EXPECT_EQ(parse_processors("0-2,8"), (std::vector<unsigned>{0, 1, 2, 8}));
  EXPECT_TRUE(parse_processors("").empty());
  EXPECT_TRUE(parse_processors("2-1").empty());
  EXPECT_TRUE(parse_processors("0-99999999").empty());
}

}  // namespace
}  // namespace perf
