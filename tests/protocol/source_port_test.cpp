// Source ports of opens that name none, and four-tuples taken out of TIME-WAIT: RFC 6056, RFC 6191.
#include <set>

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

using test::covers;

class SourcePort : public StackHost {
 protected:
  Result<base::SlotHandle> connect(Port to = Port{9'000}, const ConnectOptions& options = {}) {
    return tcp().connect(now, {.address = kPeer, .port = to}, recorder, options);
  }
  void set_range(std::uint16_t first, std::uint16_t last) {
    config.tcp.local_port_first = first;
    config.tcp.local_port_last = last;
  }
  Port port_of(const Result<base::SlotHandle>& handle) {
    return tcp().find(handle.value())->connection.tuple().local.port;
  }
  /// Takes the SYN of an open and answers it.
  Peer answer(SeqNum iss) {
    turn();
    const auto syn = next_tcp();
    EXPECT_TRUE(syn && syn->tcp.flags.bits() == kSyn);
    const Peer peer{
        .port = 9'000, .our_port = syn->tcp.source_port, .seq = iss + 1, .ack = syn->tcp.seq + 1};
    PeerSegment segment = segment_of(peer, kSyn | kAck);
    segment.seq = iss;
    receive(segment);
    turn();
    return peer;
  }
  /// Opens and closes: what is left is in TIME-WAIT on our side. Returns where the peer stood.
  Peer connect_and_time_wait(const ConnectOptions& options = {}, SeqNum iss = SeqNum{5'000}) {
    const auto handle = connect(Port{9'000}, options);
    EXPECT_TRUE(handle.has_value());
    Peer peer = answer(iss);
    EXPECT_EQ(next_flags(), kAck);
    EXPECT_TRUE(socket_of(*handle).close().has_value());
    turn();
    EXPECT_EQ(next_flags(), kFin | kAck);
    peer.ack += 1;
    receive(segment_of(peer, kFin | kAck));
    peer.seq += 1;
    turn();
    EXPECT_EQ(next_flags(), kAck);
    EXPECT_EQ(stack->usage().time_wait, 1U);
    return peer;
  }

  Recorder recorder;
};

TEST_F(SourcePort, LiesInTheConfiguredRange) {
  covers({"RFC 6056 §3.2"});
  set_range(50'000, 50'009);
  start();
  std::set<std::uint16_t> ports;
  for (unsigned i = 0; i < 10; ++i) {
    ports.insert(port_of(connect()).number());
  }
  EXPECT_EQ(ports.size(), 10U);
  EXPECT_EQ(*ports.begin(), 50'000);
  EXPECT_EQ(*ports.rbegin(), 50'009);
}

TEST_F(SourcePort, RunningOutIsAnError) {
  covers({"RFC 6056 §3.3"});
  set_range(50'000, 50'001);
  start();
  ASSERT_TRUE(connect().has_value());
  ASSERT_TRUE(connect().has_value());
  EXPECT_EQ(connect().error(), Error::AddressInUse);
  EXPECT_EQ(stack->usage().connections, 2U);
  // Another destination has all of them.
  EXPECT_TRUE(connect(Port{9'001}).has_value());
  EXPECT_TRUE(connect(Port{9'001}).has_value());
}

TEST_F(SourcePort, IsNotAListeners) {
  covers({"RFC 6056 §3.3"});
  set_range(50'000, 50'001);
  start();
  ASSERT_TRUE(tcp().listen({.port = Port{50'000}}, recorder).has_value());
  EXPECT_EQ(port_of(connect()), Port{50'001});
  EXPECT_EQ(connect().error(), Error::AddressInUse);
}

TEST_F(SourcePort, DiffersFromHostToHostAndStartToStart) {
  covers({"RFC 6056 §3.3.4"});
  std::set<std::uint16_t> firsts;
  start();
  for (std::uint16_t port = 1; port <= 40; ++port) {
    firsts.insert(port_of(connect(Port{port})).number());
  }
  EXPECT_GT(firsts.size(), 38U);
}

TEST_F(SourcePort, OfAFailedOpenIsFreeAtOnce) {
  set_range(50'000, 50'000);
  start();
  const auto handle = connect();
  ASSERT_TRUE(socket_of(*handle).abort().has_value());
  turn();
  sent.clear();
  EXPECT_TRUE(connect().has_value());
}

TEST_F(SourcePort, InTimeWaitIsTakenWhenASecondHasPassed) {
  covers({"RFC 6191 §2", "MAY-2"});
  set_range(50'000, 50'000);
  start();
  const Peer old = connect_and_time_wait();
  now += 999ms;
  EXPECT_EQ(connect().error(), Error::AddressInUse);
  now += 1ms;
  ASSERT_TRUE(connect().has_value());
  EXPECT_EQ(stack->usage().time_wait, 0U);
  EXPECT_EQ(stats().tcp_time_wait_reused, 1U);
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->tcp.source_port, 50'000);
  EXPECT_TRUE(syn->tcp.seq.is_after(old.ack)) << "beyond all that the old one has sent";
}

TEST_F(SourcePort, AskedForInTimeWaitIsGivenWhenASecondHasPassed) {
  covers({"RFC 6191 §2", "MAY-2"});
  start();
  const ConnectOptions options{.local_port = Port{5'555}};
  connect_and_time_wait(options);
  EXPECT_EQ(connect(Port{9'000}, options).error(), Error::AddressInUse);
  now += 1s;
  EXPECT_EQ(port_of(connect(Port{9'000}, options)), Port{5'555});
}

TEST_F(SourcePort, AFreeOneIsPreferredToOneInTimeWait) {
  covers({"RFC 6191 §2"});
  set_range(50'000, 50'001);
  start();
  const Peer old = connect_and_time_wait();
  now += 2s;
  EXPECT_NE(port_of(connect()).number(), old.our_port);
  EXPECT_EQ(stack->usage().time_wait, 1U);
  EXPECT_EQ(port_of(connect()).number(), old.our_port);
  EXPECT_EQ(stack->usage().time_wait, 0U);
}

TEST_F(SourcePort, StaysInTimeWaitWhereThatIsAskedFor) {
  covers({"MUST-13"});
  config.tcp.reuse_time_wait = false;
  set_range(50'000, 50'000);
  start();
  connect_and_time_wait();
  wait(59s);
  EXPECT_EQ(connect().error(), Error::AddressInUse);
  wait(2s);
  EXPECT_TRUE(connect().has_value());
}

TEST_F(SourcePort, ARepeatedFinStartsTheSecondAnew) {
  covers({"RFC 6191 §2"});
  set_range(50'000, 50'000);
  start();
  Peer peer = connect_and_time_wait();
  now += 900ms;
  peer.seq = peer.seq - 1;
  receive(segment_of(peer, kFin | kAck));
  turn();
  EXPECT_EQ(next_flags(), kAck);
  now += 900ms;
  EXPECT_EQ(connect().error(), Error::AddressInUse) << "the peer has not heard of the end yet";
  now += 100ms;
  EXPECT_TRUE(connect().has_value());
}

TEST_F(SourcePort, APeerWithNewNumbersIsConnectedTo) {
  covers({"RFC 6191 §2"});
  set_range(50'000, 50'000);
  start();
  const Peer old = connect_and_time_wait();
  now += 1s;
  ASSERT_TRUE(connect().has_value());
  answer(old.seq + 1);
  EXPECT_EQ(next_flags(), kAck);
  EXPECT_EQ(recorder.count("connected"), 2U);
}

TEST_F(SourcePort, APeerWithOldNumbersIsRefused) {
  covers({"RFC 6191 §2"});
  set_range(50'000, 50'000);
  start();
  const Peer old = connect_and_time_wait();
  now += 1s;
  ASSERT_TRUE(connect().has_value());
  answer(old.seq - 100);
  EXPECT_EQ(next_flags(), kRst);
  EXPECT_EQ(recorder.count("connected"), 1U);
  EXPECT_EQ(recorder.outcomes.back().error(), Error::AddressInUse);
  EXPECT_EQ(dropped(DropReason::TcpTimeWait), 1U);
}

TEST_F(SourcePort, WithoutAConnectionToSpareTimeWaitIsKept) {
  config.max_connections = 1;
  set_range(50'000, 50'000);
  start();
  connect_and_time_wait();
  now += 1s;
  ASSERT_TRUE(connect(Port{9'001}).has_value());
  EXPECT_EQ(connect().error(), Error::OutOfConnections);
  EXPECT_EQ(stack->usage().time_wait, 1U);
}

TEST_F(SourcePort, ARefusedOpenKeepsNothing) {
  covers({"RFC 6056 §3.3"});
  set_range(50'000, 50'000);
  start();
  for (unsigned i = 0; i < 5; ++i) {
    ASSERT_TRUE(connect().has_value());
    turn();
    const auto syn = next_tcp();
    ASSERT_TRUE(syn.has_value());
    receive(
        {.flags = kRst | kAck, .ack = syn->tcp.seq + 1, .from = 9'000, .to = syn->tcp.source_port});
    turn();
    EXPECT_TRUE(stack->is_empty());
  }
}

}  // namespace
}  // namespace millrace::stack
