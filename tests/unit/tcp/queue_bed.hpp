// What the tests of TCP's packet queues share: a pool, a budget, and packets with recognizable
// bytes.
#pragma once

#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

#include "packet/packet_budget.hpp"
#include "support/eal_environment.hpp"

namespace millrace::test {

class QueueBed : public testing::Test {
 protected:
  static constexpr std::uint32_t kCharge =
      128 + packet::CorePools::kDataRoomBytes + packet::Packet::kOverheadBytes;

  ~QueueBed() override {
    EXPECT_EQ(budget_.used(), 0U) << "the budget was not given back";
    EXPECT_EQ(pool().in_use(), 0U) << "packets were not given back";
  }

  [[nodiscard]] static packet::PacketPool& pool() {
    static packet::PacketPool packets = make_pool(1'023);
    return packets;
  }
  /// The byte at that position of a stream.
  [[nodiscard]] static std::byte byte_at(std::uint32_t position) {
    return static_cast<std::byte>((position * 167U + position / 251U) & 0xffU);
  }
  /// A packet with the stream's bytes from `position` on.
  [[nodiscard]] static packet::Packet make_packet(std::uint32_t position, std::uint32_t bytes) {
    packet::Packet packet = pool().allocate();
    for (std::byte& byte : packet.append(static_cast<std::uint16_t>(bytes))) {
      byte = byte_at(position++);
    }
    return packet;
  }

  packet::PacketBudget budget_{1U << 24U};
};

}  // namespace millrace::test
