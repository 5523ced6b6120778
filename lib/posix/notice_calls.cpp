// MSG_ZEROCOPY and SO_TIMESTAMPING: what is to be told of writes, and MSG_ERRQUEUE, which tells it.
#include <linux/net_tstamp.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>

#include "posix/message_control.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

// What is understood; what is received is not stamped.
constexpr unsigned kStampsKnown = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE |
                                  SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
                                  SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY |
                                  SOF_TIMESTAMPING_OPT_CMSG;

std::uint8_t stamps_of(std::uint32_t wanted) noexcept {
  return static_cast<std::uint8_t>(
      ((wanted & SOF_TIMESTAMPING_TX_SCHED) != 0 ? SendNotices::kScheduled : 0) |
      ((wanted & SOF_TIMESTAMPING_TX_SOFTWARE) != 0 ? SendNotices::kSent : 0) |
      ((wanted & SOF_TIMESTAMPING_TX_ACK) != 0 ? SendNotices::kAcknowledged : 0));
}

SendNotices::Edges edges_of(const tcp::Connection& connection) noexcept {
  const tcp::SendSequence& send = connection.send_sequence();
  return {.sent = send.snd_nxt, .acknowledged = send.snd_una};
}

/// A SYN of ours that is not acknowledged comes before what it, or what follows it, carries. (Fast
/// Open lets a connection in before its handshake is over.)
bool has_early_syn(const tcp::Connection& connection) noexcept {
  return connection.state() == TcpState::SynSent || connection.state() == TcpState::SynReceived;
}

}  // namespace

int Sockets::set_stamps(TcpFile& file, int number) {
  const auto wanted = static_cast<std::uint32_t>(number);
  if ((wanted & ~kStampsKnown) != 0) {
    return -EINVAL;
  }
  const bool counts_anew = (wanted & ~file.options.stamps & SOF_TIMESTAMPING_OPT_ID) != 0;
  if (counts_anew) {
    // As Linux: a stream's bytes are counted from what is acknowledged now.
    const stack::ConnectionSlot* const slot = find_slot(file);
    if (slot == nullptr) {
      return -EINVAL;
    }
    const std::uint32_t syn = has_early_syn(slot->connection) && !file.is_opening() ? 1 : 0;
    file.options.stamp_base = slot->connection.send_sequence().snd_una.value() + syn;
  }
  file.options.stamps = wanted;
  return 0;
}

void Sockets::note_write(TcpFile& file, int flags) {
  const std::uint8_t stamps = stamps_of(file.options.stamps);
  const bool is_zero_copy = wants_zero_copy(file, flags);
  if (stamps == 0 && !is_zero_copy) [[likely]] {
    return;
  }
  stack::ConnectionSlot* const slot = find_slot(file);
  if (slot == nullptr) {
    if (is_zero_copy) {
      file.notices.add_ended();
    }
    return;
  }
  const tcp::Connection& connection = slot->connection;
  const wire::SeqNum end = connection.send_sequence().snd_una + connection.unacknowledged() +
                           (has_early_syn(connection) ? 1U : 0U);
  if (is_zero_copy) {
    file.notices.add_zero_copy(end, edges_of(connection));
  }
  if (stamps != 0 && file.notices.has_room()) {
    const bool is_counted = (file.options.stamps & SOF_TIMESTAMPING_OPT_ID) != 0;
    const std::uint32_t key = is_counted ? end.value() - 1 - file.options.stamp_base : 0;
    file.notices.add_stamped(end, key, stamps);
  }
  look_at_progress(file);
}

void Sockets::look_at_progress(TcpFile& file) {
  stack::ConnectionSlot* const slot = file.notices.empty() ? nullptr : find_slot(file);
  if (slot == nullptr) {
    return;
  }
  file.notices.on_progress(edges_of(slot->connection), waiting_.wall_clock());
  if (tcp::ActiveBlock* const active = slot->connection.active()) {
    const SendNotices::Places places = file.notices.places();
    active->watch.set(places.sent, places.acknowledged);
  }
}

void Sockets::on_progress(TcpHandler& handler) {
  if (&handler == &nobody_) {
    return;  // Its socket has been closed.
  }
  auto& file = static_cast<TcpFile&>(handler);  // Nobody else's connections are watched.
  look_at_progress(file);
  file.note();
}

/// The oldest of what waits. Of a packet that is stamped nothing is shown, as MSG_TRUNC says.
ssize_t Sockets::receive_notice(TcpFile& file, msghdr& message) {
  const ErrorRecord* const record = file.errors.front();
  if (record == nullptr && !file.notices.has_untold()) {
    return -EAGAIN;
  }
  const sock_extended_err what = record != nullptr ? record->what : file.notices.take_untold();
  const bool shows_packet = what.ee_origin == SO_EE_ORIGIN_TIMESTAMPING &&
                            (file.options.stamps & SOF_TIMESTAMPING_OPT_TSONLY) == 0;
  message.msg_namelen = 0;
  message.msg_flags = MSG_ERRQUEUE | (shows_packet ? MSG_TRUNC : 0);
  msghdr rest = message;
  std::size_t used = 0;
  if (record != nullptr && record->time && (file.options.stamps & SOF_TIMESTAMPING_SOFTWARE) != 0) {
    const std::array<timespec, 3> times{*record->time};
    put_control(rest, {.level = SOL_SOCKET, .type = SCM_TIMESTAMPING}, times.data(), sizeof(times));
    used = rest.msg_controllen;
    rest.msg_control = static_cast<std::byte*>(message.msg_control) + used;
    rest.msg_controllen = message.msg_controllen - used;
  }
  const struct {
    sock_extended_err what;
    sockaddr_in offender;
  } told{.what = what, .offender = {}};
  put_control(rest, {.level = IPPROTO_IP, .type = IP_RECVERR}, &told, sizeof(told));
  message.msg_flags = rest.msg_flags;
  message.msg_controllen = used + rest.msg_controllen;
  if (record != nullptr) {
    file.errors.pop();
  }
  return 0;
}

}  // namespace millrace::posix
