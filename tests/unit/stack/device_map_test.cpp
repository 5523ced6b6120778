// Which interface of a device a VLAN means, and whose turn to send it is.
#include "stack/device_map.hpp"

#include <map>

#include <gtest/gtest.h>

namespace millrace::stack {
namespace {

TEST(DeviceMap, FindsTheInterfaceOfAVlan) {
  DeviceMap map;
  map.add(1, 100, 0);  // The tagged one may come first.
  map.add(0, 0, 1);
  map.add(1, 0, 2);
  map.add(0, 100, 3);
  EXPECT_EQ(map.find(0, 0), 1U);
  EXPECT_EQ(map.find(1, 0), 2U);
  EXPECT_EQ(map.find(0, 100), 3U);
  EXPECT_EQ(map.find(1, 100), 0U);
  EXPECT_FALSE(map.find(0, 101).has_value());
}

TEST(DeviceMap, ADeviceMayHaveNoUntaggedInterface) {
  DeviceMap map;
  map.add(0, 7, 0);
  EXPECT_FALSE(map.find(0, 0).has_value());
  EXPECT_EQ(map.count(0), 1U);
}

TEST(DeviceMap, NamesEachInterfaceOnceInARound) {
  DeviceMap map;
  map.add(0, 0, 5);
  map.add(0, 1, 6);
  map.add(0, 2, 7);
  map.add(1, 0, 8);
  std::map<std::uint32_t, int> named;
  for (std::size_t round = 0; round < 2 * map.count(0); ++round) {
    ++named[map.next(0)];
  }
  EXPECT_EQ(named, (std::map<std::uint32_t, int>{{5, 2}, {6, 2}, {7, 2}}));
  EXPECT_EQ(map.next(1), 8U);
  EXPECT_EQ(map.next(1), 8U);
}

}  // namespace
}  // namespace millrace::stack
