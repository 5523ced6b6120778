// What each ICMP error means to a connection: RFC 9293 §3.9.2.2, RFC 1122 §3.2.2.1.
#include "tcp/icmp_verdict.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;
using wire::IcmpType;

struct Case {
  IcmpType type;
  std::uint8_t code;
  Error error;
  Severity severity;
};

TEST(IcmpVerdict, EveryErrorHasItsMeaning) {
  covers({"MUST-54", "MUST-56", "RFC 1122 §3.2.2.1"});
  constexpr auto kUnreachable = IcmpType::DestinationUnreachable;
  constexpr Case kCases[] = {
      {kUnreachable, 0, Error::NetworkUnreachable, Severity::Soft},
      {kUnreachable, 1, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 2, Error::ConnectionRefused, Severity::Hard},
      {kUnreachable, 3, Error::ConnectionRefused, Severity::Hard},
      {kUnreachable, 5, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 6, Error::NetworkUnreachable, Severity::Soft},
      {kUnreachable, 7, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 8, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 9, Error::NetworkUnreachable, Severity::Soft},
      {kUnreachable, 10, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 11, Error::NetworkUnreachable, Severity::Soft},
      {kUnreachable, 12, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 13, Error::HostUnreachable, Severity::Soft},
      {kUnreachable, 255, Error::HostUnreachable, Severity::Soft},
      {IcmpType::TimeExceeded, 0, Error::HostUnreachable, Severity::Soft},
      {IcmpType::TimeExceeded, 1, Error::HostUnreachable, Severity::Soft},
      {IcmpType::ParameterProblem, 0, Error::HostUnreachable, Severity::Soft},
  };
  for (const Case& each : kCases) {
    SCOPED_TRACE(testing::Message() << static_cast<unsigned>(each.type) << '/' << +each.code);
    const auto verdict = judge_icmp(each.type, each.code);
    ASSERT_TRUE(verdict.has_value());
    EXPECT_EQ(verdict->error, each.error);
    EXPECT_EQ(verdict->severity, each.severity);
  }
}

TEST(IcmpVerdict, SizesAndOtherMessagesAreNoErrors) {
  covers({"MUST-55"});
  EXPECT_FALSE(judge_icmp(IcmpType::DestinationUnreachable, kFragmentationNeeded).has_value());
  for (const IcmpType type :
       {IcmpType::SourceQuench, IcmpType::Redirect, IcmpType::EchoRequest, IcmpType::EchoReply}) {
    EXPECT_FALSE(judge_icmp(type, 0).has_value());
  }
}

}  // namespace

}  // namespace millrace::tcp
