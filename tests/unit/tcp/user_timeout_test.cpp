// UserTimeout: who decides how long to wait, and what is said of it (RFC 5482).
#include "tcp/user_timeout.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {
namespace {

using namespace std::chrono_literals;
using test::covers;
using wire::UserTimeoutOption;

UserTimeoutOption seconds_option(std::uint16_t seconds) { return UserTimeoutOption{seconds}; }

class UserTimeoutTest : public ::testing::Test {
 protected:
  UserTimeoutTest() { timeout.start(100s); }

  TcpConfig config;
  UserTimeout timeout;
};

TEST_F(UserTimeoutTest, StartsWithTheHosts) {
  EXPECT_EQ(timeout.limit(), 100s);
  EXPECT_EQ(timeout.chosen(), std::nullopt);
  EXPECT_EQ(timeout.option_due(), std::nullopt);
  EXPECT_EQ(timeout.option_for_syn(), std::nullopt);
}

TEST_F(UserTimeoutTest, HeedsNobodyUnlessItAdvertises) {
  covers({"RFC 5482 §3.1"});
  timeout.on_option(seconds_option(500), config);
  EXPECT_EQ(timeout.limit(), 100s);
  timeout.say_again();
  EXPECT_EQ(timeout.option_due(), std::nullopt);
}

TEST_F(UserTimeoutTest, TakesTheLongerOfBothWithinLimits) {
  covers({"RFC 5482 §3.1"});
  struct Case {
    Duration ours;
    std::uint16_t theirs;
    Duration expected;
  };
  for (const Case& each : {Case{200s, 0, 200s}, Case{200s, 300, 300s}, Case{300s, 200, 300s},
                           Case{1s, 2, 100s}, Case{1s, 30'000, 3'600s}, Case{9h, 1, 3'600s}}) {
    UserTimeout fresh;
    fresh.start(100s);
    fresh.advertise(each.ours, config);
    fresh.on_option(seconds_option(each.theirs), config);
    EXPECT_EQ(fresh.limit(), each.expected);
  }
}

TEST_F(UserTimeoutTest, ChoiceOfTheApplicationStands) {
  covers({"MUST-21", "RFC 5482 §3.1"});
  timeout.set(7s);
  timeout.advertise(200s, config);
  timeout.on_option(seconds_option(500), config);
  EXPECT_EQ(timeout.limit(), 7s);
  EXPECT_EQ(timeout.chosen(), 7s);
  timeout.set(0s);
  EXPECT_FALSE(timeout.is_limited());
  EXPECT_EQ(timeout.chosen(), std::nullopt);
}

TEST_F(UserTimeoutTest, SaysItOnceAndOnceMoreBehindTheHandshake) {
  covers({"RFC 5482 §3.2"});
  timeout.advertise(300s, config);
  EXPECT_EQ(timeout.option_due(), seconds_option(300));
  timeout.on_option_sent();
  EXPECT_EQ(timeout.option_due(), std::nullopt);
  EXPECT_EQ(timeout.option_for_syn(), seconds_option(300));
  timeout.say_again();
  EXPECT_EQ(timeout.option_due(), seconds_option(300));
}

}  // namespace
}  // namespace millrace::tcp
