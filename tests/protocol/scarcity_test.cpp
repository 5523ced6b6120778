// What a connection does when something runs out that it shares with the core's others, or when
// its own send buffer is full: it says why, waits for the right thing, and goes on.
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/eal_environment.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using packet::BudgetUse;
using packet::Packet;
using packet::PacketBudget;
using tcp::Events;

class Scarcity : public NumbersTest {
 protected:
  static constexpr std::uint32_t kCharge = PacketBudget::kPacketCharge;

  /// Nine packets fill its send buffer, each with two segments of 1,000 bytes.
  static Start with_small_buffer() {
    auto start = established();
    start.config.send_buffer_bytes = 9 * kCharge;
    return start;
  }
  static Packet make_packet(std::uint16_t bytes) {
    static packet::PacketPool pool = make_pool(15);
    Packet packet = pool.allocate();
    static_cast<void>(packet.append(bytes));
    return packet;
  }
  static Result<void> append(TcpScript& t, Packet& packet) {
    return t.connection().append(t.resources(), t.clock(), packet);
  }
  static Result<void> check_sendable(TcpScript& t) {
    return t.connection().check_sendable(t.resources(), t.clock());
  }
  /// Leaves that much of the core's budget to this connection.
  static std::uint32_t hog_budget(TcpScript& t, std::uint64_t left) {
    const auto taken = static_cast<std::uint32_t>(t.budget().left(BudgetUse::InOrder) - left);
    EXPECT_TRUE(t.budget().try_charge(taken, BudgetUse::InOrder));
    return taken;
  }
};
INSTANTIATE_TEST_SUITE_P(From, Scarcity, testing::ValuesIn(kEveryStart), name_of);

/// Takes all that is left of a table, until it goes.
template <class Table>
class Hog {
 public:
  explicit Hog(Table& table) : table_{table} {
    while (auto* const slot = take(table)) {
      slots_.push_back(slot);
    }
  }
  ~Hog() {
    for (auto* const slot : slots_) {
      give(table_, *slot);
    }
  }
  Hog(const Hog&) = delete;
  Hog& operator=(const Hog&) = delete;

 private:
  static auto* take(Table& table) {
    if constexpr (requires { table.emplace(); }) {
      return table.emplace();
    } else {
      return table.take();
    }
  }
  template <class T>
  static void give(Table& table, T& slot) {
    if constexpr (requires { table.give(slot); }) {
      table.give(slot);
    } else {
      table.erase(table.index_of(slot));
    }
  }

  Table& table_;
  std::vector<decltype(take(std::declval<Table&>()))> slots_;
};

