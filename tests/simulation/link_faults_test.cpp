// What links do to frames beside delaying them, each fault by itself: how often, to which frames,
// and that nothing else changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "sim/chance.hpp"
#include "sim/frame_damage.hpp"
#include "sim/frame_view.hpp"
#include "sim/link.hpp"
#include "simulation/network.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"

namespace millrace::test {
namespace {

struct SegmentSpec {
  std::uint16_t port = 1'000;
  std::uint32_t ack = 0;
  std::size_t payload = 0;
  wire::Ecn ecn = wire::Ecn::NotCapable;
};

sim::Frame make_segment(const SegmentSpec& spec) {
  const std::size_t tcp_bytes = wire::kTcpHeaderSize + spec.payload;
  sim::Frame frame{wire::kEthernetHeaderSize + wire::kIpv4HeaderSize + tcp_bytes};
  const std::span<std::byte> bytes{frame};
  wire::emit_ethernet(bytes, {.destination = MacAddress{{2, 0, 0, 0, 0, 2}},
                              .source = MacAddress{{2, 0, 0, 0, 0, 1}}});
  const auto datagram = bytes.subspan(wire::kEthernetHeaderSize);
  wire::emit_ipv4(datagram,
                  {.source = address_of(1),
                   .destination = address_of(2),
                   .traffic_class = static_cast<std::uint8_t>(spec.ecn),
                   .dont_fragment = true,
                   .total_length = static_cast<std::uint16_t>(wire::kIpv4HeaderSize + tcp_bytes)},
                  true);
  const auto tcp = datagram.subspan(wire::kIpv4HeaderSize);
  wire::emit_tcp(tcp, {.source_port = spec.port,
                       .destination_port = 9,
                       .seq = wire::SeqNum{77},
                       .ack = wire::SeqNum{spec.ack},
                       .flags = wire::TcpFlags{wire::TcpFlags::kAck}});
  wire::Checksum sum;
  sum.add_pseudo_header(address_of(1), address_of(2), wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(tcp_bytes));
  sum.add(tcp);
  wire::set_tcp_checksum(tcp, sum.finish());
  return frame;
}

bool is_sound(const sim::Frame& frame) {
  const std::span<const std::byte> bytes{frame};
  const auto segment = sim::view_segment(bytes);
  return segment &&
         wire::has_valid_ipv4_checksum(
             bytes.subspan(wire::kEthernetHeaderSize, segment->ip.header_length)) &&
         wire::has_valid_transport_checksum(segment->ip.source, segment->ip.destination,
                                            wire::IpProtocol::Tcp,
                                            bytes.subspan(segment->tcp_offset));
}

/// A link with a schedule of its own, and what has come out of it.
class LinkFaults : public ::testing::Test {
 protected:
  struct Arrival {
    Duration after;
    sim::Frame frame;
  };

  void make(const sim::LinkParameters& parameters) {
    arrivals_.clear();
    link_ = std::make_unique<sim::Link>(
        schedule_, parameters, base::Random::from_seed(1), [this](sim::Frame frame) {
          arrivals_.push_back({.after = now_ - begin_, .frame = std::move(frame)});
        });
  }
  void send(sim::Frame frame) { link_->send(now_, std::move(frame)); }
  void send_many(unsigned count, const SegmentSpec& spec) {
    for (unsigned i = 0; i < count; ++i) {
      send(make_segment(spec));
    }
  }
  void wait(Duration time) {
    const Instant end = now_ + time;
    while (schedule_.next_time() && *schedule_.next_time() <= end) {
      now_ = *schedule_.next_time();
      schedule_.run_due(now_);
    }
    now_ = end;
  }
  [[nodiscard]] std::uint64_t count(sim::Fault fault) const { return link_->counts().of(fault); }

