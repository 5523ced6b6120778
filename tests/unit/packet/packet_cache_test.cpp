// PacketCache by way of the pool that has one: whose it is, what it keeps, that a packet comes out
// of it as new, and that figures stay exact whatever is in it.
#include "packet/packet_cache.hpp"

#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/this_thread.hpp"
#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "packet/packet_queue.hpp"
#include "support/eal_environment.hpp"

namespace millrace::packet {
namespace {

constexpr std::uint32_t kCount = 16'383;

// On a thread that DPDK does not know, and so has no cache for: what is freed then comes back at
// once by way of ours alone.
template <class F>
void on_other_thread(F&& function) {
  std::thread{std::forward<F>(function)}.join();
}

TEST(PacketCache, HandsOutAgainWhatWasGivenBackLast) {
  PacketPool pool = test::make_pool(kCount);
  on_other_thread([&pool] {
    pool.adopt();
    Packet first = pool.allocate();
    Packet second = pool.allocate();
    const rte_mbuf* const first_mbuf = first.get();
    const rte_mbuf* const second_mbuf = second.get();
    first.reset();
    second.reset();
    EXPECT_EQ(pool.in_use(), 0U);
    const Packet last = pool.allocate();
    const Packet before = pool.allocate();
    EXPECT_EQ(last.get(), second_mbuf);
    EXPECT_EQ(before.get(), first_mbuf);
    EXPECT_EQ(pool.in_use(), 2U);
  });
}

TEST(PacketCacheDeathTest, NothingIsGivenBackTwice) {
  if (!base::kDebugContracts) {
    GTEST_SKIP();
  }
  PacketPool pool = test::make_pool(kCount);
  pool.adopt();
  Packet packet = pool.allocate();
  Packet twin{packet.get()};
  packet.reset();
  EXPECT_DEATH(twin.reset(), "contract violated");
  static_cast<void>(twin.release());
}

TEST(PacketCache, IsPassedByUntilAThreadAdoptsIt) {
  PacketPool pool = test::make_pool(kCount);
  on_other_thread([&pool] {
    Packet packet = pool.allocate();
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), kCount - 1);
    packet.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), kCount);
  });
  EXPECT_EQ(pool.in_use(), 0U);
}

// Far more at a time than the cache holds, and far fewer than there are.
TEST(PacketCache, ThePoolBehindItHandsOutAgainWhatWasUsedBefore) {
  constexpr std::size_t kAtATime = 8UL * PacketCache::kCapacity;
  PacketPool pool = test::make_pool(kCount);
  on_other_thread([&pool] {
    pool.adopt();
    std::set<const rte_mbuf*> different;
    for (int round = 0; round < 8; ++round) {
      std::vector<Packet> held;
      for (std::size_t i = 0; i < kAtATime; ++i) {
        held.push_back(pool.allocate());
        different.insert(held.back().get());
      }
    }
    EXPECT_LE(different.size(), kAtATime + PacketCache::kCapacity);
  });
}

