// What connections ask of IP and tell their handlers: class of service, hop limit, the next hop
// anew, trouble that may pass, urgent data.
#include <array>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class TcpServiceTest : public StackHost {
 protected:
  void start_listening() {
    start();
    ASSERT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }
  TcpSocket accepted() { return recorder.sockets.back(); }
  /// ARP requests among what was sent; all is taken out.
  unsigned count_arp_requests() {
    unsigned count = 0;
    while (const auto frame = next_frame()) {
      const auto ethernet = wire::parse_ethernet(*frame);
      count += ethernet && ethernet->type == wire::EtherType::Arp ? 1 : 0;
    }
    return count;
  }

  Recorder recorder;
};

TEST_F(TcpServiceTest, DscpIsHandedToIpUnchanged) {
  covers({"MUST-48", "SHLD-22", "RFC 9293 §3.9.1.9"});
  start_listening();
  open(40'000);
  TcpSocket socket = accepted();
  ASSERT_TRUE(socket.send("a").has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.traffic_class, 0);
  for (const std::uint8_t dscp : std::array<std::uint8_t, 3>{46, 63, 0}) {
    ASSERT_TRUE(socket.set_no_delay(true).has_value());
    ASSERT_TRUE(socket.set_dscp(dscp).has_value());
    ASSERT_TRUE(socket.send("b").has_value());
    turn();
    EXPECT_EQ(next_tcp()->ip.traffic_class >> 2, dscp);
  }
}

TEST_F(TcpServiceTest, DscpIsPartOfAcksRetransmissionsAndResets) {
  covers({"MUST-48", "SHLD-21", "RFC 9293 §3.9.1.9"});
  start_listening();
  const Peer peer = open(40'000);
  TcpSocket socket = accepted();
  ASSERT_TRUE(socket.set_dscp(10).has_value());
  ASSERT_TRUE(socket.send("a").has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.traffic_class >> 2, 10);
  ASSERT_TRUE(socket.set_dscp(12).has_value());
  wait(2s);
  EXPECT_EQ(next_tcp()->ip.traffic_class >> 2, 12) << "as it is now, not as it was then";
  sent.clear();
  receive(segment_of(peer, kAck, "hello"));
  turn();
  wait(100ms);
  EXPECT_EQ(next_tcp()->ip.traffic_class >> 2, 12);
  sent.clear();
  ASSERT_TRUE(socket.abort().has_value());
  turn();
  const auto reset = next_tcp();
  EXPECT_TRUE(reset->tcp.flags.rst());
  EXPECT_EQ(reset->ip.traffic_class >> 2, 12);
}

TEST_F(TcpServiceTest, DscpOutlivesTheConnectionInTimeWait) {
  covers({"MUST-48", "RFC 9293 §3.9.1.9"});
  start_listening();
  Peer peer = open(40'000);
  ASSERT_TRUE(accepted().set_dscp(46).has_value());
  ASSERT_TRUE(accepted().close().has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.traffic_class >> 2, 46);
  peer.ack += 1;
  for (int i = 0; i < 2; ++i) {
    receive(segment_of(peer, kFin | kAck));
    turn();
    const auto answer = next_tcp();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->ip.traffic_class, 46 << 2);
    EXPECT_EQ(stack->usage().time_wait, 1U);
  }
}

TEST_F(TcpServiceTest, DscpHasSixBits) {
  covers({"MUST-48"});
  start_listening();
  open(40'000);
  EXPECT_EQ(accepted().set_dscp(64).error(), Error::InvalidArgument);
  EXPECT_TRUE(accepted().set_dscp(63).has_value());
}

TEST_F(TcpServiceTest, SynCarriesWhatWasSetRightAfterTheOpen) {
  covers({"MUST-48", "MUST-49"});
  start();
  const auto handle = tcp().connect(now, {.address = kPeer, .port = Port{9}}, recorder, {});
  ASSERT_TRUE(handle.has_value());
  ASSERT_TRUE(socket_of(*handle).set_dscp(8).has_value());
  ASSERT_TRUE(socket_of(*handle).set_hop_limit(3).has_value());
  turn();
  const auto syn = next_tcp();
  EXPECT_TRUE(syn->tcp.flags.syn());
  EXPECT_EQ(syn->ip.traffic_class >> 2, 8);
  EXPECT_EQ(syn->ip.ttl, 3);
}

TEST_F(TcpServiceTest, HopLimitIsConfiguredAndCanBeSet) {
  covers({"MUST-49", "RFC 9293 §3.9.2"});
  config.tcp.hop_limit = 17;
  start_listening();
  receive({.flags = kAck, .seq = SeqNum{5}, .ack = SeqNum{6}, .to = 81});
  turn();
  EXPECT_EQ(next_tcp()->ip.ttl, 17) << "a reset that belongs to no connection";
  open(40'000);
  TcpSocket socket = accepted();
  ASSERT_TRUE(socket.send("a").has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.ttl, 17);
  EXPECT_EQ(socket.set_hop_limit(0).error(), Error::InvalidArgument);
  ASSERT_TRUE(socket.set_hop_limit(255).has_value());
  ASSERT_TRUE(socket.abort().has_value());
  turn();
  EXPECT_EQ(next_tcp()->ip.ttl, 255);
}

TEST_F(TcpServiceTest, R1AsksTheNextHopAnewAndTellsTheApplication) {
  covers({"MUST-20", "SHLD-9", "MUST-47", "RFC 9293 §3.8.3"});
  start_listening();
  open(40'000);
  ASSERT_TRUE(accepted().send("anybody there?").has_value());
  turn();
  // Sent again after 0.2, 0.6 and 1.4 s; in the fourth timeout it is R1.
  wait(2s);
  EXPECT_EQ(count_arp_requests(), 0U);
  EXPECT_TRUE(recorder.soft_errors.empty());
  wait(1'200ms);
  EXPECT_EQ(count_arp_requests(), 1U);
  EXPECT_EQ(recorder.soft_errors, std::vector{Error::TimedOut});
  EXPECT_EQ(accepted().state(), TcpState::Established);
}

TEST_F(TcpServiceTest, SoftErrorsAreToldUnlessDeclined) {
  covers({"MUST-47", "SHLD-20", "RFC 9293 §3.9.1.8"});
  start_listening();
  open(40'000);
  const TcpSocket socket = accepted();
  const auto trouble = [&] {
    ConnectionSlot* const slot =
        tcp().find({.index = socket.index(), .generation = socket.generation()});
    slot->connection.report_soft_error(tcp().resources(), Error::HostUnreachable);
    tcp().settle(*slot);
    turn();
  };
  trouble();
  EXPECT_EQ(recorder.soft_errors, std::vector{Error::HostUnreachable});
  ASSERT_TRUE(socket.set_soft_errors(false).has_value());
  trouble();
  EXPECT_EQ(recorder.soft_errors.size(), 1U);
  ASSERT_TRUE(socket.set_soft_errors(true).has_value());
  trouble();
  EXPECT_EQ(recorder.soft_errors.size(), 2U);
  EXPECT_EQ(stats().tcp_soft_errors, 2U);
}

TEST_F(TcpServiceTest, UrgentPointerReachesTheWire) {
  covers({"MUST-30", "MUST-62"});
  start_listening();
  open(40'000);
  ASSERT_TRUE(accepted().send_urgent(bytes_of_text("now")).has_value());
  turn();
  const auto segment = next_tcp();
  EXPECT_TRUE(segment->tcp.flags.urg());
  EXPECT_EQ(segment->tcp.urgent_pointer, 3);
}

TEST_F(TcpServiceTest, KeepaliveRunsOnTheCoresTimers) {
  covers({"MUST-24", "SHLD-12"});
  start_listening();
  const Peer peer = open(40'000);
  ASSERT_TRUE(accepted().set_keepalive(KeepaliveOptions{.idle = 5s, .interval = 1s, .count = 2}));
  turn();
  wait(4'900ms);
  EXPECT_TRUE(sent.empty());
  wait(200ms);
  const auto probe = next_tcp();
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->tcp.seq, peer.ack - 1);
  EXPECT_TRUE(probe->payload.empty());
  wait(3s);
  EXPECT_EQ(recorder.count("closed"), 1U);
  EXPECT_EQ(recorder.outcomes.back().error(), Error::TimedOut);
}

TEST_F(TcpServiceTest, UserTimeoutOptionReachesTheWire) {
  covers({"RFC 5482 §2"});
  start_listening();
  open(40'000);
  ASSERT_TRUE(accepted().advertise_user_timeout(300s).has_value());
  turn();
  EXPECT_EQ(next_tcp()->options.user_timeout, wire::UserTimeoutOption{300});
}

}  // namespace
}  // namespace millrace::stack
