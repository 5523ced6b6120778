// Urgent data: RFC 9293 §3.8.5 and RFC 6093; out of line as Linux offers it.
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;

class Urgent : public NumbersTest {
 protected:
  static constexpr unsigned kBoth = Events::kReadable | Events::kUrgent;

  static void set_out_of_line(TcpScript& t) {
    t.connection().set_urgent_inline(t.resources(), false);
    t.expect_events(0);
  }
};
INSTANTIATE_TEST_SUITE_P(From, Urgent, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Urgent, PointerStandsBehindTheUrgentData) {
  covers({"MUST-30", "MUST-62", "RFC 9293 §3.8.5", "RFC 6093 §4"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10));
}

TEST_P(Urgent, EarlierDataThatWaitsCarriesThePointerToo) {
  covers({"MUST-30", "MUST-62", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  static_cast<void>(t.app_tries_to_send(1'500));
  t.app_sends_urgent(1);
  t.expect(data(1, 1'000).with_urgent(1'501), data(1'001, 501).with_urgent(501));
}

TEST_P(Urgent, MayBeOfAnyLength) {
  covers({"MUST-31", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_sends_urgent(70'000);
  t.expect(data(1, 1'000).with_urgent(65'535), data(1'001, 1'000).with_urgent(65'535),
           data(2'001, 1'000).with_urgent(65'535), data(3'001, 1'000).with_urgent(65'535),
           data(4'001, 1'000).with_urgent(65'535), data(5'001, 1'000).with_urgent(65'000),
           data(6'001, 1'000).with_urgent(64'000), data(7'001, 1'000).with_urgent(63'000),
           data(8'001, 1'000).with_urgent(62'000), data(9'001, 1'000).with_urgent(61'000));
}

TEST_P(Urgent, PointerNeverNamesAnOctetThatWasSentAndIsNotTheLast) {
  covers({"MUST-31", "MUST-62"});
  auto start = established().peer_scale(2).peer_window(200'000);
  start.config.initial_window_segments = 100;
  TcpScript t{start};
  t.app_sends_urgent(100'000);
  EXPECT_EQ(t.take_output().size(), 100U);
  t.at(300ms).expect(data(1, 1'000));
  t.at(400ms).peer_sends(ack(40'001));
  t.expect(data(40'001, 1'000).with_urgent(60'000), data(41'001, 1'000).with_urgent(59'000),
           data(42'001, 1'000).with_urgent(58'000));
}

TEST_P(Urgent, DataBehindIsNotUrgent) {
  covers({"MUST-62", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10)).app_sends(1'000);
  t.expect(data(11, 1'000));
}

TEST_P(Urgent, DoesNotWaitForNagle) {
  covers({"MUST-30", "SHLD-7"});
  TcpScript t{established()};
  t.app_sends(10).expect(data(1, 10)).app_sends_urgent(5).expect(data(11, 5).with_urgent(5));
}

TEST_P(Urgent, PointerAdvancesWithMore) {
  covers({"MUST-30", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10));
  t.app_sends_urgent(5).expect(data(11, 5).with_urgent(5));
  t.at(300ms).expect(data(1, 10).with_urgent(15), data(11, 5).with_urgent(5));
}

TEST_P(Urgent, IsRepeatedAsUrgent) {
  covers({"MUST-30", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10));
  t.at(300ms).expect(data(1, 10).with_urgent(10));
}

TEST_P(Urgent, IsOverWhenAcknowledged) {
  covers({"MUST-30", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10)).at(100ms).peer_sends(ack(11));
  t.app_sends(10).expect(data(11, 10)).peer_sends(data(1, 1'000), data(1'001, 1'000).acks(21));
  t.expect(ack(2'001)).app_reads(2'000);
}

TEST_P(Urgent, IsAnnouncedIntoAClosedWindow) {
  covers({"MUST-30", "RFC 9293 §3.8.5", "RFC 9293 §3.10.2"});
  TcpScript t{established().peer_window(1'000)};
  t.app_sends(1'000).expect(data(1, 1'000)).at(100ms).peer_sends(ack(1'001).with_window(0));
  t.app_sends_urgent(5).expect(ack(1).with_urgent(5));
  t.at(*t.deadline()).expect(data(1'001, 1).with_urgent(5)).peer_sends(ack(1'001)).expect_nothing();
}

TEST_P(Urgent, FinBehindItIsNotUrgent) {
  covers({"MUST-62"});
  TcpScript t{established()};
  t.app_sends_urgent(10).expect(data(1, 10).with_urgent(10)).app_closes().expect(fin(11));
}

TEST_P(Urgent, IsReadInLineByDefault) {
  covers({"MUST-30", "MUST-32", "RFC 9293 §3.10.7.4 step 6", "MUST-33", "RFC 6093 §6"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_urgent(10)).expect_nothing().expect_events(kBoth);
  EXPECT_EQ(t.connection().urgent_left(), 10U);
  t.app_reads(4);
  EXPECT_EQ(t.connection().urgent_left(), 6U);
  t.app_reads(6).at(40ms).expect(ack(11));
  EXPECT_EQ(t.connection().urgent_left(), 0U);
}

TEST_P(Urgent, IsToldBeforeItArrives) {
  covers({"MUST-32", "MUST-33", "RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.peer_sends(ack(1).with_urgent(500)).expect_nothing().expect_events(Events::kUrgent);
  EXPECT_EQ(t.connection().urgent_left(), 500U);
  t.peer_sends(data(1, 300).with_urgent(500)).app_reads(300).expect_events(Events::kReadable);
  EXPECT_EQ(t.connection().urgent_left(), 200U);
  t.peer_sends(data(301, 300).with_urgent(200)).expect_nothing().app_reads(300);
  EXPECT_EQ(t.connection().urgent_left(), 0U);
  t.at(40ms).expect(ack(601));
}

TEST_P(Urgent, IsToldAgainOnlyWhenThePointerAdvances) {
  covers({"MUST-32", "RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_urgent(20)).expect_events(kBoth);
  t.peer_sends(data(11, 5).with_urgent(10)).expect_events(Events::kReadable);
  t.peer_sends(data(16, 5).with_urgent(3)).expect_events(Events::kReadable);
  t.peer_sends(data(21, 5).with_urgent(6)).expect_events(kBoth);
  EXPECT_EQ(t.connection().urgent_left(), 26U);
  t.app_reads(25).at(40ms).expect(ack(26));
}

TEST_P(Urgent, OldPointerIsNoNews) {
  covers({"MUST-32", "RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_urgent(10)).app_reads(10).at(40ms).expect(ack(11));
  t.expect_events(kBoth).peer_sends(data(1, 10).with_urgent(10)).expect(ack(11)).expect_events(0);
  EXPECT_EQ(t.connection().urgent_left(), 0U);
}

TEST_P(Urgent, ZeroPointerSaysNothing) {
  covers({"MUST-62", "RFC 6093 §4"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_urgent(0)).expect_events(Events::kReadable).app_reads(10);
  t.at(40ms).expect(ack(11));
}

TEST_P(Urgent, IsSeenThroughAClosedWindow) {
  covers({"MUST-66", "RFC 9293 §3.4"});
  auto start = established();
  start.config.receive_buffer_bytes = 16'384;
  TcpScript t{start};
  const std::uint32_t sent = t.peer_fills_window();
  t.expect_events(Events::kReadable);
  t.peer_sends(data(sent, 10).with_urgent(10)).expect(ack(sent).with_window(0));
  t.expect_events(Events::kUrgent);
  EXPECT_EQ(t.connection().urgent_left(), sent - 1 + 10);
}

TEST_P(Urgent, OutsideOfTheWindowIsNotHeard) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(data(4'000'000, 10).with_urgent(10)).expect(ack(1)).expect_events(0);
}

TEST_P(Urgent, APointerInTheSynAckCountsFromTheSyn) {
  covers({"MUST-32", "RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  t.at(100ms).peer_sends(syn_ack().with_urgent(4)).expect(ack(1));
  t.expect_events(Events::kConnected | Events::kUrgent);
  EXPECT_EQ(t.connection().urgent_left(), 3U);
  t.peer_sends(data(1, 3)).expect_events(Events::kReadable).app_reads(3);
  EXPECT_EQ(t.connection().urgent_left(), 0U);
  t.after(40ms).expect(ack(4));
}

TEST_P(Urgent, DataInTheSynAckMayBeUrgent) {
  covers({"MUST-32", "RFC 9293 §3.10.7.3"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn());
  set_out_of_line(t);
  t.at(100ms).peer_sends(syn_ack().with_bytes(5).with_urgent(4)).expect(ack(6));
  t.expect_events(Events::kConnected | kBoth).expect_urgent(3);
  t.app_reads(2).app_skips_octet().app_reads(2);
}

TEST_P(Urgent, BehindThePeersFinNothingIsUrgent) {
  covers({"RFC 9293 §3.10.7.4"});
  TcpScript t{established()};
  t.peer_sends(fin(1)).expect(ack(2)).expect_events(Events::kPeerFinished);
  t.peer_sends(ack(1).from(2).with_urgent(100)).expect_nothing().expect_events(0);
}

TEST_P(Urgent, ClosedApplicationHearsOfNone) {
  covers({"RFC 9293 §3.8.5"});
  TcpScript t{established()};
  t.app_closes().expect(fin(1)).peer_sends(ack(2).with_urgent(100)).expect_events(0);
}

TEST_P(Urgent, InLineNothingIsKeptAside) {
  covers({"RFC 6093 §6"});
  TcpScript t{established()};
  t.peer_sends(data(1, 10).with_urgent(10));
  EXPECT_TRUE(t.connection().take_urgent() == fail(Error::InvalidState));
  EXPECT_FALSE(t.connection().is_front_split());
  t.app_reads(10).at(40ms).expect(ack(11));
}

TEST_P(Urgent, OutOfLineTheLastOctetIsKeptAside) {
  covers({"MUST-30", "MUST-33", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(1, 10).with_urgent(10)).expect_events(kBoth);
  EXPECT_EQ(t.connection().readable().value_or(0), 9U);
  EXPECT_EQ(t.connection().urgent_left(), 9U);
  t.expect_urgent(10).expect_urgent(std::nullopt).app_reads(9);
  EXPECT_TRUE(t.connection().readable() == fail(Error::WouldBlock));
  EXPECT_EQ(t.connection().urgent_left(), 0U);
  t.at(40ms).expect(ack(11));
}

TEST_P(Urgent, OutOfLineReadingStopsAtItsPlace) {
  covers({"MUST-33", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(1, 10).with_urgent(5)).expect_events(kBoth);
  EXPECT_EQ(t.connection().readable().value_or(0), 4U);
  EXPECT_EQ(t.connection().peek().size(), 4U);
  EXPECT_TRUE(t.connection().is_front_split());
  t.app_reads(4).expect_events(Events::kReadable).app_skips_octet();
  EXPECT_EQ(t.connection().readable().value_or(0), 5U);
  EXPECT_FALSE(t.connection().is_front_split());
  t.app_reads(5).expect_urgent(5).at(40ms).expect(ack(11));
}

TEST_P(Urgent, OutOfLineOctetBehindAPacketTakenWholeIsNotRead) {
  covers({"MUST-33", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(1, 1'400)).peer_sends(data(1'401, 1'400).with_urgent(1)).expect(ack(2'801));
  // Two packets, since their data does not fit into one.
  ASSERT_FALSE(t.connection().is_front_split());
  EXPECT_EQ(t.connection().receive_packet(t.resources()).size(), 1'400U);
  EXPECT_EQ(t.connection().readable().value_or(0), 1'399U) << "without the octet at 1,401";
  t.expect_urgent(1'401);
}

TEST_P(Urgent, OutOfLineOctetAloneIsNothingToRead) {
  covers({"MUST-30", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(1, 1).with_urgent(1));
  EXPECT_TRUE(t.connection().readable() == fail(Error::WouldBlock));
  t.peer_sends(data(2, 5)).app_skips_octet().app_reads(5).expect_urgent(1);
  t.at(40ms).expect(ack(7));
}

TEST_P(Urgent, OutOfLineOctetIsThereOnceItHasArrived) {
  covers({"MUST-32", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(ack(1).with_urgent(3)).expect_events(Events::kUrgent).expect_urgent(std::nullopt);
  t.peer_sends(data(1, 2)).expect_urgent(std::nullopt).expect_events(Events::kReadable);
  t.peer_sends(data(3, 1)).expect_urgent(3).expect_events(kBoth);
  t.app_reads(2).at(40ms).expect(ack(4));
}

TEST_P(Urgent, OutOfLineNextOctetMayBeAnnouncedAlone) {
  covers({"MUST-32", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(ack(1).with_urgent(1)).expect_nothing().expect_events(Events::kUrgent);
  t.expect_urgent(std::nullopt);
  EXPECT_EQ(t.connection().urgent_left(), 0U);
  t.peer_sends(data(1, 1)).expect_urgent(1).expect_events(kBoth).at(40ms).expect(ack(2));
}

TEST_P(Urgent, OutOfLineLaterOctetTakesThePlaceOfAnUnreadOne) {  // as in Linux
  covers({"MUST-32", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(1, 10).with_urgent(5), data(11, 10).with_urgent(10));
  EXPECT_EQ(t.connection().readable().value_or(0), 19U);
  t.app_reads(19).expect_urgent(20).expect_urgent(std::nullopt).at(40ms).expect(ack(21));
}

TEST_P(Urgent, OutOfLineOctetBehindAHoleComesWithIt) {
  covers({"MUST-32", "SHLD-31"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(data(11, 10).with_urgent(10)).expect(ack(1)).expect_events(Events::kUrgent);
  t.expect_urgent(std::nullopt).peer_sends(data(1, 10)).expect(ack(21)).expect_urgent(20);
  t.app_reads(19);
  EXPECT_TRUE(t.connection().readable() == fail(Error::WouldBlock));
}

TEST_P(Urgent, TurningOutOfLineLateFindsTheOctetThatHasArrived) {
  covers({"MUST-30", "RFC 6093 §3.2"});
  TcpScript t{established()};
  // An application that has just accepted could not say so earlier.
  t.peer_sends(fin(1, 1).with_urgent(1)).expect(ack(3)).expect_events(kBoth);
  t.connection().set_urgent_inline(t.resources(), false);
  t.drain();
  t.expect_events(Events::kUrgent | Events::kPeerFinished).expect_urgent(1);
  EXPECT_TRUE(t.connection().readable() == fail(Error::EndOfStream));
}

TEST_P(Urgent, OutOfLineOctetBeforeTheFinDoesNotHideIt) {
  covers({"MUST-12", "RFC 6093 §3.2"});
  TcpScript t{established()};
  set_out_of_line(t);
  t.peer_sends(fin(1, 5).with_urgent(5)).expect(ack(7)).expect_events(kBoth).app_reads(4);
  t.expect_events(Events::kPeerFinished).expect_urgent(5);
  EXPECT_TRUE(t.connection().readable() == fail(Error::EndOfStream));
}

TEST_P(Urgent, RandomPointersNeverDisturbTheStream) {
  covers({"MUST-30", "RFC 6093 §6"});
  base::Random random = base::Random::from_seed(GetParam().iss);
  TcpScript t{established()};
  std::uint32_t sent = 1;
  for (unsigned i = 0; i < 1'000; ++i) {
    const std::uint32_t bytes = 1 + random.below(999);
    t.peer_sends(data(sent, bytes).with_urgent(static_cast<std::uint16_t>(random.below(65'536))));
    static_cast<void>(t.take_output());
    sent += bytes;
    const std::uint32_t left = t.connection().urgent_left();
    t.app_reads(bytes);
    ASSERT_EQ(t.connection().urgent_left(), left > bytes ? left - bytes : 0);
    static_cast<void>(t.take_output());
  }
}

TEST_P(Urgent, RandomPointersOutOfLineLoseNothingButUrgentOctets) {
  covers({"MUST-30", "RFC 6093 §3.2"});
  base::Random random = base::Random::from_seed(GetParam().iss);
  TcpScript t{established()};
  set_out_of_line(t);
  std::uint32_t sent = 1;
  std::uint32_t read = 0;
  for (unsigned i = 0; i < 1'000; ++i) {
    const std::uint32_t bytes = 1 + random.below(50);
    t.peer_sends(data(sent, bytes).with_urgent(static_cast<std::uint16_t>(random.below(100))));
    sent += bytes;
    static_cast<void>(t.take_output());
    while (const auto readable = t.connection().readable()) {
      const auto part = static_cast<std::uint32_t>(*readable);
      t.connection().consume(t.resources(), part);
      read += part;
    }
    t.drain();
    static_cast<void>(t.take_output());
    ASSERT_LE(sent - 1 - read, i + 1);
  }
  EXPECT_GT(sent - 1 - read, 100U);
}

}  // namespace

}  // namespace millrace::test
