// TcpCore: who may listen and connect, and what happens at each limit.
#include "stack/tcp_core.hpp"

#include "stack/stack_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

class TcpCoreTest : public StackHost {
 protected:
  Result<base::SlotHandle> listen(Port port, const IpAddress& address = {},
                                  std::uint32_t backlog = 511) {
    return tcp().listen({.port = port, .address = address, .backlog = backlog}, recorder);
  }
  Result<base::SlotHandle> connect(const IpAddress& address = kPeer, Port port = Port{9'000},
                                   const ConnectOptions& options = {}) {
    return tcp().connect(now, {.address = address, .port = port}, recorder, options);
  }

  Recorder recorder;
};

TEST_F(TcpCoreTest, ListensOncePerPort) {
  test::covers({"MUST-41"});
  start();
  EXPECT_TRUE(listen(Port{80}).has_value());
  EXPECT_EQ(listen(Port{80}).error(), Error::AddressInUse);
  EXPECT_EQ(listen(Port{80}, kOurs).error(), Error::AddressInUse);
  EXPECT_TRUE(listen(Port{81}).has_value());
}

TEST_F(TcpCoreTest, ListensOnEachAddressBySelf) {
  test::covers({"MUST-43"});
  start();
  EXPECT_TRUE(listen(Port{80}, kOurs).has_value());
  EXPECT_TRUE(listen(Port{80}, kOursToo).has_value());
  EXPECT_EQ(listen(Port{80}, kOurs).error(), Error::AddressInUse);
  EXPECT_EQ(listen(Port{80}).error(), Error::AddressInUse);
  EXPECT_EQ(listen(Port{80}, IpAddress::v4(0, 0, 0, 0)).error(), Error::AddressInUse);
}

TEST_F(TcpCoreTest, ASpecificListenerHearsItsAddressOnly) {
  test::covers({"MUST-43"});
  start();
  ASSERT_TRUE(listen(kServerPort, kOursToo).has_value());
  receive({.flags = kSyn});
  turn();
  EXPECT_EQ(next_flags(), kRst | kAck);
  receive({.flags = kSyn, .destination = kOursToo});
  turn();
  EXPECT_EQ(next_flags(), kSyn | kAck);
}

TEST_F(TcpCoreTest, ASynAcknowledgesNothing) {
  test::covers({"RFC 9293 §3.10.1"});
  start();
  ASSERT_TRUE(connect().has_value());
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->tcp.flags.bits(), kSyn);
  EXPECT_EQ(syn->tcp.ack, SeqNum{0}) << "as Linux leaves the field";
}

