// The transmit queue is bounded and keeps its order.
#include "net/transmit_queue.hpp"

#include <gtest/gtest.h>

#include "support/eal_environment.hpp"

namespace millrace::net {
namespace {

TEST(TransmitQueue, TakesFramesUpToItsLimitAndFreesTheRest) {
  packet::PacketPool pool = test::make_pool(8'191, 64);
  {
    Interface interface;
    packet::Packet first = pool.allocate();
    const auto* const first_mbuf = first.get();
    ASSERT_TRUE(enqueue_frame(interface, std::move(first)));
    for (std::uint32_t i = 1; i < kMaxQueuedFrames; ++i) {
      ASSERT_TRUE(enqueue_frame(interface, pool.allocate()));
    }
    const auto beyond = enqueue_frame(interface, pool.allocate());
    ASSERT_FALSE(beyond.has_value());
    EXPECT_EQ(beyond.error(), DropReason::TransmitQueueFull);
    EXPECT_EQ(pool.in_use(), kMaxQueuedFrames);
    EXPECT_EQ(interface.tx.front(), first_mbuf);
  }
  EXPECT_EQ(pool.in_use(), 0U);
}

}  // namespace
}  // namespace millrace::net
