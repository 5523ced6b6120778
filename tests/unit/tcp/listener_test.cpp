// What a listener matches and how many it lets wait.
#include "tcp/listener.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

class Silent final : public TcpHandler {};

const Endpoint kHost{.address = IpAddress::v4(198, 18, 0, 1), .port = Port{80}};

TEST(Listener, MatchesItsPortAndAddress) {  // RFC 9293 §3.10.1
  test::covers({"RFC 9293 §3.10.1"});
  Silent handler;
  const Listener one{kHost, 1, handler};
  EXPECT_TRUE(one.matches(kHost));
  EXPECT_FALSE(one.matches({.address = kHost.address, .port = Port{81}}));
  EXPECT_FALSE(one.matches({.address = IpAddress::v4(198, 18, 0, 2), .port = Port{80}}));
  const Listener any{{.address = IpAddress::v4(0, 0, 0, 0), .port = Port{80}}, 1, handler};
  EXPECT_TRUE(any.matches(kHost));
  EXPECT_FALSE(any.matches({.address = kHost.address, .port = Port{81}}));
}

TEST(Listener, OneMoreThanTheBacklogMayWait) {  // as Linux has it
  Silent handler;
  Listener listener{kHost, 2, handler};
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_FALSE(listener.is_accept_queue_full());
    listener.on_established();
  }
  EXPECT_TRUE(listener.is_accept_queue_full());
  listener.on_waiting_gone();
  EXPECT_FALSE(listener.is_accept_queue_full());
  EXPECT_EQ(listener.waiting(), 2U);
}

TEST(Listener, HalfOpenConnectionsAreBounded) {
  Silent handler;
  Listener listener{kHost, 2, handler};
  listener.on_syn();
  EXPECT_FALSE(listener.is_syn_queue_full(2));
  listener.on_syn();
  EXPECT_TRUE(listener.is_syn_queue_full(2));
  listener.on_half_open_gone();
  EXPECT_FALSE(listener.is_syn_queue_full(2));
  EXPECT_EQ(listener.half_open(), 1U);
}

TEST(Listener, ExpectsCookiesAsLongAsTheLastOneIsGood) {
  test::covers({"RFC 4987 §3.6"});
  Silent handler;
  Listener listener{kHost, 2, handler};
  const Instant now{std::chrono::hours{1}};
  EXPECT_FALSE(listener.expects_cookies(now));
  listener.note_cookie(now + std::chrono::seconds{5});
  EXPECT_TRUE(listener.expects_cookies(now));
  EXPECT_TRUE(listener.expects_cookies(now + std::chrono::milliseconds{4'999}));
  EXPECT_FALSE(listener.expects_cookies(now + std::chrono::seconds{5}));
}

TEST(Listener, ResetsOfEarlyConnectionsCountForAMinute) {
  test::covers({"RFC 7413 §5.1"});
  Silent handler;
  Listener listener{kHost, 2, handler};
  const Instant now{std::chrono::hours{1}};
  EXPECT_FALSE(listener.has_fast_open());
  EXPECT_FALSE(listener.may_fast_open(now));
  listener.allow_fast_open(2);
  EXPECT_TRUE(listener.has_fast_open());
  listener.on_early();
  EXPECT_TRUE(listener.may_fast_open(now));
  listener.on_early();
  EXPECT_FALSE(listener.may_fast_open(now)) << "as many as may be early at once";
  listener.on_early_gone();
  listener.on_early_gone();
  listener.on_early_reset(now);
  EXPECT_TRUE(listener.may_fast_open(now));
  const Instant last = now + std::chrono::seconds{59};
  listener.on_early_reset(last);
  EXPECT_FALSE(listener.may_fast_open(last)) << "two within a minute";
  const Instant over = last + std::chrono::seconds{60};
  EXPECT_FALSE(listener.may_fast_open(over - Duration{1}));
  EXPECT_TRUE(listener.may_fast_open(over));
  listener.on_early_reset(over);
  EXPECT_TRUE(listener.may_fast_open(over)) << "those before are forgotten";
}

TEST(Listener, CanBePaused) {
  Silent handler;
  Listener listener{kHost, 2, handler};
  EXPECT_FALSE(listener.is_paused());
  listener.pause();
  EXPECT_TRUE(listener.is_paused());
  listener.resume();
  EXPECT_FALSE(listener.is_paused());
  EXPECT_EQ(&listener.handler(), &handler);
}

}  // namespace

}  // namespace millrace::tcp
