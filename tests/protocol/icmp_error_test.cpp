// ICMP errors about a connection's segments: RFC 9293 §3.9.2.2, RFC 5927, RFC 1122 §4.2.3.9. That
// an error is about something in flight has been seen to before:
// tests/unit/stack/tcp_icmp_test.cpp.
#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "support/tcp_script.hpp"

namespace millrace::test {

namespace {

using namespace std::chrono_literals;
using tcp::Events;
using wire::IcmpType;

constexpr auto kUnreachable = IcmpType::DestinationUnreachable;

struct Message {
  IcmpType type;
  std::uint8_t code;
  Error error;
};

constexpr Message kSoft[] = {
    {kUnreachable, 0, Error::NetworkUnreachable},
    {kUnreachable, 1, Error::HostUnreachable},
    {kUnreachable, 5, Error::HostUnreachable},
    {kUnreachable, 13, Error::HostUnreachable},
    {IcmpType::TimeExceeded, 0, Error::HostUnreachable},
    {IcmpType::TimeExceeded, 1, Error::HostUnreachable},
    {IcmpType::ParameterProblem, 0, Error::HostUnreachable},
};
constexpr Message kHard[] = {
    {kUnreachable, 2, Error::ConnectionRefused},
    {kUnreachable, 3, Error::ConnectionRefused},
};

class IcmpError : public NumbersTest {};
INSTANTIATE_TEST_SUITE_P(From, IcmpError, testing::ValuesIn(kEveryStart), name_of);

TEST_P(IcmpError, SoftOnesDoNotEndAnEstablishedConnection) {
  covers({"MUST-54", "MUST-56", "SHLD-25"});
  for (const Message& each : kSoft) {
    SCOPED_TRACE(testing::Message() << static_cast<unsigned>(each.type) << '/' << +each.code);
    TcpScript t{established()};
    t.app_sends(1'000).expect(data(1, 1'000));
    t.router_says(each.type, each.code).expect_nothing().expect_state(TcpState::Established);
    EXPECT_EQ(t.connection().reason_for_timeout(), each.error);
    EXPECT_EQ(t.stats().tcp_path_errors, 1U);
    t.at(100ms).peer_sends(ack(1'001)).expect_nothing().expect_silence_for_ever();
    EXPECT_EQ(t.connection().reason_for_timeout(), Error::TimedOut) << "something got through";
  }
}

TEST_P(IcmpError, HardOnesDoNotEndAnEstablishedConnectionEither) {
  covers({"SHLD-26", "RFC 5927 §5.2"});
  for (const Message& each : kHard) {
    TcpScript t{established()};
    t.app_sends(1'000).expect(data(1, 1'000));
    t.router_says(each.type, each.code).expect_nothing().expect_state(TcpState::Established);
    EXPECT_EQ(t.connection().reason_for_timeout(), each.error);
    t.at(300ms).expect(data(1, 1'000));
    t.at(400ms).peer_sends(ack(1'001)).expect_nothing().expect_silence_for_ever();
  }
}

TEST_P(IcmpError, NoneEndsAConnectionThatCloses) {
  covers({"MUST-56", "RFC 5927 §5.2"});
  for (const Message& each : {kSoft[1], kHard[1]}) {
    TcpScript fin_wait{established()};
    fin_wait.app_shuts_down().expect(fin(1)).router_says(each.type, each.code);
    fin_wait.expect_state(TcpState::FinWait1).peer_sends(ack(2)).expect_nothing();
    TcpScript last_ack{established()};
    last_ack.peer_sends(fin(1)).expect(ack(2)).app_closes().expect(fin(1));
    last_ack.router_says(each.type, each.code).expect_state(TcpState::LastAck);
    last_ack.peer_sends(ack(2)).expect_nothing().expect_outcome({});
    TcpScript closing{established()};
    closing.app_shuts_down().expect(fin(1)).peer_sends(fin(1).acks(1)).expect(ack(2));
    closing.router_says(each.type, each.code).expect_state(TcpState::Closing);
    TcpScript close_wait{established()};
    close_wait.peer_sends(fin(1)).expect(ack(2)).app_sends(10).expect(data(1, 10));
    close_wait.router_says(each.type, each.code).expect_state(TcpState::CloseWait);
  }
}

TEST_P(IcmpError, HardOnesEndAnOpen) {
  covers({"MUST-54", "SHLD-26"});
  for (const Message& each : kHard) {
    TcpScript t{closed()};
    t.open_active(180s).expect(syn()).router_says(each.type, each.code);
    t.expect_nothing().expect_state(TcpState::Closed).expect_outcome(fail(each.error));
    t.expect_events(Events::kClosed).expect_silence_for_ever();
    EXPECT_EQ(t.stats().tcp_failed_opens, 1U);
  }
}

TEST_P(IcmpError, HardOnesEndAnAcceptance) {
  covers({"MUST-54", "SHLD-26"});
  for (const Message& each : kHard) {
    TcpScript t{closed()};
    t.open_passive(syn()).expect(syn_ack()).router_says(each.type, each.code);
    t.expect_nothing().expect_state(TcpState::Closed).expect_outcome(fail(each.error));
    t.expect_silence_for_ever();
  }
}

TEST_P(IcmpError, HardOnesEndASimultaneousOpen) {
  covers({"SHLD-26"});
  TcpScript t{closed()};
  t.open_active(180s).expect(syn()).peer_sends(syn()).expect(syn_ack());
  t.router_says(kUnreachable, 3).expect_nothing().expect_outcome(fail(Error::ConnectionRefused));
}

TEST_P(IcmpError, SoftOnesDoNotEndAnOpen) {
  covers({"MUST-56"});
  for (const Message& each : kSoft) {
    SCOPED_TRACE(testing::Message() << static_cast<unsigned>(each.type) << '/' << +each.code);
    TcpScript t{closed()};
    t.open_active(180s).expect(syn()).router_says(each.type, each.code);
    t.expect_nothing().expect_state(TcpState::SynSent).at(1s).expect(syn());
    EXPECT_EQ(t.connection().reason_for_timeout(), each.error);
    t.peer_sends(syn_ack()).expect(ack(1)).expect_state(TcpState::Established);
    EXPECT_EQ(t.connection().reason_for_timeout(), Error::TimedOut);
  }
}

TEST_P(IcmpError, SoftOnesDoNotEndAnAcceptance) {
  covers({"MUST-56"});
  for (const Message& each : kSoft) {
    TcpScript t{closed()};
    t.open_passive(syn()).expect(syn_ack()).router_says(each.type, each.code);
    t.expect_state(TcpState::SynReceived).at(1s).expect(syn_ack());
    t.peer_sends(ack(1)).expect_nothing().expect_state(TcpState::Established);
  }
}

TEST_P(IcmpError, TheLastOneIsWhyAnOpenTimesOut) {
  covers({"SHLD-25", "RFC 1122 §4.2.3.9"});
  TcpScript t{closed()};
  t.open_active(2s).expect(syn()).router_says(kUnreachable, 1).router_says(kUnreachable, 0);
  t.at(1s).expect(syn()).at(2s).expect_nothing();
  t.expect_outcome(fail(Error::NetworkUnreachable));
  t.expect_events(Events::kClosed | Events::kSoftError);
}

TEST_P(IcmpError, WithoutOneAnOpenJustTimesOut) {
  TcpScript t{closed()};
  t.open_active(2s).expect(syn()).at(1s).expect(syn()).at(2s);
  t.expect_nothing().expect_outcome(fail(Error::TimedOut));
}

TEST_P(IcmpError, TheLastOneIsWhyAnAcceptanceTimesOut) {
  covers({"RFC 1122 §4.2.3.9"});
  auto start = closed();
  start.config.syn_ack_retries = 1;
  TcpScript t{start};
  t.open_passive(syn()).expect(syn_ack()).router_says(kUnreachable, 1);
  t.at(1s).expect(syn_ack()).at(3s).expect_nothing();
  t.expect_outcome(fail(Error::HostUnreachable));
}

TEST_P(IcmpError, TheLastOneIsWhyAConnectionTimesOut) {
  covers({"SHLD-25", "RFC 1122 §4.2.3.9"});
  for (const Message& each : {kSoft[0], kSoft[4], kHard[1]}) {
    TcpScript t{established()};
    t.connection().set_user_timeout(500ms);
    t.app_sends(1'000).expect(data(1, 1'000)).router_says(each.type, each.code);
    t.at(300ms).expect(data(1, 1'000)).at(500ms).expect(rst_ack(1'001, 1));
    t.expect_outcome(fail(each.error));
  }
}

TEST_P(IcmpError, OneThatProgressHasRefutedIsNot) {
  covers({"RFC 1122 §4.2.3.9"});
  TcpScript t{established()};
  t.connection().set_user_timeout(500ms);
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000)).router_says(kUnreachable, 0);
  t.at(100ms).peer_sends(ack(1'001)).expect_nothing();
  while (*t.deadline() < 600ms) {
    t.at(*t.deadline()).expect(data(1'001, 1'000));
  }
  t.at(600ms).expect(rst_ack(2'001, 1)).expect_outcome(fail(Error::TimedOut));
}

TEST_P(IcmpError, ADuplicateAckRefutesNothing) {
  covers({"RFC 1122 §4.2.3.9"});
  TcpScript t{established()};
  t.app_sends(2'000).expect(data(1, 1'000), data(1'001, 1'000)).router_says(kUnreachable, 0);
  t.peer_sends(ack(1)).expect_nothing();
  EXPECT_EQ(t.connection().reason_for_timeout(), Error::NetworkUnreachable);
}

TEST_P(IcmpError, ItChangesNeitherWindowNorTimer) {
  covers({"MUST-56", "RFC 5927 §6"});
  TcpScript t{established()};
  t.app_sends(3'000).expect(data(1, 1'000), data(1'001, 1'000), data(2'001, 1'000));
  const auto deadline = t.deadline();
  const std::uint32_t cwnd = t.cwnd();
  for (const Message& each : kSoft) {
    t.router_says(each.type, each.code).expect_nothing();
  }
  EXPECT_EQ(t.deadline(), deadline);
  EXPECT_EQ(t.cwnd(), cwnd);
  EXPECT_EQ(t.rto(), 300ms);
}

}  // namespace

}  // namespace millrace::test