TEST(PacketCache, APoolCanBeUsedUpToItsLastPacketAndFilledAgain) {
  for (const std::uint32_t count : {63U, 2'047U, 8'191U, 8'192U, kCount}) {
    SCOPED_TRACE(count);
    PacketPool pool = test::make_pool(count, 64);
    pool.adopt();
    for (int round = 0; round < 3; ++round) {
      std::vector<Packet> held;
      std::set<const rte_mbuf*> different;
      for (Packet packet = pool.allocate(); packet; packet = pool.allocate()) {
        different.insert(packet.get());
        held.push_back(std::move(packet));
        ASSERT_EQ(pool.in_use(), held.size());
      }
      EXPECT_EQ(held.size(), pool.capacity());
      EXPECT_EQ(different.size(), held.size());
      EXPECT_EQ(pool.available(), 0U);
      while (!held.empty()) {
        held.pop_back();
        ASSERT_EQ(pool.in_use(), held.size());
      }
    }
  }
}

TEST(PacketCache, WhatComesOutIsAsNew) {
  PacketPool pool = test::make_pool(kCount);
  pool.adopt();
  const rte_mbuf* dirty = nullptr;
  {
    Packet packet = pool.allocate();
    static_cast<void>(packet.append(100));
    static_cast<void>(packet.prepend(28));
    packet.remove_prefix(60);
    packet.request_checksums(14, 20, true, true);
    rte_mbuf& mbuf = *packet.get();
    mbuf.port = 3;
    mbuf.vlan_tci = 17;
    mbuf.vlan_tci_outer = 18;
    mbuf.packet_type = 0x1234;
    mbuf.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_IP_CKSUM_BAD;
    dirty = &mbuf;
  }
  const Packet packet = pool.allocate();
  ASSERT_EQ(packet.get(), dirty);
  const rte_mbuf& mbuf = *packet.get();
  EXPECT_EQ(packet.size(), 0U);
  EXPECT_EQ(packet.data().size(), 0U);
  EXPECT_EQ(packet.headroom(), PacketPool::kHeadroomBytes);
  EXPECT_EQ(packet.tailroom(), CorePools::kDataRoomBytes);
  EXPECT_TRUE(packet.is_exclusive());
  EXPECT_EQ(mbuf.port, RTE_MBUF_PORT_INVALID);
  EXPECT_EQ(mbuf.ol_flags, 0U);
  EXPECT_EQ(mbuf.tx_offload, 0U);
  EXPECT_EQ(mbuf.packet_type, 0U);
  EXPECT_EQ(mbuf.vlan_tci, 0U);
  EXPECT_EQ(mbuf.vlan_tci_outer, 0U);
  EXPECT_EQ(mbuf.next, nullptr);
}

TEST(PacketCache, AReferenceHoldsItsPacketUntilBothAreGone) {
  PacketPool data = test::make_pool(kCount);
  PacketPool references = test::make_pool(kCount, 0);
  data.adopt();
  references.adopt();
  for (const bool is_source_first : {true, false}) {
    Packet source = data.allocate();
    source.append(200)[50] = std::byte{7};
    Packet reference = references.reference(source.get(), 50, 100);
    Packet second = references.reference(reference.get(), 0, 1);
    EXPECT_EQ(reference.data().size(), 100U);
    EXPECT_EQ(reference.size(), 100U);
    EXPECT_EQ(reference.data()[0], std::byte{7});
    EXPECT_EQ(second.data()[0], std::byte{7});
    EXPECT_FALSE(source.is_exclusive());
    (is_source_first ? source : reference).reset();
    second.reset();
    EXPECT_EQ(data.in_use(), 1U);
    EXPECT_EQ(references.in_use(), is_source_first ? 1U : 0U);
    (is_source_first ? reference : source).reset();
    EXPECT_EQ(data.in_use(), 0U);
    EXPECT_EQ(references.in_use(), 0U);
    // The buffer of a reference is its own again.
    const Packet plain = references.allocate();
    EXPECT_TRUE(plain.is_exclusive());
    EXPECT_EQ(plain.tailroom(), 0U);
    EXPECT_EQ(plain.headroom(), PacketPool::kHeadroomBytes);
  }
}

TEST(PacketCache, AThreadThatItIsNotMayFreeAndAllocate) {
  PacketPool pool = test::make_pool(kCount);
  pool.adopt();
  std::vector<Packet> held;
  for (int i = 0; i < 300; ++i) {
    held.push_back(pool.allocate());
  }
  on_other_thread([&] {
    for (int i = 0; i < 100; ++i) {
      held.pop_back();
      Packet packet = pool.allocate();
      EXPECT_TRUE(packet);
    }
    held.resize(100);
  });
  EXPECT_EQ(pool.in_use(), 100U);
  held.clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(PacketCache, AnotherThreadCanTakeItOver) {
  PacketPool pool = test::make_pool(kCount);
  std::vector<Packet> held;
  base::ThreadMark first = 0;
  on_other_thread([&] {
    first = base::this_thread();
    pool.adopt();
    for (int i = 0; i < 10; ++i) {
      held.push_back(pool.allocate());
    }
  });
  // By this thread, which was there all the time: a new one may well get the mark of the one that
  // has ended.
  ASSERT_NE(base::this_thread(), first);
  pool.adopt();
  held.clear();
  EXPECT_EQ(pool.in_use(), 0U);
  std::vector<Packet> all;
  for (Packet packet = pool.allocate(); packet; packet = pool.allocate()) {
    all.push_back(std::move(packet));
  }
  EXPECT_EQ(all.size(), pool.capacity()) << "what the other one had left in it is there";
  all.clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(PacketCache, APoolThatIsReplacedGivesItsPacketsBackFirst) {
  PacketPool pool = test::make_pool(kCount);
  pool.adopt();
  static_cast<void>(pool.allocate());
  pool = test::make_pool(63);
  EXPECT_EQ(pool.capacity(), 63U);
  EXPECT_EQ(pool.in_use(), 0U);
}

/// Packets in every shape, and how many buffers they are, counted by hand.
class Shapes {
 public:
  explicit Shapes(std::uint64_t seed) : random_{base::Random::from_seed(seed)} {
    data_.adopt();
    references_.adopt();
  }

  void step() {
    switch (random_.below(6)) {
      case 0:
      case 1: add(); break;
      case 2: refer(); break;
      case 3: chain(); break;
      default: drop(); break;
    }
    ASSERT_EQ(data_.in_use() + references_.in_use(), count());
  }

 private:
  struct Held {
    Packet packet;
    std::vector<std::size_t> sources;  // Of its segments, as places in `refs_`.
  };

  void add() {
    Packet packet = data_.allocate();
    ASSERT_TRUE(packet);
    static_cast<void>(packet.append(64));
    users_.push_back(1);
    held_.push_back({.packet = std::move(packet), .sources = {users_.size() - 1}});
  }
  void refer() {
    if (held_.empty()) {
      return;
    }
    const Held& of = held_[random_.below(static_cast<std::uint32_t>(held_.size()))];
    Packet packet = references_.reference(
        of.packet.get(), 0, 1 + random_.below(static_cast<std::uint32_t>(of.packet.data().size())));
    ASSERT_TRUE(packet);
    ++users_[of.sources.front()];
    ++references_held_;
    held_.push_back({.packet = std::move(packet), .sources = {of.sources.front()}});
  }
  void chain() {
    if (held_.size() < 2) {
      return;
    }
    Held tail = take();
    Held& head = held_[random_.below(static_cast<std::uint32_t>(held_.size()))];
    if (head.packet.chain(tail.packet)) {
      head.sources.insert(head.sources.end(), tail.sources.begin(), tail.sources.end());
    } else {
      held_.push_back(std::move(tail));
    }
  }
  void drop() {
    if (held_.empty()) {
      return;
    }
    Held gone = take();
    for (const rte_mbuf* segment = gone.packet.get(); segment != nullptr; segment = segment->next) {
      references_held_ -= RTE_MBUF_DIRECT(segment) ? 0 : 1;
    }
    gone.packet.reset();
    for (const std::size_t source : gone.sources) {
      --users_[source];
    }
  }
  Held take() {
    const std::uint32_t which = random_.below(static_cast<std::uint32_t>(held_.size()));
    std::swap(held_[which], held_.back());
    Held taken = std::move(held_.back());
    held_.pop_back();
    return taken;
  }
  std::uint32_t count() const {
    std::uint32_t sum = references_held_;
    for (const std::uint32_t users : users_) {
      sum += users > 0 ? 1 : 0;
    }
    return sum;
  }

  base::Random random_;
  PacketPool data_ = test::make_pool(kCount, 256);
  PacketPool references_ = test::make_pool(kCount, 0);
  std::vector<Held> held_;
  std::vector<std::uint32_t> users_;  // Of each data buffer: itself, and what refers to it.
  std::uint32_t references_held_ = 0;
};

TEST(PacketCache, CountsEveryBufferInEveryShape) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    SCOPED_TRACE(seed);
    Shapes shapes{seed};
    for (int step = 0; step < 1'500 && !testing::Test::HasFatalFailure(); ++step) {
      shapes.step();
    }
  }
}

}  // namespace
}  // namespace millrace::packet
