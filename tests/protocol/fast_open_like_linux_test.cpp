// Fast Open where RFC 7413 leaves a choice and Linux has made it: without data, without cookies,
// with the option of the drafts, with a listener's own key.
#include "fast_open_host.hpp"
#include "support/covers.hpp"

namespace millrace::stack {
namespace {

class FastOpenLikeLinux : public FastOpenHost {};

TEST_F(FastOpenLikeLinux, ACookieWithoutDataLetsTheServerSpeakFirst) {  // as Linux does
  start_listening();
  const FastOpenCookie cookie = ask_for_cookie();
  fast_open(40'000, cookie, "");
  ASSERT_EQ(recorder.heard, (std::vector<std::string>{"accepted"}));
  TcpInfo info = recorder.sockets.back().info().value();
  EXPECT_EQ(info.state, TcpState::SynReceived);
  EXPECT_FALSE(info.has_syn_data);
  ASSERT_TRUE(recorder.sockets.back().send("welcome").has_value());
  turn();
  const auto data = next_tcp();
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->payload, bytes_of_text("welcome"));
}

TEST_F(FastOpenLikeLinux, WhoAsksAsTheDraftsDidIsAnsweredSo) {  // RFC 6994 §3
  start_listening();
  PeerSegment syn = fast_syn(40'000, {}, "");
  syn.options.fast_open_is_experimental = true;
  send(syn);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer && answer->options.fast_open);
  EXPECT_TRUE(answer->options.fast_open_is_experimental);
  EXPECT_EQ(*answer->options.fast_open, ask_for_cookie());
  syn = fast_syn(40'001, *answer->options.fast_open, "hello");
  syn.options.fast_open_is_experimental = true;
  send(syn);
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  EXPECT_TRUE(recorder.sockets.back().info().value().has_syn_data);
}

TEST_F(FastOpenLikeLinux, NoCookieIsGivenAwayWhereNoneCouldBeUsed) {  // as Linux does
  start_listening(1);
  const FastOpenCookie cookie = ask_for_cookie();
  fast_open(40'000, cookie, "one");
  send(fast_syn(40'001, {}, ""));
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->options.fast_open.has_value());
}

TEST_F(FastOpenLikeLinux, WithoutCookiesAnySynMayCarryData) {
  config.tcp.fast_open_without_cookies = true;
  start_listening();
  PeerSegment syn = fast_syn(40'000, {}, "hello");
  syn.options.fast_open.reset();
  send(syn);
  const auto answer = next_tcp();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->tcp.ack, SeqNum{1'006});
  EXPECT_FALSE(answer->options.fast_open.has_value());
  EXPECT_EQ(recorder.heard, (std::vector<std::string>{"accepted", "readable"}));
  syn = fast_syn(40'001, {}, "");
  syn.options.fast_open.reset();
  send(syn);
  EXPECT_EQ(recorder.count("accepted"), 1U) << "an ordinary SYN stays one";
}

TEST_F(FastOpenLikeLinux, ListenersMayAllowItWithoutBeingAsked) {
  config.tcp.fast_open_by_default = true;
  start();
  listener = tcp().listen({.port = kServerPort, .backlog = 1, .fast_open = 0}, recorder).value();
  const FastOpenCookie cookie = ask_for_cookie();
  EXPECT_EQ(cookie.size(), 8U);
  fast_open(40'000, cookie, "one");
  fast_open(40'001, cookie, "two");
  EXPECT_EQ(recorder.count("accepted"), 1U) << "as many as may wait";
}

TEST_F(FastOpenLikeLinux, AListenersKeySignsItsCookies) {
  start_listening();
  const FastOpenCookie host = ask_for_cookie();
  const std::array<std::uint8_t, 16> key{1, 2, 3};
  tcp().find_listener(listener)->set_fast_open_key(key);
  const FastOpenCookie own = ask_for_cookie(39'998);
  EXPECT_NE(own, host);
  fast_open(40'000, host, "one");
  EXPECT_EQ(recorder.count("accepted"), 0U);
  fast_open(40'001, own, "two");
  EXPECT_EQ(recorder.count("accepted"), 1U);
}

TEST_F(FastOpenLikeLinux, AServerWithoutCookiesIsAskedOnceAsTheDraftsDid) {  // as Linux does
  start();
  for (const bool is_experimental : {false, true, false, false}) {
    connect("hello");
    const auto syn = next_tcp();
    ASSERT_TRUE(syn && syn->options.fast_open && syn->options.fast_open->empty());
    EXPECT_EQ(syn->options.fast_open_is_experimental, is_experimental);
    send(answer_to(*syn, 0));
    EXPECT_EQ(next_tcp().value().payload, bytes_of_text("hello"));
  }
}

TEST_F(FastOpenLikeLinux, ACookieUnderTheDraftsKindGoesBackUnderIt) {
  start();
  connect("");
  auto syn = next_tcp();
  ASSERT_TRUE(syn.has_value());
  PeerSegment answer = answer_to(*syn, 0, a_cookie());
  answer.options.fast_open_is_experimental = true;
  send(answer);
  sent.clear();
  connect("hello");
  syn = next_tcp();
  ASSERT_TRUE(syn && syn->options.fast_open);
  EXPECT_EQ(*syn->options.fast_open, a_cookie());
  EXPECT_TRUE(syn->options.fast_open_is_experimental);
  EXPECT_EQ(syn->payload, bytes_of_text("hello"));
}

TEST_F(FastOpenLikeLinux, ACookieThatNobodyAskedForIsNotKept) {  // as Linux does
  start();
  ASSERT_TRUE(
      tcp().connect(now, {.address = kPeer, .port = Port{kOpenPort}}, recorder, {}).has_value());
  turn();
  send(answer_to(next_tcp().value(), 0, a_cookie()));
  sent.clear();
  connect("hello");
  const auto syn = next_tcp();
  ASSERT_TRUE(syn && syn->options.fast_open);
  EXPECT_TRUE(syn->options.fast_open->empty());
}

}  // namespace
}  // namespace millrace::stack
