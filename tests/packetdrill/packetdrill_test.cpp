// Scenarios for the shim: handshakes, timers, closing, errors, masks, calls that block. Times are
// Linux's where it and the RFCs leave a choice; player.hpp has the language.
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>

#include "player.hpp"

namespace millrace::test {
namespace {

struct Scenario {
  const char* name;
  const char* script;
  const char* flags = "";
};

std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
  return out << scenario.name;
}

/// A passive open that has been accepted as B at 0.1; behind it go the lines of the scenario.
std::string accepted(const char* rest) {
  return std::string{R"(
    0.000 socket A
    0.000 bind A 8080
    0.000 listen A 5
    0.000 < S  seq 0 win 65535 mss 1460
    0.000 > S. seq 0 ack 1
    0.100 < .  seq 1 ack 1
    0.100 accept A B
  )"} + rest;
}

/// An active open that is established as B at 0.1.
std::string connected(const char* rest) {
  return std::string{R"(
    0.000 socket B
    0.000 nonblock B
    0.000 connect B 8080 = EINPROGRESS
    0.000 > S  seq 0
    0.100 < S. seq 0 ack 1 mss 1460
    0.100 > .  seq 1 ack 1
    0.100 connect B 8080
  )"} + rest;
}

const char* const kFlags = "--address 192.168.0.1/16 --tcp timestamps=off --tcp selective_acks=off";

constexpr std::array kAlone{
    Scenario{"refused", R"(
      0.0 socket B
      0.0 nonblock B
      0.0 connect B 8080 = EINPROGRESS
      0.0 > S  seq 0
      0.0 connect B 8080 = EALREADY
      0.1 < R. seq 0 ack 1
      0.1 poll B IN|OUT|RDHUP = IN|OUT|RDHUP|ERR|HUP
      0.1 get B ERROR = 111
      0.1 get B ERROR = 0
    )"},
    Scenario{"syn_is_repeated_with_doubled_times", R"(
      0.0 socket B
      0.0 nonblock B
      0.0 connect B 8080 = EINPROGRESS
      0.0 > S  seq 0
      1.0 > S  seq 0
      3.0 > S  seq 0
      7.0 > S  seq 0
      15.0 > S  seq 0
    )"},
    Scenario{"syn_ack_is_repeated_with_doubled_times", R"(
      0.0 socket A
      0.0 bind A 8080
      0.0 listen A 5
      0.0 < S  seq 0 win 65535 mss 1460
      0.0 > S. seq 0 ack 1
      1.0 > S. seq 0 ack 1
      3.0 > S. seq 0 ack 1
      3.1 < .  seq 1 ack 1
      3.1 accept A B
    )"},
    Scenario{"closed_port_answers_with_a_reset", R"(
      0.0 < S  seq 0 win 65535 mss 1460
      0.0 > R. seq 0 ack 1
    )"},
    Scenario{"listener_without_a_connection", R"(
      0.0 socket A
      0.0 accept A B = EINVAL
      0.0 bind A 8080
      0.0 bind A 8081 = EINVAL
      0.0 listen A 5
      0.0 nonblock A
      0.0 accept A B = EAGAIN
      0.0 poll A IN = 0
      0.0 connect A 80 = EISCONN
      0.0 read A 10 = ENOTCONN
    )"},
    Scenario{"accept_blocks_until_the_handshake_is_over", R"(
      0.0 socket A
      0.0 bind A 8080
      0.0 listen A 5
      0.0...0.3 accept A B
      0.2 < S  seq 0 win 65535 mss 1460
      0.2 > S. seq 0 ack 1
      0.3 < .  seq 1 ack 1
      0.4 write B 100
      0.4 > P. seq 1 ack 1 len 100
    )"},
    Scenario{"connect_blocks_until_it_is_answered", R"(
      0.0 socket B
      0.0...0.25 connect B 8080
      0.0 > S  seq 0
      0.25 < S. seq 0 ack 1 mss 1460
      0.25 > .  seq 1 ack 1
      0.3 connect B 8080 = EISCONN
    )"},
    Scenario{"connect_blocks_until_it_is_refused", R"(
      0.0 socket B
      0.0...0.2 connect B 8080 = ECONNREFUSED
      0.0 > S  seq 0
      0.2 < R. seq 0 ack 1
      0.3 get B ERROR = 0
    )"},
    Scenario{"fresh_socket", R"(
      0.0 socket B
      0.0 poll B IN|OUT = OUT|HUP
      0.0 read B 10 = ENOTCONN
      0.0 write B 10 = EPIPE
      0.0 shutdown B WR = ENOTCONN
      0.0 close B
    )"},
};

constexpr std::array kPassive{
    Scenario{"data_is_acknowledged_at_once_at_first", R"(
      0.2 < P. seq 1 ack 1 len 1000
      0.2 > .  seq 1 ack 1001
      0.2 read B 2000 = 1000
    )"},
    Scenario{"delayed_ack_after_40_ms", R"(
      0.2 < P. seq 1 ack 1 len 1000
      0.24 > .  seq 1 ack 1001
    )",
             "--tcp quick_acks_max=0"},
    Scenario{"data_rides_with_its_answer", R"(
      0.2 < P. seq 1 ack 1 len 1000
      0.2 read B 1000
      0.2 write B 10
      0.2 > P. seq 1 ack 1001 len 10
    )",
             "--tcp quick_acks_max=0"},
    Scenario{"retransmission_timeout_doubles", R"(
      0.2 write B 1000
      0.2 > P. seq 1 ack 1 len 1000
      0.5 > P. seq 1 ack 1 len 1000
      1.1 > P. seq 1 ack 1 len 1000
      2.3 > P. seq 1 ack 1 len 1000
      2.4 < .  seq 1 ack 1001
    )"},
    Scenario{"fast_retransmit_after_three_duplicates", R"(
      0.2 write B 5840
      0.2 > .  seq 1 ack 1 len 1460
      0.2 > .  seq 1461 ack 1 len 1460
      0.2 > .  seq 2921 ack 1 len 1460
      0.2 > P. seq 4381 ack 1 len 1460
      0.3 < .  seq 1 ack 1
      0.3 < .  seq 1 ack 1
      0.3 < .  seq 1 ack 1
      0.3 > .  seq 1 ack 1 len 1460
    )"},
    Scenario{"zero_window_is_probed", R"(
      0.2 < .  seq 1 ack 1 win 0
      0.2 write B 1000
      0.2 ioctl B SIOCOUTQNSD = 1000
      0.5 > P. seq 1 ack 1 len 1
      1.1 > P. seq 1 ack 1 len 1
      1.2 < .  seq 1 ack 2 win 65535
      1.2 > P. seq 2 ack 1 len 999
    )"},
    Scenario{"peer_closes_first", R"(
      0.2 < F. seq 1 ack 1
      0.2 > .  seq 1 ack 2
      0.2 poll B IN|OUT|RDHUP = IN|OUT|RDHUP
      0.2 read B 10 = 0
      0.3 close B
      0.3 > F. seq 1 ack 2
      0.4 < .  seq 2 ack 2
      0.5 < .  seq 2 ack 2
      0.5 > R  seq 2 ack 0
    )"},
    Scenario{"we_close_first_and_answer_in_time_wait", R"(
      0.2 close B
      0.2 > F. seq 1 ack 1
      0.3 < .  seq 1 ack 2
      0.4 < F. seq 1 ack 2
      0.4 > .  seq 2 ack 2
      30.0 < F. seq 1 ack 2
      30.0 > .  seq 2 ack 2
    )"},
    Scenario{"time_wait_ends_after_two_msl", R"(
      0.2 close B
      0.2 > F. seq 1 ack 1
      0.4 < F. seq 1 ack 2
      0.4 > .  seq 2 ack 2
      61.0 < F. seq 1 ack 2
      61.0 > R  seq 2 ack 0
    )"},
    Scenario{"fin_is_repeated", R"(
      0.2 close B
      0.2 > F. seq 1 ack 1
      0.5 > F. seq 1 ack 1
      1.1 > F. seq 1 ack 1
    )"},
    Scenario{"both_close_at_once", R"(
      0.2 shutdown B WR
      0.2 > F. seq 1 ack 1
      0.21 < F. seq 1 ack 1
      0.21 > .  seq 2 ack 2
      0.3 < .  seq 2 ack 2
      0.3 poll B IN|OUT = IN|OUT|HUP
      0.3 shutdown B WR = ENOTCONN
    )"},
    Scenario{"half_close_goes_on_reading", R"(
      0.2 shutdown B WR
      0.2 > F. seq 1 ack 1
      0.3 < .  seq 1 ack 2
      0.4 < P. seq 1 ack 2 len 500
      0.4 > .  seq 2 ack 501
      0.4 read B 1000 = 500
      0.4 write B 1 = EPIPE
    )"},
    Scenario{"a_reset_is_told_once", R"(
      0.2 < R. seq 1 ack 1
      0.2 poll B IN|OUT|RDHUP = IN|OUT|RDHUP|ERR|HUP
      0.2 read B 10 = ECONNRESET
      0.2 read B 10 = 0
      0.2 write B 10 = EPIPE
    )"},
    Scenario{"a_reset_is_told_to_who_writes", R"(
      0.2 < R. seq 1 ack 1
      0.2 write B 10 = ECONNRESET
      0.2 write B 10 = EPIPE
    )"},
    Scenario{"a_reset_after_the_end_is_a_broken_pipe", R"(
      0.2 < F. seq 1 ack 1
      0.2 > .  seq 1 ack 2
      0.3 < R. seq 2 ack 1
      0.3 get B ERROR = 32
      0.3 read B 10 = 0
    )"},
    Scenario{"closing_unread_data_resets", R"(
      0.2 < P. seq 1 ack 1 len 100
      0.2 > .  seq 1 ack 101
      0.3 close B
      0.3 > R. seq 1 ack 101
    )"},
    Scenario{"keepalive_probes_and_gives_up", R"(
      0.1 set B KEEPIDLE 5
      0.1 set B KEEPINTVL 2
      0.1 set B KEEPCNT 3
      0.1 set B KEEPALIVE 1
      5.1 > .  seq 0 ack 1
      7.1 > .  seq 0 ack 1
      9.1 > .  seq 0 ack 1
      11.1 > R. seq 1 ack 1
      11.2 read B 10 = ETIMEDOUT
    )"},
    Scenario{"keepalive_that_is_answered_starts_anew", R"(
      0.1 set B KEEPIDLE 5
      0.1 set B KEEPALIVE 1
      5.1 > .  seq 0 ack 1
      5.2 < .  seq 1 ack 1
      10.2 > .  seq 0 ack 1
    )"},
    Scenario{"user_timeout_ends_what_nobody_acknowledges", R"(
      0.2 set B USER_TIMEOUT 1000
      0.2 write B 100
      0.2 > P. seq 1 ack 1 len 100
      0.5 > P. seq 1 ack 1 len 100
      1.1 > P. seq 1 ack 1 len 100
      3.0 read B 10 = ETIMEDOUT
    )"},
    Scenario{"nagle_holds_the_second_small_segment", R"(
      0.2 write B 100
      0.2 > P. seq 1 ack 1 len 100
      0.2 write B 50
      0.3 < .  seq 1 ack 101
      0.3 > P. seq 101 ack 1 len 50
    )"},
    Scenario{"no_delay_sends_it_at_once", R"(
      0.2 set B NODELAY 1
      0.2 write B 100
      0.2 > P. seq 1 ack 1 len 100
      0.2 write B 50
      0.2 > P. seq 101 ack 1 len 50
    )"},
    Scenario{"peek_and_counts", R"(
      0.2 < P. seq 1 ack 1 len 300
      0.2 > .  seq 1 ack 301
      0.2 ioctl B FIONREAD = 300
      0.2 recv B 1000 PEEK = 300
      0.2 recv B 100 DONTWAIT
      0.2 ioctl B FIONREAD = 200
      0.2 read B 1000 = 200
      0.2 recv B 1000 DONTWAIT = EAGAIN
    )"},
    Scenario{"large_segments_come_whole", R"(
      0.2 < P. seq 1 ack 1 len 60000
      0.2 > .  seq 1 ack 60001
      0.2 read B 65536 = 60000
    )"},
    Scenario{"read_blocks_until_data_comes", R"(
      0.2...0.7 read B 1000 = 10
      0.7 < P. seq 1 ack 1 len 10
      0.7 > .  seq 1 ack 11
    )"},
    Scenario{"read_blocks_until_the_peer_closes", R"(
      0.2...0.6 read B 1000 = 0
      0.6 < F. seq 1 ack 1
      0.6 > .  seq 1 ack 2
    )"},
    Scenario{"read_blocks_until_the_low_water_mark", R"(
      0.2 set B RCVLOWAT 20
      0.2...0.5 read B 1000 = 25
      0.3 < P. seq 1 ack 1 len 10
      0.3 > .  seq 1 ack 11
      0.5 < P. seq 11 ack 1 len 15
      0.5 > .  seq 1 ack 26
    )"},
    Scenario{"poll_blocks_until_its_time_is_up", R"(
      0.2...0.45 poll B IN 250 = 0
      0.5 poll B IN|OUT = OUT
    )"},
    Scenario{"poll_blocks_until_data_comes", R"(
      0.2...0.3 poll B IN 5000 = IN
      0.3 < P. seq 1 ack 1 len 10
      0.3 > .  seq 1 ack 11
    )"},
    Scenario{"epoll_level_and_edge", R"(
      0.2 epoll B IN|OUT|ET = OUT
      0.2 epoll B IN|OUT|ET = 0
      0.2 < P. seq 1 ack 1 len 10
      0.2 > .  seq 1 ack 11
      0.2 epoll B IN|OUT|ET = IN|OUT
      0.2 epoll B IN|OUT|ET = 0
      0.3 epoll A IN = 0
    )"},
    Scenario{"options_that_nobody_knows", R"(
      0.2 set B UNKNOWN 1 = ENOPROTOOPT
      0.2 get B UNKNOWN = ENOPROTOOPT
      0.2 set B KEEPIDLE 0 = EINVAL
      0.2 get B NODELAY = 0
    )"},
};

