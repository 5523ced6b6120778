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
  const std::uint64_t of_one = plan_memory(one).bytes_in_pages;
  EXPECT_EQ(plan_memory(Config{}).bytes_in_pages, of_one);
  EXPECT_GT(of_one, std::uint64_t{one.packets} * packet::CorePools::kDataRoomBytes);
  EXPECT_GT(plan_memory(three).bytes_in_pages, 2 * of_one);
  EXPECT_EQ(plan_memory(one, 3).bytes_in_pages, plan_memory(three).bytes_in_pages)
      << "of stacks that are apart";
}

/// Of one core, without the margin for drivers and fragments.
std::uint64_t bytes_of_pools(std::uint64_t all) { return (all - (64ULL << 20U)) / 9 * 8; }

TEST(MemoryPlan, CountsWholePagesForWhatDoesNotCrossThem) {
  Config config;
  config.packets = 90'000;
  const MemoryPlan plan = plan_memory(config);
  // 2,496 bytes with everything: one in each page; 832: four; 448: nine.
  const std::uint64_t pages = 90'000 + 22'500 / 4 + 45'000 / 9;
  EXPECT_NEAR(static_cast<double>(bytes_of_pools(plan.bytes_in_pages)), 4'096.0 * pages, 16);
  // A hugepage holds 840, 2,520 and 4,681.
  const std::uint64_t hugepages = 108 + 9 + 10;
  EXPECT_NEAR(static_cast<double>(bytes_of_pools(plan.bytes_in_hugepages)),
              static_cast<double>(hugepages << 21U), 16);
}

TEST(CheckMemory, RefusesMoreThanThereIs) {
  Config config;
  config.packets = 1U << 20U;
  const MemoryPlan plan = plan_memory(config);
  EXPECT_TRUE(check_memory(plan, plan.bytes_in_pages, 0));
  EXPECT_TRUE(check_memory(plan, 0, plan.bytes_in_hugepages)) << "no other page is needed then";
  EXPECT_FALSE(check_memory(plan, 0, plan.bytes_in_hugepages - 1));
  const auto refused = check_memory(plan, 1024ULL << 20U, 0);
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
