// How large segments are: RFC 9293 §3.7.1, RFC 6691.
#include <array>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;

class Mss : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, Mss, testing::ValuesIn(kEveryStart), name_of);

TEST_P(Mss, EachSynSaysWhatThePathTakesWithoutOptions) {
  covers({"MUST-14", "MUST-67", "SHLD-5", "SHLD-6", "MAY-3", "RFC 6691 §2"});
  for (const std::uint16_t limit : std::to_array<std::uint16_t>({536, 1'000, 1'460, 8'960})) {
    TcpScript active{closed().mss(limit).timestamps().selective_acks()};
    active.open_active(180s).expect(syn().with_mss(limit));
    active.at(1s).expect(syn().with_mss(limit));
    TcpScript passive{closed().mss(limit).timestamps().selective_acks()};
    passive.open_passive(syn().with_mss(700)).expect(syn_ack().with_mss(limit));
    passive.at(1s).expect(syn_ack().with_mss(limit));
  }
}

TEST_P(Mss, NoOtherSegmentSaysIt) {
  covers({"MUST-65"});  // The script checks it of each.
  TcpScript t{established().timestamps().selective_acks()};
  t.app_sends(100).expect(data(1, 100).with_mss_absent());
  t.peer_sends(data(501, 10)).expect(ack(1).with_mss_absent());
  t.app_aborts().expect(rst_ack(101, 1).with_mss_absent());
}

TEST_P(Mss, OptionOutsideOfASynChangesNothing) {
  covers({"MUST-5", "MUST-65"});
  TcpScript t{established()};
  t.peer_sends(ack(1).with_mss(100)).app_sends(1'000).expect(data(1, 1'000));
}

TEST_P(Mss, TimestampsComeOffWhatASegmentCarries) {
  covers({"MUST-16", "RFC 6691 §2"});
  TcpScript t{established().mss(1'460).timestamps()};
  EXPECT_EQ(t.connection().mss(), 1'448U);
  t.app_sends(3'000).expect(data(1, 1'448), data(1'449, 1'448), data(2'897, 104));
}

TEST_P(Mss, WithoutTimestampsNothingComesOff) {
  covers({"MUST-16"});
  TcpScript t{established().mss(1'460)};
  t.app_sends(2'920).expect(data(1, 1'460), data(1'461, 1'460));
}

TEST_P(Mss, TimestampsComeOffThePeersMssToo) {
  covers({"MUST-16", "RFC 6691 §2"});
  TcpScript t{closed().mss(1'460).timestamps()};
  t.open_passive(syn().with_mss(600)).expect(syn_ack());
  t.peer_sends(ack(1)).app_sends(1'176).expect(data(1, 588), data(589, 588));
}

TEST_P(Mss, DefaultOfAPeerThatSaysNothingLosesItsTimestampsToo) {
  covers({"MUST-15", "RFC 6691 §2"});
  TcpScript t{closed().mss(1'460).timestamps()};
  t.open_passive(syn().with_mss(0)).expect(syn_ack().with_mss(1'460));
  t.peer_sends(ack(1)).app_sends(1'048).expect(data(1, 524), data(525, 524));
}

TEST_P(Mss, PeerOverIpv6ThatSaysNothingTakes1220Bytes) {
  covers({"MUST-15"});
  for (const bool with_timestamps : {false, true}) {
    auto start = closed().mss(1'440).over_ipv6();
    if (with_timestamps) {
      start.timestamps();
    }
    TcpScript t{start};
    t.open_passive(syn().with_mss(0)).expect(syn_ack().with_mss(1'440)).peer_sends(ack(1));
    EXPECT_EQ(t.connection().mss(), with_timestamps ? 1'208U : 1'220U);
  }
}

TEST_P(Mss, AbsurdMssIsRaisedBeforeOptionsComeOff) {
  covers({"MUST-16"});
  for (const std::uint16_t absurd : std::to_array<std::uint16_t>({1, 12, 47, 48})) {
    TcpScript t{closed().timestamps()};
    t.open_passive(syn().with_mss(absurd)).expect(syn_ack());
    t.peer_sends(ack(1)).app_sends(72).expect(data(1, 36), data(37, 36));
  }
}

TEST_P(Mss, LargerMssThanThePathIsCut) {
  covers({"MUST-16"});
  for (const std::uint16_t large : std::to_array<std::uint16_t>({1'001, 9'000, 65'535})) {
    TcpScript t{closed().timestamps()};
    t.open_passive(syn().with_mss(large)).expect(syn_ack());
    t.peer_sends(ack(1)).app_sends(1'976).expect(data(1, 988), data(989, 988));
  }
}

TEST_P(Mss, InitialWindowCountsWhatSegmentsCarry) {
  covers({"RFC 6928 §2"});
  TcpScript t{established().mss(1'460).timestamps()};
  EXPECT_EQ(t.cwnd(), 14'480U);
}

TEST_P(Mss, SmallPeersEverySecondFullSegmentIsAcknowledged) {
  covers({"SHLD-19"});  // One that takes little often sends little.
  TcpScript t{closed()};
  t.open_passive(syn().with_mss(200)).expect(syn_ack()).peer_sends(ack(1));
  t.peer_sends(data(1, 200)).expect_nothing().peer_sends(data(201, 200)).expect(ack(401));
  t.app_reads(400);
}

}  // namespace

}  // namespace millrace::test