  sim::EventSchedule schedule_;
  const Instant begin_{1h};
  Instant now_ = begin_;
  std::unique_ptr<sim::Link> link_;
  std::vector<Arrival> arrivals_;
};

TEST_F(LinkFaults, LossInBurstsComesInBursts) {
  sim::LinkParameters parameters;
  parameters.bursts = {.enter_ppm = 10'000, .leave_ppm = 100'000, .loss_ppm = 1'000'000};
  make(parameters);
  unsigned runs = 0;
  std::uint64_t lost_before = 0;
  bool was_lost = false;
  for (unsigned i = 0; i < 50'000; ++i) {
    send(make_segment({}));
    const bool is_lost = count(sim::Fault::BurstLoss) > lost_before;
    lost_before = count(sim::Fault::BurstLoss);
    runs += is_lost && !was_lost ? 1 : 0;
    was_lost = is_lost;
  }
  // One part in eleven of the time is bad, for ten frames at a time.
  EXPECT_NEAR(static_cast<double>(lost_before), 50'000.0 / 11, 600);
  EXPECT_NEAR(static_cast<double>(lost_before) / runs, 10, 1.5);
  EXPECT_EQ(count(sim::Fault::Loss), 0U);
}

TEST_F(LinkFaults, ABurstOfLossesEndsInTimeHoweverFewFramesCome) {
  sim::LinkParameters parameters;
  parameters.bursts = {
      .enter_ppm = sim::kMillion, .leave_ppm = 1, .loss_ppm = sim::kMillion, .longest = 1s};
  make(parameters);
  send(make_segment({}));
  wait(900ms);
  send(make_segment({}));
  EXPECT_EQ(count(sim::Fault::BurstLoss), 2U);
  // Good again, and it stays so.
  parameters.bursts.enter_ppm = 1;
  link_->set_parameters(parameters);
  wait(200ms);
  send(make_segment({}));
  EXPECT_EQ(count(sim::Fault::BurstLoss), 2U);
}

TEST_F(LinkFaults, RedMarksWhatIsEcnCapableAndDropsTheRest) {
  sim::LinkParameters parameters;
  parameters.bits_per_second = 10'000'000;
  parameters.red = {.min_bytes = 3'000, .max_bytes = 3'000, .weight_shift = 0};
  make(parameters);
  send_many(10, {.payload = 1'000, .ecn = wire::Ecn::Capable0});
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 10U);
  // The first is in transmission, three more are below the step.
  for (std::size_t i = 0; i < arrivals_.size(); ++i) {
    const auto segment = sim::view_segment(arrivals_[i].frame);
    ASSERT_TRUE(segment);
    EXPECT_EQ(wire::ecn_of(segment->ip.traffic_class) == wire::Ecn::Congested, i >= 4) << i;
    EXPECT_TRUE(is_sound(arrivals_[i].frame)) << i;
  }
  EXPECT_EQ(count(sim::Fault::Marked), 6U);
  send_many(10, {.payload = 1'000});
  wait(1s);
  EXPECT_EQ(arrivals_.size(), 14U);
  EXPECT_EQ(count(sim::Fault::EarlyDrop), 6U);
}

TEST_F(LinkFaults, RedThatOnlyMarksLeavesTheRestAlone) {
  sim::LinkParameters parameters;
  parameters.bits_per_second = 10'000'000;
  parameters.red = {.min_bytes = 3'000, .max_bytes = 3'000, .weight_shift = 0, .marks_only = true};
  make(parameters);
  send_many(10, {.payload = 1'000});
  wait(1s);
  EXPECT_EQ(arrivals_.size(), 10U);
  EXPECT_EQ(count(sim::Fault::EarlyDrop) + count(sim::Fault::Marked), 0U);
  send_many(10, {.payload = 1'000, .ecn = wire::Ecn::Capable0});
  wait(1s);
  EXPECT_EQ(arrivals_.size(), 20U);
  EXPECT_EQ(count(sim::Fault::Marked), 6U);
}

TEST_F(LinkFaults, RedStrikesMoreOftenTheLongerTheAverageQueueIs) {
  sim::RedState red;
  base::Random random = base::Random::from_seed(3);
  const sim::RedParameters parameters{
      .min_bytes = 10'000, .max_bytes = 30'000, .max_ppm = 100'000, .weight_shift = 4};
  const auto struck_at = [&](std::uint64_t queued) {
    for (int i = 0; i < 200; ++i) {
      static_cast<void>(red.strikes(parameters, queued, random));
    }
    unsigned struck = 0;
    for (int i = 0; i < 10'000; ++i) {
      struck += red.strikes(parameters, queued, random) ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(red.average()), static_cast<double>(queued), 16);
    return struck;
  };
  EXPECT_EQ(struck_at(9'000), 0U);
  // Evenly spread, a chance p of each strikes about 2p/(1+p) of them.
  EXPECT_NEAR(struck_at(20'000), 952, 100);
  EXPECT_NEAR(struck_at(29'000), 1'735, 150);
  EXPECT_EQ(struck_at(31'000), 10'000U);
}

TEST_F(LinkFaults, PolicerLetsItsRateAndItsBurstBy) {
  sim::LinkParameters parameters;
  parameters.policer = {.bits_per_second = 8'000'000, .burst_bytes = 10'540};
  make(parameters);
  // 1,054 bytes each: ten at once, then one every 1.054 ms.
  for (int round = 0; round < 1'000; ++round) {
    send_many(2, {.payload = 1'000});
    wait(1ms);
  }
  EXPECT_NEAR(static_cast<double>(arrivals_.size()), 10 + 1'000 / 1.054, 3);
  EXPECT_EQ(count(sim::Fault::Policed) + arrivals_.size(), 2'000U);
}

TEST_F(LinkFaults, QueueIsBoundedInBytes) {
  sim::LinkParameters parameters;
  parameters.bits_per_second = 1'000'000;
  parameters.queue_bytes = 5'300;
  make(parameters);
  send_many(20, {.payload = 1'000});
  EXPECT_EQ(link_->queue().bytes(), 5U * 1'054);
  wait(1s);
  EXPECT_EQ(arrivals_.size(), 6U);
  EXPECT_EQ(count(sim::Fault::Overflow), 14U);
}

TEST_F(LinkFaults, ThinningKeepsTheNewestAckOfEachDirection) {
  sim::LinkParameters parameters;
  parameters.bits_per_second = 1'000'000;
  parameters.thins_acks = true;
  make(parameters);
  send(make_segment({.payload = 1'000}));  // In transmission.
  send(make_segment({.port = 1, .ack = 10}));
  send(make_segment({.port = 2, .ack = 500}));
  send(make_segment({.port = 1, .ack = 5, .payload = 9}));  // Carries data: stays.
  send(make_segment({.port = 1, .ack = 20}));
  send(make_segment({.port = 1, .ack = 15}));  // Older than what waits: that stays, too.
  wait(1s);
  std::vector<std::pair<unsigned, unsigned>> got;
  for (const Arrival& one : arrivals_) {
    const auto segment = sim::view_segment(one.frame);
    got.emplace_back(segment->tcp.source_port, segment->tcp.ack.value());
  }
  const std::vector<std::pair<unsigned, unsigned>> expected{
      {1'000, 0}, {2, 500}, {1, 5}, {1, 20}, {1, 15}};
  EXPECT_EQ(got, expected);
  EXPECT_EQ(count(sim::Fault::Thinned), 1U);
}

TEST_F(LinkFaults, GoesDownAndUpBySchedule) {
  sim::LinkParameters parameters;
  parameters.flaps = {.up = 70ms, .down = 30ms, .until = 1h + 1s};
  make(parameters);
  for (int i = 0; i < 1'000; ++i) {
    send(make_segment({}));
    wait(1ms);
  }
  EXPECT_EQ(count(sim::Fault::Down), 300U);
  EXPECT_EQ(arrivals_.size(), 700U);
  wait(90ms);
  send(make_segment({}));
  EXPECT_EQ(count(sim::Fault::Down), 300U);
}

TEST_F(LinkFaults, WhatIsLongerThanTheMtuVanishes) {
  sim::LinkParameters parameters;
  parameters.mtu = 1'040;
  make(parameters);
  send(make_segment({.payload = 1'000}));
  send(make_segment({.payload = 1'001}));
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 1U);
  EXPECT_EQ(count(sim::Fault::TooLong), 1U);
}

TEST_F(LinkFaults, DamageHitsACopyAndAChecksumTells) {
  sim::LinkParameters parameters;
  parameters.corrupt_ppm = sim::kMillion;
  make(parameters);
  const sim::Frame original = make_segment({.payload = 100});
  for (int i = 0; i < 500; ++i) {
    send(original.clone());
  }
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 500U);
  for (const Arrival& one : arrivals_) {
    const auto differing = std::ranges::mismatch(one.frame, original);
    ASSERT_NE(differing.in1, one.frame.end());
    // The Ethernet header has no checksum here; behind it everything is covered.
    EXPECT_TRUE(differing.in1 - one.frame.begin() <
                    static_cast<std::ptrdiff_t>(wire::kEthernetHeaderSize) ||
                !is_sound(one.frame));
  }
  EXPECT_TRUE(is_sound(original));
}

TEST_F(LinkFaults, TruncationCutsTheEndOff) {
  sim::LinkParameters parameters;
  parameters.truncate_ppm = sim::kMillion;
  make(parameters);
  send_many(300, {.payload = 300});
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 300U);
  for (const Arrival& one : arrivals_) {
    EXPECT_GE(one.frame.size(), wire::kEthernetHeaderSize);
    EXPECT_LT(one.frame.size(), 354U);
  }
  EXPECT_EQ(count(sim::Fault::Truncated), 300U);
}

TEST_F(LinkFaults, ForgeriesAreWellFormedAndFollowTheOriginal) {
  sim::LinkParameters parameters;
  parameters.forge_ppm = sim::kMillion;
  make(parameters);
  for (unsigned i = 0; i < 200; ++i) {
    send(make_segment({.ack = i, .payload = 50}));
  }
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 400U);
  std::array<unsigned, 4> kinds{};
  for (std::size_t i = 0; i < arrivals_.size(); i += 2) {
    const auto genuine = sim::view_segment(arrivals_[i].frame);
    const auto forged = sim::view_segment(arrivals_[i + 1].frame);
    ASSERT_TRUE(genuine && forged);
    EXPECT_EQ(genuine->payload_bytes, 50U);
    EXPECT_EQ(forged->payload_bytes, 0U);
    EXPECT_TRUE(is_sound(arrivals_[i + 1].frame));
    if (forged->tcp.flags.rst()) {
      // Never the number that would be right.
      EXPECT_TRUE(forged->tcp.seq.is_after(genuine->tcp.seq + 50));
      ++kinds[0];
    } else if (forged->tcp.flags.syn()) {
      ++kinds[1];
    } else {
      ++kinds[forged->tcp.ack.is_after(genuine->tcp.ack) ? 2U : 3U];
    }
  }
  for (const unsigned kind : kinds) {
    EXPECT_GT(kind, 20U);
  }
}

TEST_F(LinkFaults, KeepsItsRateToTheNanosecondInTheLongRun) {
  sim::LinkParameters parameters;
  parameters.bits_per_second = 10'000'000'000;  // 861.6 ns for each of these.
  parameters.delay = {};
  parameters.queue_frames = 20'000;
  make(parameters);
  send_many(10'000, {.payload = 999});
  wait(1s);
  ASSERT_EQ(arrivals_.size(), 10'000U);
  EXPECT_EQ(arrivals_.back().after, Duration{8'616'000 * 1ns});
}

TEST(FrameStore, GivesMemoryOutAgain) {
  sim::FrameStore store;
  for (int i = 0; i < 100; ++i) {
    sim::Frame frame = store.take();
    EXPECT_EQ(frame.size(), 0U);
    frame.append(std::array<std::byte, 60>{});
    const sim::Frame copy = frame.clone();
    EXPECT_EQ(copy.size(), 60U);
  }
  EXPECT_EQ(store.made(), 2U);
}

}  // namespace
}  // namespace millrace::test