TEST_F(TcpCoreTest, ListensWhileTheSamePortIsBeingOpened) {
  test::covers({"MUST-42"});
  start();
  const ConnectOptions from_server_port{.local_address = kOurs, .local_port = kServerPort};
  ASSERT_TRUE(connect(kPeer, Port{9'000}, from_server_port).has_value());
  turn();
  EXPECT_EQ(next_flags(), kSyn);
  ASSERT_TRUE(listen(kServerPort).has_value());
  receive({.flags = kSyn, .from = 40'000});
  turn();
  EXPECT_EQ(next_flags(), kSyn | kAck);
  EXPECT_EQ(stack->usage().connections, 2U) << "the open goes on";
}

TEST_F(TcpCoreTest, RefusesListenersThatCannotBe) {
  start();
  EXPECT_EQ(listen(Port{0}).error(), Error::InvalidArgument);
  EXPECT_EQ(listen(Port{80}, kPeer).error(), Error::AddressNotAvailable);
  for (std::uint16_t port = 1; port <= 4; ++port) {
    EXPECT_TRUE(listen(Port{port}).has_value());
  }
  EXPECT_EQ(listen(Port{5}).error(), Error::OutOfListeners);
}

TEST_F(TcpCoreTest, AClosedListenersPortIsFreeAgain) {
  start();
  const auto handle = listen(kServerPort);
  tcp().close_listener(*handle);
  EXPECT_EQ(tcp().find_listener(*handle), nullptr);
  EXPECT_TRUE(listen(kServerPort).has_value());
}

TEST_F(TcpCoreTest, CloseListenerResetsWhoHasNotBeenAccepted) {
  start();
  const auto handle = listen(kServerPort);
  const Peer accepted = open(40'000);
  tcp().find_listener(*handle)->pause();
  const Peer waiting = open(40'001);
  const Peer started = half_open(40'002);
  ASSERT_EQ(tcp().find_listener(*handle)->waiting(), 1U);
  ASSERT_EQ(tcp().find_listener(*handle)->half_open(), 1U);
  tcp().close_listener(*handle);
  turn();
  std::vector<std::uint16_t> reset;
  while (const auto segment = next_tcp()) {
    EXPECT_EQ(segment->tcp.flags.bits(), kRst | kAck);
    reset.push_back(segment->tcp.destination_port);
  }
  std::ranges::sort(reset);
  EXPECT_EQ(reset, (std::vector{waiting.port, started.port}));
  // Nobody had heard of those; the accepted one goes on.
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted"}));
  receive(segment_of(accepted, kAck, "hello"));
  turn();
  EXPECT_EQ(recorder.count("readable"), 1U);
  EXPECT_EQ(stack->usage().connections, 1U);
}

TEST_F(TcpCoreTest, BacklogPlusOneWaitAsOnLinux) {
  start();
  constexpr std::uint32_t kBacklog = 2;
  const auto handle = listen(kServerPort, {}, kBacklog);
  tcp::Listener& listener = *tcp().find_listener(*handle);
  listener.pause();
  // One more handshake is begun while there is room.
  const Peer late = half_open(39'999);
  for (std::uint16_t i = 0; i <= kBacklog; ++i) {
    open(static_cast<std::uint16_t>(40'000 + i));
  }
  EXPECT_EQ(listener.waiting(), kBacklog + 1);
  EXPECT_EQ(recorder.heard.size(), 0U);
  // Its final ACK is dropped, and so are new SYNs.
  receive(segment_of(late));
  receive({.flags = kSyn, .from = 41'000});
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpAcceptQueueFull), 2U);
  EXPECT_EQ(listener.half_open(), 1U);
  // The host repeats its SYN,ACK; once there is room, the client's ACK counts.
  wait(1'500ms);
  EXPECT_EQ(next_flags(), kSyn | kAck);
  listener.resume();
  tcp().resume_listener(*handle);
  turn();
  EXPECT_EQ(recorder.count("accepted"), kBacklog + 1);
  EXPECT_EQ(listener.waiting(), 0U);
  receive(segment_of(late));
  turn();
  EXPECT_EQ(recorder.count("accepted"), kBacklog + 2);
}

TEST_F(TcpCoreTest, WhatArrivedWhileWaitingIsThereWhenAccepted) {
  start();
  const auto handle = listen(kServerPort);
  tcp().find_listener(*handle)->pause();
  Peer peer = open(40'000);
  receive(segment_of(peer, kAck, "early"));
  turn();
  EXPECT_TRUE(recorder.heard.empty());
  tcp().find_listener(*handle)->resume();
  tcp().resume_listener(*handle);
  turn();
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
}

TEST_F(TcpCoreTest, AWaitingConnectionThatIsResetIsForgotten) {
  start();
  const auto handle = listen(kServerPort);
  tcp().find_listener(*handle)->pause();
  const Peer peer = open(40'000);
  receive(segment_of(peer, kRst));
  turn();
  EXPECT_EQ(tcp().find_listener(*handle)->waiting(), 0U);
  EXPECT_TRUE(stack->is_empty());
  EXPECT_TRUE(recorder.heard.empty());
}

TEST_F(TcpCoreTest, AHalfOpenConnectionGivesUp) {
  config.tcp.syn_ack_retries = 2;
  start();
  const auto handle = listen(kServerPort);
  half_open(40'000);
  wait(60s);
  unsigned answers = 0;
  while (const auto frame = next_frame()) {
    const auto datagram = read_ipv4(*frame);
    answers += datagram && datagram->ip.protocol == wire::IpProtocol::Tcp ? 1 : 0;
  }
  EXPECT_EQ(answers, 2U);
  EXPECT_EQ(tcp().find_listener(*handle)->half_open(), 0U);
  EXPECT_TRUE(stack->is_empty());
  EXPECT_EQ(stats().tcp_failed_opens, 1U);
}

TEST_F(TcpCoreTest, TheSynQueueIsBounded) {
  config.tcp.syn_backlog = 2;
  config.tcp.syn_cookies = SynCookies::Off;
  start();
  ASSERT_TRUE(listen(kServerPort).has_value());
  const Peer first = half_open(40'000);
  half_open(40'001);
  receive({.flags = kSyn, .from = 40'002});
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpSynQueueFull), 1U);
  receive(segment_of(first));
  turn();
  half_open(40'002);
}

struct BadDestination {
  const char* name;
  Endpoint destination;
  Error error;
};

TEST_F(TcpCoreTest, RefusesDestinationsThatCannotBe) {
  test::covers({"MUST-46"});
  setup.gateway.reset();
  start();
  const Port port{80};
  const std::vector<BadDestination> cases{
      {"port zero", {kPeer, Port{}}, Error::InvalidArgument},
      {"unspecified", {IpAddress::v4(0, 0, 0, 0), port}, Error::InvalidArgument},
      {"any", {IpAddress{}, port}, Error::InvalidArgument},
      {"multicast", {IpAddress::v4(224, 0, 0, 5), port}, Error::InvalidArgument},
      {"limited broadcast", {IpAddress::v4(255, 255, 255, 255), port}, Error::InvalidArgument},
      {"directed broadcast", {kLinkBroadcast, port}, Error::InvalidArgument},
      {"no route", {IpAddress::v4(203, 0, 113, 1), port}, Error::NetworkUnreachable},
      {"IPv6", {IpAddress::parse("2001:db8::1").value(), port}, Error::NetworkUnreachable},
      {"ourselves", {kOurs, port}, Error::NetworkUnreachable},
  };
  for (const BadDestination& each : cases) {
    SCOPED_TRACE(each.name);
    EXPECT_EQ(connect(each.destination.address, each.destination.port).error(), each.error);
  }
  EXPECT_EQ(connect(kPeer, port, {.local_address = kPeer}).error(), Error::AddressNotAvailable);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpCoreTest, AFourTupleIsUsedOnce) {
  start();
  const ConnectOptions options{.local_address = kOursToo, .local_port = Port{1'234}};
  const auto handle = connect(kPeer, Port{80}, options);
  ASSERT_TRUE(handle.has_value());
  EXPECT_EQ(connect(kPeer, Port{80}, options).error(), Error::AddressInUse);
  EXPECT_TRUE(connect(kPeer, Port{81}, options).has_value());
  turn();
  const auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->ip.source, kOursToo);
  EXPECT_EQ(syn->tcp.source_port, 1'234);
}

TEST_F(TcpCoreTest, EphemeralPortsRunOut) {
  test::covers({"RFC 6056 §3.3"});
  constexpr std::uint32_t kPorts = 28'232;
  config.max_connections = kPorts + 10;
  start();
  // A listener's port is not taken.
  ASSERT_TRUE(listen(Port{40'000}).has_value());
  std::vector<bool> is_used(65'536);
  for (std::uint32_t i = 0; i < kPorts - 1; ++i) {
    const auto handle = connect();
    ASSERT_TRUE(handle.has_value()) << i;
    const Port port = tcp().find(*handle)->connection.tuple().local.port;
    ASSERT_GE(port.number(), 32'768);
    ASSERT_LT(port.number(), 61'000);
    ASSERT_FALSE(is_used[port.number()]);
    is_used[port.number()] = true;
  }
  EXPECT_FALSE(is_used[40'000]);
  EXPECT_EQ(connect().error(), Error::AddressInUse);
  // To another port of the same peer all are free.
  EXPECT_TRUE(connect(kPeer, Port{9'001}).has_value());
}

TEST_F(TcpCoreTest, ConnectionsRunOut) {
  config.max_connections = 3;
  start();
  ASSERT_TRUE(listen(kServerPort).has_value());
  ASSERT_TRUE(connect().has_value());
  ASSERT_TRUE(connect().has_value());
  flush();
  sent.clear();
  half_open(40'000);
  EXPECT_EQ(connect().error(), Error::OutOfConnections);
  receive({.flags = kSyn, .from = 40'001});
  turn();
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(dropped(DropReason::TcpOutOfConnections), 1U);
  EXPECT_EQ(stack->usage().connections, 3U);
}

TEST_F(TcpCoreTest, TheOldestInTimeWaitMakesRoom) {
  config.max_time_wait = 2;
  start();
  ASSERT_TRUE(listen(kServerPort).has_value());
  const Peer oldest = open_and_time_wait(40'000, recorder);
  now += 1s;
  open_and_time_wait(40'001, recorder);
  EXPECT_EQ(stack->usage().time_wait, 2U);
  EXPECT_EQ(stats().tcp_time_wait_recycled, 0U);
  const Peer newest = open_and_time_wait(40'002, recorder);
  EXPECT_EQ(stack->usage().time_wait, 2U);
  EXPECT_EQ(stats().tcp_time_wait_recycled, 1U);
  // The oldest is nobody's now, the newest is still known.
  receive(segment_of(oldest, kAck, "late"));
  turn();
  EXPECT_EQ(next_flags(), kRst);
  receive(segment_of(newest, kAck, "late"));
  turn();
  EXPECT_EQ(next_flags(), kAck);
}

TEST_F(TcpCoreTest, TimeWaitLastsTwiceTheSegmentLifetime) {
  test::covers({"MUST-13"});
  config.tcp.msl = 5s;
  start();
  ASSERT_TRUE(listen(kServerPort).has_value());
  open_and_time_wait(40'000, recorder);
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "closed"}));
  EXPECT_TRUE(recorder.outcomes[0].has_value());
  EXPECT_TRUE(stack->is_empty()) << "TIME-WAIT holds no control block";
  wait(9'900ms);
  EXPECT_EQ(stack->usage().time_wait, 1U);
  wait(200ms);
  EXPECT_EQ(stack->usage().time_wait, 0U);
}

TEST_F(TcpCoreTest, AnAbsentNeighborIsHostUnreachable) {
  start();
  const auto handle = connect(kAbsent);
  ASSERT_TRUE(handle.has_value());
  turn();
  wait(2'500ms);
  EXPECT_TRUE(recorder.heard.empty());
  wait(500ms);
  ASSERT_EQ(recorder.heard, (std::vector<std::string>{"closed"}));
  EXPECT_EQ(recorder.outcomes[0].error(), Error::HostUnreachable);
  EXPECT_GE(dropped(DropReason::NeighborUnresolved), 1U);
  EXPECT_TRUE(stack->is_empty());
}

TEST_F(TcpCoreTest, ASilentPeerTimesOut) {
  start();
  ASSERT_TRUE(connect(kPeer, Port{9'000}, {.timeout = 3s}).has_value());
  turn();
  EXPECT_EQ(next_flags(), kSyn);
  wait(2'900ms);
  EXPECT_EQ(next_flags(), kSyn) << "sent again after a second";
  EXPECT_TRUE(recorder.heard.empty());
  wait(200ms);
  ASSERT_EQ(recorder.heard, (std::vector<std::string>{"closed"}));
  EXPECT_EQ(recorder.outcomes[0].error(), Error::TimedOut);
}

TEST_F(TcpCoreTest, InitialSequenceNumbersDifferByTuple) {
  test::covers({"MUST-9"});
  start();
  ASSERT_TRUE(connect(kPeer, Port{1}).has_value());
  ASSERT_TRUE(connect(kPeer, Port{2}).has_value());
  turn();
  const auto first = next_tcp();
  const auto second = next_tcp();
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->tcp.seq, second->tcp.seq);
}

}  // namespace
}  // namespace millrace::stack
