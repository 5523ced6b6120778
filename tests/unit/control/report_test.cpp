// The start-up report line by line, and that no counter is forgotten in the list at the end.
#include "control/report.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

StartReport example() {
  StartReport report;
  report.program = "millrace-echo";
  report.versions = "millrace-echo 0.1.0 (DPDK 22.11.11)";
  DeviceReport& device = report.devices.emplace_back();
  device.spec = "tap:millrace0";
  device.driver = "net_tap";
  device.mac = *MacAddress::parse("02:00:00:00:00:01");
  device.addresses.push_back(*IpPrefix::parse("198.18.0.2/24"));
  device.offloads = "tx: IPv4 and TCP checksum";
  device.host_end = "198.18.0.1/24 on millrace0";
  report.sleeps_when_idle = true;
  report.allowed_processors = {0, 1, 2, 5};
  report.packet_bytes = 96U << 20U;
  report.packets = 57'344;
  report.memory_kind = "ordinary pages";
  report.max_connections = 16'384;
  report.suggestions = {"nc {address} 7"};
  return report;
}

TEST(StartReport, SaysWhatTheProgramGot) {
  EXPECT_EQ(
      to_text(example()),
      "millrace-echo 0.1.0 (DPDK 22.11.11)\n"
      "  device    tap:millrace0, driver net_tap, MAC 02:00:00:00:00:01, MTU 1500\n"
      "  address   198.18.0.2/24\n"
      "  host      198.18.0.1/24 on millrace0, until the end\n"
      "  offloads  tx: IPv4 and TCP checksum\n"
      "  cores     1, on any of processors 0-2,5, sleeps when idle\n"
      "  memory    96 MiB of ordinary pages in 57344 packet buffers; up to 16384 connections\n"
      "try: nc 198.18.0.2 7\n");
}

TEST(StartReport, SaysWhatDiffers) {
  StartReport report = example();
  report.devices[0].is_link_up = false;
  report.devices[0].gateway = IpAddress::v4(198, 18, 0, 1);
  report.devices[0].addresses.push_back(*IpPrefix::parse("198.18.0.3/24"));
  report.devices[0].offloads.clear();
  report.devices[0].host_end.clear();
  report.processors = {1, 3};
  report.sleeps_when_idle = false;
  report.capture_file = "all.pcapng";
  report.suggestions.clear();
  EXPECT_EQ(
      to_text(report),
      "millrace-echo 0.1.0 (DPDK 22.11.11)\n"
      "  device    tap:millrace0, driver net_tap, MAC 02:00:00:00:00:01, MTU 1500, link is down\n"
      "  address   198.18.0.2/24, 198.18.0.3/24, gateway 198.18.0.1\n"
      "  offloads  none\n"
      "  cores     2, pinned to processor 1, 3, spins when idle\n"
      "  memory    96 MiB of ordinary pages in 57344 packet buffers; up to 16384 connections\n"
      "  capture   all.pcapng\n");
}

TEST(StartReport, SuggestsNothingWhereNobodyElseCanReachTheProgram) {
  StartReport report = example();
  report.devices[0].spec = "ring";
  report.devices[0].reflects = true;
  report.devices[0].host_end.clear();
  const std::string alone = to_text(report);
  EXPECT_NE(alone.find("  address   198.18.0.2/24\n"
                       "  reach     this program alone: it may connect to itself; others can with "
                       "another --device, tap:millrace0 say\n"),
            std::string::npos)
      << alone;
  EXPECT_EQ(alone.find("try:"), std::string::npos) << alone;

  report.devices.push_back(example().devices[0]);
  report.devices.back().addresses = {*IpPrefix::parse("198.18.1.2/24")};
  const std::string with_others = to_text(report);
  EXPECT_TRUE(with_others.ends_with("try: nc 198.18.1.2 7\n")) << with_others;
}

