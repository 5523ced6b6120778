// The states of a connection: what may follow what, and the questions that the input steps ask of a
// state.
#pragma once

#include <cstdint>

#include <millrace/tcp.hpp>

namespace millrace::tcp {

/// Both sides have seen each other's SYN acknowledged (RFC 9293 §3.3.2).
[[nodiscard]] constexpr bool is_synchronized(TcpState state) noexcept {
  switch (state) {
    case TcpState::Established:
    case TcpState::FinWait1:
    case TcpState::FinWait2:
    case TcpState::CloseWait:
    case TcpState::Closing:
    case TcpState::LastAck:
    case TcpState::TimeWait: return true;
    case TcpState::Closed:
    case TcpState::Listen:
    case TcpState::SynSent:
    case TcpState::SynReceived: return false;
  }
  return false;
}

/// The peer has not sent its FIN yet, so its text is still welcome.
[[nodiscard]] constexpr bool accepts_text(TcpState state) noexcept {
  return state == TcpState::Established || state == TcpState::FinWait1 ||
         state == TcpState::FinWait2;
}

/// Our FIN has not been queued yet, so the application may send.
[[nodiscard]] constexpr bool may_send(TcpState state) noexcept {
  return state == TcpState::Established || state == TcpState::CloseWait;
}

/// What became of an open with Fast Open (RFC 7413 §4.2.1).
enum class FastOpenOutcome : std::uint8_t {
  None,     ///< Not tried, not answered yet, or the data was left aside.
  Taken,    ///< The SYN,ACK acknowledged data of our SYN.
  Lost,     ///< The SYN with the option was never answered, one without it was.
  Refused,  ///< A reset answered our SYN with data.
};

/// RFC 9293 §3.3.2, figure 5; any state may also fall to CLOSED by a reset, an abort or a time-out.
[[nodiscard]] constexpr bool is_transition(TcpState from, TcpState to) noexcept {
  if (to == TcpState::Closed) {
    return true;
  }
  switch (from) {
    case TcpState::Closed:
      return to == TcpState::Listen || to == TcpState::SynSent || to == TcpState::SynReceived;
    case TcpState::Listen: return to == TcpState::SynReceived || to == TcpState::SynSent;
    case TcpState::SynSent: return to == TcpState::SynReceived || to == TcpState::Established;
    case TcpState::SynReceived:
      return to == TcpState::Established || to == TcpState::FinWait1 || to == TcpState::CloseWait;
    case TcpState::Established: return to == TcpState::FinWait1 || to == TcpState::CloseWait;
    case TcpState::FinWait1:
      return to == TcpState::FinWait2 || to == TcpState::Closing || to == TcpState::TimeWait;
    case TcpState::FinWait2: return to == TcpState::TimeWait;
    case TcpState::CloseWait: return to == TcpState::LastAck;
    case TcpState::Closing: return to == TcpState::TimeWait;
    case TcpState::LastAck:
    case TcpState::TimeWait: return false;
  }
  return false;
}

}  // namespace millrace::tcp
