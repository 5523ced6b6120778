// What an application chooses for one connection, and what the connection tells of itself.
#include <utility>

#include "support/tcp_script.hpp"

namespace millrace::test {

Start& Start::tuned(const TcpTuning& chosen) {
  tuning = chosen;
  return *this;
}

TcpScript& TcpScript::app_corks(bool on, Location where) {
  connection_->set_cork(on);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_sets_tuning(const TcpTuning& tuning, Location where) {
  connection_->set_tuning(resources_, tuning);
  drain(where);
  return *this;
}

TcpScript& TcpScript::app_sets_quick_acks(bool on, Location where) {
  connection_->set_quick_acks(on);
  drain(where);
  return *this;
}

TcpInfo TcpScript::info() const {
  TcpInfo info;
  connection_->describe(resources_, info);
  tally_.describe(info, now_);
  return info;
}

TcpScript& TcpScript::ignore_output() {
  output_.clear();
  return *this;
}

tcp::Disposition TcpScript::hand_over(const tcp::Segment& segment, packet::Packet payload) {
  if (connection_->defers(segment)) {
    return {.dropped = DropReason::TcpAcceptDeferred};
  }
  const bool was_synchronized = tcp::is_synchronized(connection_->state());
  const tcp::SeqNum snd_una = connection_->send_sequence().snd_una;
  const tcp::SeqNum rcv_nxt = connection_->receive_sequence().rcv_nxt;
  const auto disposition = connection_->on_segment(resources_, now_, segment, std::move(payload));
  tcp::Tally::Progress progress;
  if (was_synchronized) {
    // How the handshake counts is the stack's matter.
    progress.acked = static_cast<std::uint32_t>(connection_->send_sequence().snd_una - snd_una);
    progress.received =
        static_cast<std::uint32_t>(connection_->receive_sequence().rcv_nxt - rcv_nxt);
  }
  tally_.on_arrival(segment, disposition, progress, now_);
  return disposition;
}

}  // namespace millrace::test
