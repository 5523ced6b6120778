// How the number of packets becomes pools and memory.
#include "control/memory_plan.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

TEST(MemoryPlan, KeepsTheProportionsOfTheDefault) {
  const MemoryPlan plan = plan_memory(Config{});
  EXPECT_EQ(plan.pools.data, packet::PoolSizes{}.data);
  EXPECT_EQ(plan.pools.headers, packet::PoolSizes{}.headers);
  EXPECT_EQ(plan.pools.references, packet::PoolSizes{}.references);
}

TEST(MemoryPlan, KeepsEnoughHeadersForASmallConfiguration) {
  Config config;
  config.packets = 2048;
  const MemoryPlan plan = plan_memory(config);
  EXPECT_EQ(plan.pools.data, 2048U);
  EXPECT_GE(plan.pools.headers, 4096U);
  EXPECT_GE(plan.pools.references, 4096U);
}

TEST(MemoryPlan, CountsEveryCore) {
  Config one;
  one.cores = {0};
  Config three;
  three.cores = {0, 1, 2};
  const std::uint64_t of_one = plan_memory(one).bytes_for_eal;
  EXPECT_EQ(plan_memory(Config{}).bytes_for_eal, of_one);
  EXPECT_GT(of_one, std::uint64_t{one.packets} * packet::CorePools::kDataRoomBytes);
  EXPECT_GT(plan_memory(three).bytes_for_eal, 2 * of_one);
}

TEST(CheckMemory, RefusesMoreThanThereIs) {
  Config config;
  config.packets = 1U << 20U;
  const MemoryPlan plan = plan_memory(config);
  EXPECT_TRUE(check_memory(plan, plan.bytes_for_eal));
  const auto refused = check_memory(plan, 1024ULL << 20U);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().starts_with("--packets: 1048576 packet buffers take "))
      << refused.error();
  EXPECT_TRUE(refused.error().ends_with(" MiB in all, but 1024 MiB are free; give fewer"))
      << refused.error();
}

TEST(AvailableBytes, ReadsTheKernelsText) {
  EXPECT_EQ(
      available_bytes_of(
          "MemTotal:       200 kB\nMemFree:   1 kB\nMemAvailable:      12 kB\nBuffers: 5 kB\n"),
      12U * 1024U);
  EXPECT_EQ(available_bytes_of("MemTotal:       200 kB\n"), UINT64_MAX);
  EXPECT_EQ(available_bytes_of("MemAvailable:"), UINT64_MAX);
  EXPECT_EQ(available_bytes_of(""), UINT64_MAX);
}

}  // namespace
}  // namespace millrace::control
