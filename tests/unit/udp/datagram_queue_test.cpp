// A socket's queue: order, limits, charges.
#include "udp/datagram_queue.hpp"

#include "udp/udp_bed.hpp"

namespace millrace::udp {
namespace {

class DatagramQueueTest : public UdpBed {
 protected:
  static constexpr std::uint32_t kCharge = 128 + 2'048 + 256;
};

TEST_F(DatagramQueueTest, FirstInFirstOut) {
  DatagramQueue queue{{.bytes = 1'000'000, .datagrams = 10}};
  EXPECT_FALSE(queue.pop());
  for (std::size_t i = 1; i <= 5; ++i) {
    queue.push(packet_of(pattern(i)));
  }
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_EQ(queue.charge(), 5 * kCharge);
  for (std::uint32_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(queue.view_front([](const packet::Packet& next) { return next.size(); }), i);
    EXPECT_EQ(queue.pop().size(), i);
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.charge(), 0U);
}

TEST_F(DatagramQueueTest, IsBoundedInDatagramsAndBytes) {
  DatagramQueue few{{.bytes = 1'000'000, .datagrams = 2}};
  few.push(packet_of(pattern(1)));
  EXPECT_TRUE(few.has_room_for(kCharge));
  few.push(packet_of(pattern(1)));
  EXPECT_FALSE(few.has_room_for(1));
  DatagramQueue small{{.bytes = 2 * kCharge, .datagrams = 100}};
  small.push(packet_of(pattern(1)));
  EXPECT_TRUE(small.has_room_for(kCharge));
  EXPECT_FALSE(small.has_room_for(kCharge + 1));
}

TEST_F(DatagramQueueTest, OneDatagramAlwaysFits) {
  DatagramQueue queue{{.bytes = 100, .datagrams = 4}};
  EXPECT_TRUE(queue.has_room_for(3 * kCharge));
  queue.push(chain_of(pattern(4'000), 1'480));
  EXPECT_EQ(queue.charge(), 3 * kCharge) << "every piece of a chain counts";
  EXPECT_FALSE(queue.has_room_for(1));
  EXPECT_EQ(queue.pop().size(), 4'000U);
  EXPECT_EQ(queue.charge(), 0U);
}

TEST_F(DatagramQueueTest, ANarrowerLimitKeepsWhatIsThere) {
  DatagramQueue queue{{.bytes = 1'000'000, .datagrams = 4}};
  queue.push(packet_of(pattern(1)));
  queue.push(packet_of(pattern(2)));
  queue.set_limits({.bytes = 1, .datagrams = 4});
  EXPECT_FALSE(queue.has_room_for(1));
  EXPECT_EQ(queue.pop().size(), 1U);
  EXPECT_EQ(queue.pop().size(), 2U);
}

}  // namespace
}  // namespace millrace::udp
