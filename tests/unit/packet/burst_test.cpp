// Burst: what is taken leaves a hole, and only holes are forgotten.
#include "packet/burst.hpp"

#include <gtest/gtest.h>

#include "packet/packet_pool.hpp"
#include "support/eal_environment.hpp"

namespace millrace::packet {
namespace {

TEST(Burst, IsForgottenOnceAllHaveBeenTaken) {
  PacketPool pool = test::make_pool(63);
  Burst burst;
  burst.push_back(pool.allocate());
  burst.push_back(pool.allocate());
  EXPECT_TRUE(burst.take(0));
  EXPECT_TRUE(burst.take(1));
  burst.forget();
  EXPECT_TRUE(burst.empty());
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(BurstDeathTest, WhatIsLeftIsNotForgotten) {
  if (!base::kDebugContracts) {
    GTEST_SKIP();
  }
  PacketPool pool = test::make_pool(63);
  Burst burst;
  burst.push_back(pool.allocate());
  burst.push_back(pool.allocate());
  EXPECT_TRUE(burst.take(0));
  EXPECT_DEATH(burst.forget(), "contract violated");
}

}  // namespace
}  // namespace millrace::packet
