// Which state may follow which (RFC 9293 §3.3.2, figure 5), and what is asked of states.
#include "tcp/state.hpp"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using enum TcpState;

constexpr TcpState kAll[] = {Closed,   Listen,    SynSent, SynReceived, Established, FinWait1,
                             FinWait2, CloseWait, Closing, LastAck,     TimeWait};

// Figure 5's arrows, without those to CLOSED; and FIN-WAIT-1 to TIME-WAIT, for a FIN that
// acknowledges ours.
constexpr std::pair<TcpState, TcpState> kArrows[] = {
    {Closed, Listen},         {Closed, SynSent},          {Closed, SynReceived},
    {Listen, SynReceived},    {Listen, SynSent},          {SynSent, SynReceived},
    {SynSent, Established},   {SynReceived, Established}, {SynReceived, FinWait1},
    {SynReceived, CloseWait}, {Established, FinWait1},    {Established, CloseWait},
    {FinWait1, FinWait2},     {FinWait1, Closing},        {FinWait1, TimeWait},
    {FinWait2, TimeWait},     {CloseWait, LastAck},       {Closing, TimeWait},
};

TEST(State, OnlyTheFiguresArrowsAreTransitions) {  // RFC 9293 §3.3.2
  test::covers({"RFC 9293 §3.3.2"});
  for (const TcpState from : kAll) {
    for (const TcpState to : kAll) {
      const bool is_arrow =
          to == Closed || std::ranges::find(kArrows, std::pair{from, to}) != std::end(kArrows);
      EXPECT_EQ(is_transition(from, to), is_arrow)
          << static_cast<int>(from) << " to " << static_cast<int>(to);
    }
  }
}

TEST(State, SevenStatesAreSynchronized) {  // RFC 9293 §3.3.2
  for (const TcpState state : kAll) {
    const bool is_early =
        state == Closed || state == Listen || state == SynSent || state == SynReceived;
    EXPECT_EQ(is_synchronized(state), !is_early) << static_cast<int>(state);
  }
}

TEST(State, TextIsWelcomeUntilThePeersFin) {  // RFC 9293 §3.10.7.4, step 7
  for (const TcpState state : kAll) {
    EXPECT_EQ(accepts_text(state), state == Established || state == FinWait1 || state == FinWait2);
  }
}

TEST(State, DataMayBeSentUntilOurFin) {  // RFC 9293 §3.10.2
  for (const TcpState state : kAll) {
    EXPECT_EQ(may_send(state), state == Established || state == CloseWait);
  }
}

}  // namespace

}  // namespace millrace::tcp