TEST(StartReport, TellsSeveralInterfacesApart) {
  StartReport report = example();
  report.devices[0].gateway = IpAddress::v4(198, 18, 0, 1);
  DeviceReport vlan = report.devices[0];
  vlan.vlan = 100;
  vlan.addresses = {*IpPrefix::parse("198.18.1.2/24")};
  vlan.gateway = IpAddress::v4(198, 18, 1, 1);
  vlan.host_end.clear();
  vlan.host_advice = "ip link add b.100";
  report.devices.push_back(vlan);
  report.routes.push_back({*IpPrefix::parse("10.0.0.0/8"), IpAddress::v4(198, 18, 1, 9)});
  report.sleeps_when_idle = false;
  report.kept_awake_by = {"ring", "vdev:net_ring0"};
  report.suggestions.clear();
  EXPECT_EQ(
      to_text(report),
      "millrace-echo 0.1.0 (DPDK 22.11.11)\n"
      "  device    tap:millrace0, driver net_tap, MAC 02:00:00:00:00:01, MTU 1500\n"
      "  address   198.18.0.2/24, gateway 198.18.0.1\n"
      "  host      198.18.0.1/24 on millrace0, until the end\n"
      "  offloads  tx: IPv4 and TCP checksum\n"
      "  device    tap:millrace0, VLAN 100, driver net_tap, MAC 02:00:00:00:00:01, MTU 1500\n"
      "  address   198.18.1.2/24, gateway 198.18.1.1 for what comes from here\n"
      "  host      none in this VLAN; to make one: ip link add b.100\n"
      "  offloads  tx: IPv4 and TCP checksum\n"
      "  route     10.0.0.0/8 by 198.18.1.9\n"
      "  cores     1, on any of processors 0-2,5, spins when idle, because of ring, "
      "vdev:net_ring0\n"
      "  memory    96 MiB of ordinary pages in 57344 packet buffers; up to 16384 connections\n");
}

TEST(CountersText, ListsWhatIsNotZero) {
  CoreStats stats;
  stats.rx_frames = 12;
  stats.turns_over_1ms = 2;
  stats.clock_steps_back = 1;
  stats.longest_turn = 1500us;
  stats.count(DropReason::TcpBadChecksum);
  stats.count(DropReason::TransmitQueueFull);
  CoreUsage usage;
  usage.packets_in_use = 1024;
  EXPECT_EQ(counters_text(stats, usage),
            "counted\n"
            "  rx_frames                    12\n"
            "  turns_over_1ms               2\n"
            "  clock_steps_back             1\n"
            "  longest_turn_us              1500\n"
            "dropped\n"
            "  tcp_bad_checksum             1\n"
            "  transmit_queue_full          1\n"
            "held\n"
            "  packets_in_use               1024\n");
}

TEST(Add, SumsCoresAndKeepsTheLongestTurn) {
  CoreStats sum;
  CoreStats other;
  sum.tcp_accepted = 1;
  other.tcp_accepted = 2;
  sum.longest_turn = 5us;
  other.longest_turn = 3us;
  other.handler_time = 7us;
  other.count(DropReason::NoRoute);
  add(sum, other);
  EXPECT_EQ(sum.tcp_accepted, 3U);
  EXPECT_EQ(sum.longest_turn, Duration{5us});
  EXPECT_EQ(sum.handler_time, Duration{7us});
  EXPECT_EQ(sum.dropped(DropReason::NoRoute), 1U);
  CoreUsage used;
  CoreUsage more;
  used.connections = 4;
  more.connections = 5;
  add(used, more);
  EXPECT_EQ(used.connections, 9U);
}

TEST(WithAddress, ReplacesTheMark) {
  EXPECT_EQ(with_address("curl http://{address}/", IpAddress::v4(10, 0, 0, 1)),
            "curl http://10.0.0.1/");
  EXPECT_EQ(with_address("nothing", IpAddress::v4(10, 0, 0, 1)), "nothing");
}

}  // namespace
}  // namespace millrace::control