TEST_P(Scarcity, NothingIsWritableOutsideOfAnOpenConnection) {
  covers({"RFC 9293 §3.10.2"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  EXPECT_EQ(t.connection().writable(t.resources()), 0U);
  t.peer_sends(syn_ack()).expect(ack(1));
  EXPECT_GT(t.connection().writable(t.resources()), 0U);
  EXPECT_EQ(t.connection().append_to_tail(std::array<std::byte, 1>{}), 0U) << "no packet yet";
  t.app_shuts_down().expect(fin(1));
  EXPECT_EQ(t.connection().writable(t.resources()), 0U);
}

TEST_P(Scarcity, HalfOfTheMemoryIsPromisedAsRoom) {
  TcpScript t{with_small_buffer()};
  EXPECT_EQ(t.connection().writable(t.resources()), 9 * kCharge / 2);
  // A quarter of what the core has left, of which half is payload.
  const std::uint32_t taken = hog_budget(t, 80'004);
  EXPECT_EQ(t.connection().writable(t.resources()), 10'000U);
  t.budget().release(taken);
}

TEST_P(Scarcity, FullBufferWaitsForThePeerAndNotForTheCore) {
  covers({"RFC 9293 §3.10.2"});
  TcpScript t{with_small_buffer()};
  EXPECT_EQ(t.app_tries_to_send(100'000), 18'000U);
  t.drain();
  EXPECT_EQ(t.take_output().size(), 10U);
  EXPECT_EQ(t.connection().writable(t.resources()), 0U);
  EXPECT_EQ(check_sendable(t), fail(Error::WouldBlock));
  EXPECT_EQ(t.deadline(), 300ms) << "no timer but that of what is in flight";
  t.expect_events(0);
}

TEST_P(Scarcity, FullBufferIsWritableAgainWhenAThirdOfItIsFree) {
  TcpScript t{with_small_buffer()};
  EXPECT_EQ(t.app_tries_to_send(100'000), 18'000U);
  t.drain();
  static_cast<void>(t.take_output());
  t.peer_sends(ack(5'999)).expect_events(0);
  static_cast<void>(t.take_output());
  t.peer_sends(ack(6'001)).expect_events(Events::kWritable);
  static_cast<void>(t.take_output());
  EXPECT_EQ(check_sendable(t), Result<void>{});
}

TEST_P(Scarcity, WhoAsksAtTwoThirdsHearsWhenThereIsMore) {
  // The answer may be too little for the application, which then waits.
  for (const bool is_above : {false, true}) {
    TcpScript t{with_small_buffer()};
    const std::uint32_t bytes = is_above ? 14'000 : 12'000;
    ASSERT_EQ(t.app_tries_to_send(bytes), bytes);
    EXPECT_GT(t.connection().writable(t.resources()), 0U);
    t.drain();
    static_cast<void>(t.take_output());
    t.peer_sends(ack(8'001)).expect_events(is_above ? Events::kWritable : 0);
    static_cast<void>(t.take_output());
  }
}

TEST_P(Scarcity, NoConnectionTakesMoreThanAQuarterOfTheCoresMemory) {
  struct Case {
    std::uint64_t left;
    std::uint32_t packets;
  };
  // A quarter of what is left with each packet; sixteen KiB are always granted.
  for (const Case& each : {Case{400'000, 33}, Case{20'000, 7}}) {
    TcpScript t{established()};
    const std::uint32_t taken = hog_budget(t, each.left);
    EXPECT_EQ(t.app_tries_to_send(500'000), each.packets * 2'000U);
    EXPECT_EQ(check_sendable(t), fail(Error::WouldBlock));
    t.budget().release(taken);
    t.drain();
    static_cast<void>(t.take_output());
  }
}

TEST_P(Scarcity, NobodyHearsOfRoomWhoDoesNotWaitForIt) {
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).peer_sends(ack(1'001)).expect_events(0);
}

TEST_P(Scarcity, PacketThatAFullBufferRefusesStaysWithItsOwner) {
  TcpScript t{with_small_buffer()};
  ASSERT_EQ(t.app_tries_to_send(100'000), 18'000U);
  Packet packet = make_packet(300);
  EXPECT_EQ(append(t, packet), fail(Error::WouldBlock));
  EXPECT_TRUE(packet);
  EXPECT_EQ(t.budget().used(), 9 * kCharge);
  t.drain();
  static_cast<void>(t.take_output());
}

TEST_P(Scarcity, FullBufferStillTakesWhatFitsBehindItsLastByte) {
  TcpScript t{with_small_buffer()};
  ASSERT_EQ(t.app_tries_to_send(17'700), 17'700U);
  Packet packet = make_packet(300);
  EXPECT_EQ(append(t, packet), Result<void>{});
  EXPECT_FALSE(packet);
  EXPECT_EQ(t.connection().unacknowledged(), 18'000U);
  EXPECT_EQ(t.budget().used(), 9 * kCharge) << "no packet more";
  Packet more = make_packet(1);
  EXPECT_EQ(append(t, more), fail(Error::WouldBlock));
}

TEST_P(Scarcity, SmallPayloadsShareAPacketAndLargeOnesDoNot) {
  TcpScript t{established()};
  ASSERT_EQ(t.app_tries_to_send(100), 100U);
  Packet small = make_packet(256);
  EXPECT_EQ(append(t, small), Result<void>{});
  EXPECT_EQ(t.budget().used(), kCharge);
  Packet large = make_packet(257);
  EXPECT_EQ(append(t, large), Result<void>{});
  EXPECT_EQ(t.budget().used(), 2 * kCharge);
  EXPECT_EQ(t.connection().unacknowledged(), 613U);
}

TEST_P(Scarcity, CoreWithoutPacketsIsAskedAgainSoon) {
  TcpScript t{established()};
  const std::uint32_t taken = hog_budget(t, kCharge - 1);
  EXPECT_EQ(t.connection().writable(t.resources()), 0U);
  EXPECT_EQ(check_sendable(t), fail(Error::OutOfPackets));
  EXPECT_EQ(t.deadline(), 10ms) << "no ACK would ever bring them back";
  t.at(10ms).expect_events(0);
  EXPECT_EQ(t.deadline(), 20ms);
  t.budget().release(taken);
  t.at(20ms).expect_events(Events::kWritable).expect_silence_for_ever();
}

/// `packet` was refused, and of what others had `taken` there is room again.
void expect_nothing_held(TcpScript& t, const Packet& packet, std::uint32_t taken) {
  EXPECT_TRUE(packet);
  EXPECT_EQ(t.resources().active_blocks.size(), 0U);
  EXPECT_EQ(t.deadline(), 10ms);
  t.budget().release(taken);
  t.at(10ms).expect_events(Events::kWritable).expect_silence_for_ever();
}

TEST_P(Scarcity, RefusedPacketHoldsNothingOfTheCore) {
  TcpScript t{established()};
  const std::uint32_t taken = hog_budget(t, 0);
  Packet packet = make_packet(500);
  EXPECT_EQ(append(t, packet), fail(Error::OutOfPackets));
  expect_nothing_held(t, packet, taken);
}

TEST_P(Scarcity, LargerPacketThanTheCoreCanSpareIsRefused) {
  static packet::PacketPool large_packets = make_pool(3, 4'096);
  TcpScript t{established()};
  const std::uint32_t taken = hog_budget(t, kCharge);
  Packet packet = large_packets.allocate();
  static_cast<void>(packet.append(3'000));
  EXPECT_EQ(append(t, packet), fail(Error::OutOfPackets)) << "although there is some room";
  expect_nothing_held(t, packet, taken);
}

TEST_P(Scarcity, LastPacketOfTheCoreIsWritable) {
  TcpScript t{established()};
  const std::uint32_t taken = hog_budget(t, kCharge);
  EXPECT_EQ(t.connection().writable(t.resources()), kCharge / 2);
  EXPECT_EQ(check_sendable(t), Result<void>{});
  t.budget().release(taken);
}

TEST_P(Scarcity, CoreWithoutBlocksRefusesToSend) {
  TcpScript t{established()};
  Packet packet = make_packet(100);
  {
    const Hog hog{t.resources().active_blocks};
    EXPECT_EQ(append(t, packet), fail(Error::OutOfPackets));
    EXPECT_TRUE(packet);
    EXPECT_EQ(t.deadline(), 10ms);
  }
  t.at(10ms).expect_events(Events::kWritable);
}

TEST_P(Scarcity, WhoHoldsNothingHoldsNoBlock) {
  TcpScript t{established()};
  const auto blocks = [&t] { return t.resources().active_blocks.size(); };
  EXPECT_EQ(blocks(), 0U);
  t.app_sends(1'000).expect(data(1, 1'000));
  EXPECT_EQ(blocks(), 1U);
  t.peer_sends(ack(1'001)).expect_nothing();
  EXPECT_EQ(blocks(), 0U) << "all is acknowledged";
  t.peer_sends(data(1, 100)).app_reads(100).at(40ms).expect(ack(101));
  EXPECT_EQ(blocks(), 0U) << "all is read";
  t.peer_sends(data(101, 1'000));
  EXPECT_EQ(t.connection().receive_packet(t.resources()).size(), 1'000U);
  t.at(80ms).expect(ack(1'101));
  EXPECT_EQ(blocks(), 0U) << "all is taken";
  t.app_closes().expect(fin(1'001)).peer_sends(fin(1'101).acks(1'001)).expect(ack(1'102));
  EXPECT_EQ(blocks(), 1U) << "our FIN is not acknowledged";
  t.peer_sends(ack(1'002).from(1'102)).expect_state(TcpState::TimeWait);
  EXPECT_EQ(blocks(), 0U);
}

TEST_P(Scarcity, WhoIsAbortedHoldsNoBlock) {
  TcpScript t{established()};
  t.app_sends(1'000).expect(data(1, 1'000)).peer_sends(data(101, 100)).expect(ack(1));
  EXPECT_EQ(t.resources().active_blocks.size(), 1U);
  t.app_aborts().expect(rst_ack(1'001, 1));
  EXPECT_EQ(t.resources().active_blocks.size(), 0U);
  EXPECT_EQ(t.resources().sent_segments.size(), 0U);
  EXPECT_EQ(t.budget().used(), 0U);
}

TEST_P(Scarcity, CoreWithoutBlocksTakesNoData) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  {
    const Hog hog{t.resources().active_blocks};
    t.peer_sends(data(1, 100)).expect(ack(1)).expect_drop(DropReason::TcpReceiveFull);
    t.peer_sends(data(101, 100)).expect(ack(1)).expect_drop(DropReason::TcpReassemblyFull);
    t.expect_events(0);
  }
  t.peer_sends(data(1, 100)).expect_drop(std::nullopt).app_reads(100).at(40ms).expect(ack(101));
}

TEST_P(Scarcity, CoreWithoutRecordsIsAskedAgain) {
  auto start = established();
  start.sent_segments = 8;
  TcpScript t{start};
  {
    const Hog hog{t.resources().sent_segments};
    t.app_sends(100).expect_nothing();
    EXPECT_EQ(t.deadline(), start.config.override_timeout);
    t.app_sends(50).expect_nothing();
    EXPECT_EQ(t.deadline(), start.config.override_timeout) << "it is not put off";
  }
  t.at(start.config.override_timeout).expect(data(1, 150));
}

TEST_P(Scarcity, FinWaitsForARecordToo) {
  covers({"RFC 9293 §3.10.4"});
  auto start = established();
  start.sent_segments = 8;
  TcpScript t{start};
  {
    const Hog hog{t.resources().sent_segments};
    t.app_closes().expect_nothing();
  }
  t.at(*t.deadline()).expect(fin(1));
}

TEST_P(Scarcity, ProbeWaitsForARecordToo) {
  covers({"RFC 9293 §3.8.6.1"});
  auto start = established().peer_window(1'000);
  start.sent_segments = 8;
  TcpScript t{start};
  t.app_sends(2'000).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  t.expect_nothing();
  {
    const Hog hog{t.resources().sent_segments};
    t.at(*t.deadline()).expect_nothing();
  }
  std::vector<Seg> sent;
  while (sent.empty() && t.now() < 10s) {
    t.at(*t.deadline());
    sent = t.take_output();
  }
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].seq, 1'001U);
  EXPECT_EQ(sent[0].bytes, 1U);
}

TEST_P(Scarcity, NoMoreIsInFlightThanThereAreRecordsFor) {
  auto start = established();
  start.sent_segments = 4;
  TcpScript t{start};
  t.app_sends(8'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000),
                            data(3'001, 1'000));
  t.peer_sends(ack(2'001)).expect(data(4'001, 1'000), data(5'001, 1'000));
  t.peer_sends(ack(6'001)).expect(data(6'001, 1'000), data(7'001, 1'000));
}

TEST_P(Scarcity, NoConnectionTakesMoreThanHalfOfTheRecordsThatAreLeft) {
  struct Case {
    std::uint32_t records;
    std::size_t segments;
  };
  // Sixteen are granted whatever is left.
  for (const Case& each : {Case{32, 16}, Case{48, 16}, Case{64, 21}, Case{4'096, 40}}) {
    auto start = established().cwnd(40'000);
    start.sent_segments = each.records;
    TcpScript t{start};
    t.app_sends(40'000);
    EXPECT_EQ(t.take_output().size(), each.segments) << each.records;
  }
}

TEST_P(Scarcity, WindowOffersAQuarterOfWhatTheCoreHasLeft) {
  covers({"RFC 9293 §3.8.6"});
  // Half of what is left, and payload that takes up half of its memory.
  for (const std::uint32_t left : {24'002U, 24'000U, 23'998U}) {
    auto start = established().peer_scale(std::nullopt);
    start.config.receive_buffer_bytes = 16'384;
    TcpScript t{start};
    const std::uint32_t taken = hog_budget(t, left);
    std::uint32_t seq = 1;
    for (const std::uint32_t bytes : {1'000U, 1'000U, 1'000U, 1'000U, 1'000U, 1'000U, 500U}) {
      t.peer_sends(data(seq, bytes));
      static_cast<void>(t.take_output());
      t.app_reads(bytes);
      static_cast<void>(t.take_output());
      seq += bytes;
    }
    // Everything is read, and the edge has somewhere to go.
    t.peer_sends(data(1, 1)).expect(ack(seq).with_window(left / 4));
    t.budget().release(taken);
  }
}

}  // namespace

}  // namespace millrace::test
