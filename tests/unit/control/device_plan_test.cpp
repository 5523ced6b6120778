// Which devices a configuration comes to, and where each of its interfaces stands.
#include "control/device_plan.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

DeviceConfig named(const std::string& spec, std::uint16_t mtu = 1500) {
  DeviceConfig config;
  config.spec = spec;
  config.mtu = mtu;
  return config;
}

/// "SPEC mtu MTU: VLAN VLAN | ..." with the interfaces of each device; the complaint if there is
/// one.
std::string planned(const std::vector<DeviceConfig>& configs) {
  const auto plan = DevicePlan::make(configs);
  if (!plan) {
    return plan.error();
  }
  std::string text;
  for (std::size_t i = 0; i < plan->devices.size(); ++i) {
    const DevicePlan::Device& device = plan->devices[i];
    text += fmt::format("{}{} mtu {}:", i == 0 ? "" : " | ", device.spec.text, device.config.mtu);
    for (const std::size_t interface : device.interfaces) {
      EXPECT_EQ(plan->interfaces[interface].device, i);
      text += fmt::format(" {}", plan->interfaces[interface].vlan);
    }
  }
  return text;
}

TEST(DevicePlan, OpensEachDeviceOnce) {
  EXPECT_EQ(planned({named("tap:a")}), "tap:a mtu 1500: 0");
  EXPECT_EQ(planned({named("tap:a"), named("tap:b")}), "tap:a mtu 1500: 0 | tap:b mtu 1500: 0");
  EXPECT_EQ(planned({named("tap:b.100"), named("tap:a"), named("tap:b"), named("tap:b,vlan=7")}),
            "tap:b mtu 1500: 100 0 7 | tap:a mtu 1500: 0");
  EXPECT_EQ(planned({named("pci:0000:03:00.0"), named("pci:03:00.0.5")}),
            "pci:0000:03:00.0 mtu 1504: 0 5");
}

TEST(DevicePlan, LeavesRoomForTheTagWhereTheMtuCountsIt) {
  EXPECT_EQ(planned({named("ring", 9'000), named("ring,vlan=1", 1'500)}), "ring mtu 9000: 0 1");
  EXPECT_EQ(planned({named("ring", 1'500), named("ring,vlan=1", 1'496)}), "ring mtu 1500: 0 1");
  EXPECT_EQ(planned({named("ring,vlan=1", 1'400)}), "ring mtu 1404: 1");
  EXPECT_EQ(planned({named("tap:a.1", 1'400)}), "tap:a mtu 1400: 1") << "the kernel adds it";
  const auto plan = DevicePlan::make({named("ring,vlan=1"), named("tap:a.1")});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->devices[0].mtu_within(1'504, 0), 1'504);
  EXPECT_EQ(plan->devices[0].mtu_within(1'504, 1), 1'500);
  EXPECT_EQ(plan->devices[1].mtu_within(1'500, 1), 1'500);
}

TEST(DevicePlan, SaysWhatATapTakes) {
  EXPECT_EQ(planned({named("tap:a", 9'000)}),
            "--mtu: 9000 is more than tap:a takes; give at most 1500");
}

TEST(DevicePlan, NumbersTheDevicesAndNotTheInterfaces) {
  const auto plan = DevicePlan::make({named("tap:a"), named("tap:a.1"), named("tap:b")});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->devices[1].spec.port_name, "net_tap1");
}

TEST(DevicePlan, RefusesWhatContradictsItself) {
  EXPECT_EQ(planned({named("tap:a.1"), named("tap:a,vlan=1")}),
            "--device: tap:a,vlan=1 was given twice; name each device and each VLAN of it once");
  EXPECT_EQ(
      planned({named("pci:03:00.0"), named("pci:0000:03:00.0")}),
      "--device: pci:0000:03:00.0 was given twice; name each device and each VLAN of it once");
  EXPECT_EQ(
      planned({named("pci:03:00.0,a=1"), named("pci:03:00.0.5,a=2")}),
      "--device: pci:03:00.0,a=1 and pci:03:00.0,a=2 are one device with different arguments; "
      "give the same to both");
  EXPECT_EQ(planned({named("tap:a.0")}),
            "--device: 'tap:a.0' names no VLAN by '0'; give a number from 1 to 4094");
  DeviceConfig first = named("tap:a");
  DeviceConfig second = named("tap:a.1");
  first.mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  second.mac = MacAddress{{2, 0, 0, 0, 0, 2}};
  EXPECT_EQ(planned({first, second}),
            "--device: tap:a has two MAC addresses, 02:00:00:00:00:01 and 02:00:00:00:00:02; give "
            "one");
}

TEST(DevicePlan, OneMacAddressServesAllInterfaces) {
  DeviceConfig second = named("tap:a.1");
  second.mac = MacAddress{{2, 0, 0, 0, 0, 2}};
  const auto plan = DevicePlan::make({named("tap:a"), second});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->devices[0].config.mac, second.mac);
}

}  // namespace
}  // namespace millrace::control
