// The synchronized states that a script can be led to from ESTABLISHED, and the way there.
#pragma once

#include "support/tcp_script.hpp"

namespace millrace::test {

/// A synchronized state, where its sequence numbers stand, and what a reset makes of it.
struct Synchronized {
  TcpState state;
  std::uint32_t rcv_nxt;
  std::uint32_t snd_nxt;
  Result<void> outcome;  ///< Of a reset.
};

inline const Synchronized kStates[] = {
    {TcpState::Established, 1, 1, fail(Error::ConnectionReset)},
    {TcpState::FinWait1, 1, 2, fail(Error::ConnectionReset)},
    {TcpState::FinWait2, 1, 2, fail(Error::ConnectionReset)},
    {TcpState::CloseWait, 2, 1, fail(Error::ConnectionReset)},
    {TcpState::Closing, 2, 2, {}},
    {TcpState::LastAck, 2, 2, {}},
};

/// From ESTABLISHED, with nothing said yet.
inline void go_to(TcpScript& t, TcpState state) {
  if (state == TcpState::CloseWait || state == TcpState::LastAck) {
    t.peer_sends(fin(1)).expect(ack(2));
  }
  if (state != TcpState::Established && state != TcpState::CloseWait) {
    t.app_shuts_down().expect(fin(1));
  }
  if (state == TcpState::FinWait2) {
    t.peer_sends(ack(2)).expect_nothing();
  }
  if (state == TcpState::Closing) {
    t.peer_sends(fin(1).acks(1)).expect(ack(2));
  }
  t.expect_state(state);
}

}  // namespace millrace::test