constexpr std::array kActive{
    Scenario{"connected_once", R"(
      0.1 connect B 8080 = EISCONN
      0.1 poll B IN|OUT = OUT
      0.2 write B 1000
      0.2 > P. seq 1 ack 1 len 1000
      0.3 < .  seq 1 ack 1001
      0.3 ioctl B SIOCOUTQ = 0
    )"},
    Scenario{"out_of_order_data_is_kept_and_acknowledged_twice", R"(
      0.2 < .  seq 1001 ack 1 len 1000
      0.2 > .  seq 1 ack 1
      0.2 read B 10 = EAGAIN
      0.3 < .  seq 1 ack 1 len 1000
      0.3 > .  seq 1 ack 2001
      0.3 read B 4000 = 2000
    )"},
};

void expect_played(const std::string& script, const Scenario& scenario) {
  EXPECT_EQ(play(script, std::string{kFlags} + " " + scenario.flags), "");
}

struct Alone : testing::TestWithParam<Scenario> {};
struct Passive : testing::TestWithParam<Scenario> {};
struct Active : testing::TestWithParam<Scenario> {};

TEST_P(Alone, IsPlayed) { expect_played(GetParam().script, GetParam()); }
TEST_P(Passive, IsPlayed) { expect_played(accepted(GetParam().script), GetParam()); }
TEST_P(Active, IsPlayed) { expect_played(connected(GetParam().script), GetParam()); }

std::string name_of(const testing::TestParamInfo<Scenario>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Shim, Alone, testing::ValuesIn(kAlone), name_of);
INSTANTIATE_TEST_SUITE_P(Shim, Passive, testing::ValuesIn(kPassive), name_of);
INSTANTIATE_TEST_SUITE_P(Shim, Active, testing::ValuesIn(kActive), name_of);

TEST(Player, SeesWhatDoesNotHappen) {
  EXPECT_NE(play(accepted("0.2 read B 10 = 5"), std::string{kFlags} + " --receive-limit 1"), "");
  EXPECT_NE(play(accepted("0.2 > . seq 1 ack 1"), std::string{kFlags} + " --receive-limit 1"), "");
  EXPECT_NE(play(accepted("0.2 write B 10\n 0.3 > P. seq 1 ack 1 len 10"), kFlags), "");
}

}  // namespace
}  // namespace millrace::test
