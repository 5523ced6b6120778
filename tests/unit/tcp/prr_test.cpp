// Proportional rate reduction: the window after each ACK of a recovery.
#include "tcp/prr.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

constexpr std::uint32_t kMss = 1'000;

Prr started(std::uint32_t flight, std::uint32_t ssthresh) {
  Prr prr;
  prr.start(flight, ssthresh);
  return prr;
}

Prr::Ack ack(std::uint32_t delivered, std::uint32_t in_network, bool is_safe = false) {
  return {.delivered = delivered, .in_network = in_network, .mss = kMss, .is_safe = is_safe};
}

TEST(Prr, FirstSegmentLeavesAtOnce) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  EXPECT_EQ(prr.on_ack(ack(1'000, 18'000)), 19'000U) << "half a segment would never leave";
  EXPECT_FALSE(prr.has_sent());
  prr.on_sent(1'000);
  EXPECT_TRUE(prr.has_sent());
}

TEST(Prr, WindowShrinksInProportion) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  std::uint32_t in_network = 18'000;
  std::uint32_t sent = 0;
  for (unsigned i = 1; i <= 8; ++i) {
    const std::uint32_t window = prr.on_ack(ack(1'000, in_network));
    if (window >= in_network + kMss) {
      prr.on_sent(kMss);
      ++sent;
    }
    --in_network;
    EXPECT_NEAR(sent, i / 2.0, 0.5) << "one segment for every two that arrive";
  }
}

TEST(Prr, ShareIsRoundedUp) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(30'000, 10'000);
  prr.on_sent(1);
  // 1,000 · 10,000 / 30,000 = 333 and a third.
  EXPECT_EQ(prr.on_ack(ack(1'000, 25'000)), 25'000U + 334 - 1);
}

TEST(Prr, AnAckWithoutNewsChangesNothing) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  EXPECT_EQ(prr.on_ack(ack(0, 5'000, true)), 0U);
}

TEST(Prr, BelowTheThresholdWhatLeavesIsWhatArrives) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  prr.on_sent(5'000);
  EXPECT_EQ(prr.on_ack(ack(5'000, 4'000)), 9'000U);
  prr.on_sent(5'000);
  EXPECT_EQ(prr.on_ack(ack(2'000, 4'000)), 6'000U) << "the conservative bound";
}

TEST(Prr, BelowTheThresholdSafeAcksMakeUpForIt) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  prr.on_sent(5'000);
  EXPECT_EQ(prr.on_ack(ack(5'000, 4'000, true)), 10'000U) << "slow start: a segment more";
}

TEST(Prr, NeverBeyondTheThreshold) {
  covers({"RFC 9937 §6.2"});
  Prr prr = started(20'000, 10'000);
  prr.on_sent(1'000);
  EXPECT_EQ(prr.on_ack(ack(15'000, 3'000, true)), 10'000U);
}

TEST(Prr, EndsAtTheThreshold) {
  covers({"RFC 9937 §6.1"});
  for (const std::uint32_t ssthresh : {5'000U, 7'000U, 10'000U, 14'000U}) {
    Prr prr = started(20'000, ssthresh);
    std::uint32_t in_network = 19'000;  // One is lost.
    for (unsigned i = 0; i < 19; ++i) {
      in_network -= kMss;
      std::uint32_t window = prr.on_ack(ack(kMss, in_network));
      while (in_network + kMss <= window) {
        prr.on_sent(kMss);
        in_network += kMss;
      }
    }
    EXPECT_EQ(in_network, ssthresh);
  }
}

TEST(Prr, HugeWindowsDoNotOverflow) {
  Prr prr = started(1U << 30U, 1U << 29U);
  for (unsigned i = 0; i < 8'000; ++i) {
    const std::uint32_t window = prr.on_ack(ack(1U << 17U, (1U << 30U) - 1));
    ASSERT_GE(window, (1U << 30U) - 1);
    prr.on_sent(1U << 16U);
  }
}

TEST(Prr, StartsAnewForEachRecovery) {
  Prr prr = started(20'000, 10'000);
  prr.on_sent(9'000);
  static_cast<void>(prr.on_ack(ack(9'000, 10'000)));
  prr.start(10'000, 5'000);
  EXPECT_FALSE(prr.has_sent());
  EXPECT_EQ(prr.on_ack(ack(1'000, 8'000)), 9'000U);
}

}  // namespace

}  // namespace millrace::tcp
