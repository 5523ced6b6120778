#include "control/socket_record_fields.hpp"

namespace millrace::control {

const char* ss_state_name(TcpState state) noexcept {
  switch (state) {
    case TcpState::Closed: return "UNCONN";
    case TcpState::Listen: return "LISTEN";
    case TcpState::SynSent: return "SYN-SENT";
    case TcpState::SynReceived: return "SYN-RECV";
    case TcpState::Established: return "ESTAB";
    case TcpState::FinWait1: return "FIN-WAIT-1";
    case TcpState::FinWait2: return "FIN-WAIT-2";
    case TcpState::CloseWait: return "CLOSE-WAIT";
    case TcpState::Closing: return "CLOSING";
    case TcpState::LastAck: return "LAST-ACK";
    case TcpState::TimeWait: return "TIME-WAIT";
  }
  std::unreachable();
}

const char* ss_timer_name(tcp::TimerKind kind) noexcept {
  switch (kind) {
    case tcp::TimerKind::None: return "";
    case tcp::TimerKind::Retransmission: return "on";
    case tcp::TimerKind::Persist: return "persist";
    case tcp::TimerKind::Keepalive: return "keepalive";
    case tcp::TimerKind::TimeWait: return "timewait";
    case tcp::TimerKind::Other: return "unknown";
  }
  std::unreachable();
}

}  // namespace millrace::control
