// The states of the table and the ways into them. Each way ends with a look at the socket itself:
// TCP_INFO, or poll.
#include <cerrno>
#include <stdexcept>

#include "subject.hpp"

namespace millrace::test {
namespace {

enum : int {  // As TCP_INFO numbers them.
  kEstablished = 1,
  kSynSent = 2,
  kSynReceived = 3,
  kFinWait1 = 4,
  kFinWait2 = 5,
  kTimeWait = 6,
  kClosed = 7,
  kCloseWait = 8,
  kLastAck = 9,
  kListen = 10,
  kClosing = 11,
};

void take(Subject& subject, Descriptor made) {
  subject.own = std::move(made);
  subject.number = subject.own;
}

void bind_to(const Subject& subject, int port) {
  const sockaddr_in any = internet_address("0.0.0.0", port);
  if (api::bind(subject.own, generic(any), sizeof any) < 0) {
    throw std::runtime_error("bind: " + name_of_error(errno));
  }
}

void connect_to(Subject& subject, int port) {
  subject.peer_port = port;
  const sockaddr_in to = peer_at(port);
  if (api::connect(subject.own, generic(to), sizeof to) < 0 && errno != EINPROGRESS) {
    throw std::runtime_error("connect: " + name_of_error(errno));
  }
}

// The ways. Those that go on from another begin with it.

void unbound(const Ground& ground, Subject& subject) {
  take(subject, stream_socket(SOCK_NONBLOCK));
  subject.peer_port = ground.silent_port;
}

void bound(const Ground& ground, Subject& subject) {
  unbound(ground, subject);
  bind_to(subject, 0);
}

void listening(const Ground& ground, Subject& subject) {
  bound(ground, subject);
  if (api::listen(subject.own, 4) < 0) {
    throw std::runtime_error("listen: " + name_of_error(errno));
  }
}

void listening_with_one(const Ground& ground, Subject& subject) {
  listening(ground, subject);
  subject.peer = Peer::the().numbers("bind 0")[0];
  subject.tell("connect", own_address() + ' ' + std::to_string(port_of(subject.own)));
  insist([&] { return events_now(subject.own) == POLLIN; }, "a connection to accept");
}

void connecting(const Ground& ground, Subject& subject) {
  unbound(ground, subject);
  connect_to(subject, ground.silent_port);
  insist_on_state(subject.own, kSynSent);
}

/// Both ends call at once, and the peer hears nothing: our SYN is lost, its own arrives again after
/// a second.
void syn_received(const Ground& ground, Subject& subject) {
  bound(ground, subject);
  const std::vector<int> peer = Peer::the().numbers("bind 0 mute");
  subject.peer = peer[0];
  subject.tell("connect", own_address() + ' ' + std::to_string(port_of(subject.own)));
  connect_to(subject, peer[1]);
}

void wait_for_syn(const Subject& subject) { insist_on_state(subject.own, kSynReceived); }

void established(const Ground& ground, Subject& subject) {
  unbound(ground, subject);
  connect_to(subject, ground.listening_port);
  subject.peer = Peer::the().numbers("accept " + std::to_string(ground.listener))[0];
  insist_on_state(subject.own, kEstablished);
}

void established_with_data(const Ground& ground, Subject& subject) {
  established(ground, subject);
  subject.tell("write", "hello");
  insist_on_readable(subject.own, 5);
}

void established_with_urgent_data(const Ground& ground, Subject& subject) {
  established_with_data(ground, subject);
  subject.tell("write", "! oob");
  insist([&] { return (events_now(subject.own) & POLLPRI) != 0; }, "urgent data");
}

void read_shut(const Ground& ground, Subject& subject) {
  established(ground, subject);
  api::shutdown(subject.own, SHUT_RD);
}

void fin_wait_1(const Ground& ground, Subject& subject) {
  established(ground, subject);
  subject.tell("mute");
  api::shutdown(subject.own, SHUT_WR);
  insist_on_state(subject.own, kFinWait1);
}

void fin_wait_2(const Ground& ground, Subject& subject) {
  established(ground, subject);
  api::shutdown(subject.own, SHUT_WR);
  insist_on_state(subject.own, kFinWait2);
}

void fin_wait_2_with_data(const Ground& ground, Subject& subject) {
  fin_wait_2(ground, subject);
  subject.tell("write", "hello");
  insist_on_readable(subject.own, 5);
}

void closing(const Ground& ground, Subject& subject) {
  fin_wait_1(ground, subject);
  subject.tell("shutdown", "1");
  insist_on_state(subject.own, kClosing);
}

/// The descriptor outlives what TCP keeps of the connection, so the kernel shows it as closed.
void time_wait(const Ground& ground, Subject& subject) {
  fin_wait_2(ground, subject);
  subject.tell("shutdown", "1");
  insist(
      [&] {
        const int state = state_of(subject.own);
        return state == kTimeWait || state == kClosed;
      },
      "TIME-WAIT");
}

void time_wait_with_data(const Ground& ground, Subject& subject) {
  fin_wait_2_with_data(ground, subject);
  subject.tell("shutdown", "1");
  insist(
      [&] {
        const int state = state_of(subject.own);
        return state == kTimeWait || state == kClosed;
      },
      "TIME-WAIT");
}

void close_wait(const Ground& ground, Subject& subject) {
  established(ground, subject);
  subject.tell("shutdown", "1");
  insist_on_state(subject.own, kCloseWait);
}

void close_wait_with_data(const Ground& ground, Subject& subject) {
  established_with_data(ground, subject);
  subject.tell("shutdown", "1");
  insist_on_state(subject.own, kCloseWait);
}

void last_ack(const Ground& ground, Subject& subject) {
  close_wait(ground, subject);
  subject.tell("mute");
  api::shutdown(subject.own, SHUT_WR);
  insist_on_state(subject.own, kLastAck);
}

void closed(const Ground& ground, Subject& subject) {
  close_wait(ground, subject);
  api::shutdown(subject.own, SHUT_WR);
  insist_on_state(subject.own, kClosed);
}

void closed_with_data(const Ground& ground, Subject& subject) {
  close_wait_with_data(ground, subject);
  api::shutdown(subject.own, SHUT_WR);
  insist_on_state(subject.own, kClosed);
}

void wait_for_error(const Subject& subject) {
  insist([&] { return (events_now(subject.own) & POLLERR) != 0; }, "an error");
}

void take_error(const Subject& subject) {
  wait_for_error(subject);
  if (integer_option(subject.own, SOL_SOCKET, SO_ERROR) == 0) {
    throw std::runtime_error("no error to take");
  }
}

void refused(const Ground& ground, Subject& subject) {
  unbound(ground, subject);
  connect_to(subject, ground.refusing_port);
}

void reset(const Ground& ground, Subject& subject) {
  established(ground, subject);
  subject.tell("abort");
  subject.peer = 0;
}

void reset_with_data(const Ground& ground, Subject& subject) {
  established_with_data(ground, subject);
  subject.tell("abort");
  subject.peer = 0;
}

void reset_after_fin(const Ground& ground, Subject& subject) {
  close_wait(ground, subject);
  subject.tell("abort");
  subject.peer = 0;
}

/// What is sent is never acknowledged, and the user has little patience.
void timed_out(const Ground& ground, Subject& subject) {
  established(ground, subject);
  set_option(subject.own, IPPROTO_TCP, TCP_USER_TIMEOUT, 20);
  subject.tell("mute");
  if (api::send(subject.own, "x", 1, MSG_NOSIGNAL) != 1) {
    throw std::runtime_error("send: " + name_of_error(errno));
  }
}

/// Whom it would connect to next never answers, so that no answer can come too soon.
void disconnected(const Ground& ground, Subject& subject) {
  established(ground, subject);
  subject.peer_port = ground.silent_port;
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  api::connect(subject.own, generic(none), sizeof none);
  insist_on_state(subject.own, kClosed);
}

// The same for datagrams.

void datagram_unbound(const Ground& ground, Subject& subject) {
  take(subject, datagram_socket(SOCK_NONBLOCK));
  subject.is_datagram = true;
  subject.peer_port = ground.datagram_port;
}

void datagram_bound(const Ground& ground, Subject& subject) {
  datagram_unbound(ground, subject);
  bind_to(subject, 0);
}

void datagram_connected(const Ground& ground, Subject& subject) {
  datagram_unbound(ground, subject);
  connect_to(subject, ground.datagram_port);
}

void datagram_readable(const Ground& ground, Subject& subject) {
  datagram_connected(ground, subject);
  Peer::the().ask("sendto " + std::to_string(ground.datagram_socket) + ' ' + own_address() + ' ' +
                  std::to_string(port_of(subject.own)) + " 5");
  insist([&] { return (events_now(subject.own) & POLLIN) != 0; }, "a datagram");
}

void datagram_refused(const Ground& ground, Subject& subject) {
  datagram_unbound(ground, subject);
  connect_to(subject, ground.refusing_port);
  if (api::send(subject.own, "x", 1, 0) != 1) {
    throw std::runtime_error("send: " + name_of_error(errno));
  }
}

}  // namespace

const std::vector<State>& states() {
  static const std::vector<State> table{
      {"unbound", kStreams | kOptions, unbound, nullptr},
      {"bound", kStreams, bound, nullptr},
      {"listening", kStreams | kOptions, listening, nullptr},
      {"listening, one waits", kStreams, listening_with_one, nullptr},
      {"connecting (SYN-SENT)", kStreams | kOptions, connecting, nullptr},
      {"SYN-RECEIVED", kStreams, syn_received, wait_for_syn},
      {"ESTABLISHED", kStreams | kOptions, established, nullptr},
      {"ESTABLISHED, data", kStreams, established_with_data, nullptr},
      {"ESTABLISHED, urgent data", kStreams, established_with_urgent_data, nullptr},
      {"ESTABLISHED, reading shut", kStreams, read_shut, nullptr},
      {"FIN-WAIT-1", kStreams, fin_wait_1, nullptr},
      {"FIN-WAIT-2", kStreams, fin_wait_2, nullptr},
      {"FIN-WAIT-2, data", kStreams, fin_wait_2_with_data, nullptr},
      {"CLOSING", kStreams, closing, nullptr},
      {"TIME-WAIT", kStreams, time_wait, nullptr},
      {"TIME-WAIT, data", kStreams, time_wait_with_data, nullptr},
      {"CLOSE-WAIT", kStreams, close_wait, nullptr},
      {"CLOSE-WAIT, data", kStreams, close_wait_with_data, nullptr},
      {"LAST-ACK", kStreams, last_ack, nullptr},
      {"CLOSED after LAST-ACK", kStreams, closed, nullptr},
      {"CLOSED after LAST-ACK, data", kStreams, closed_with_data, nullptr},
      {"refused", kStreams, refused, wait_for_error},
      {"refused, error taken", kStreams, refused, take_error},
      {"reset", kStreams, reset, wait_for_error},
      {"reset, data", kStreams, reset_with_data, wait_for_error},
      {"reset, error taken", kStreams | kOptions, reset, take_error},
      {"reset after FIN", kStreams, reset_after_fin, wait_for_error},
      {"timed out", kStreams, timed_out, wait_for_error},
      {"timed out, error taken", kStreams, timed_out, take_error},
      {"disconnected", kStreams, disconnected, nullptr},
      {"UDP unbound", kDatagrams | kOptions, datagram_unbound, nullptr},
      {"UDP bound", kDatagrams, datagram_bound, nullptr},
      {"UDP connected", kDatagrams, datagram_connected, nullptr},
      {"UDP connected, data", kDatagrams, datagram_readable, nullptr},
      {"UDP connected, refused", kDatagrams, datagram_refused, wait_for_error},
  };
  return table;
}

Ground::Ground() {
  Peer& peer = Peer::the();
  const std::vector<int> loud = peer.numbers("listen 0 64");
  listener = loud[0];
  listening_port = loud[1];
  silent_port = peer.numbers("listen 0 64 mute")[1];
  refusing_port = peer.numbers("bind 0")[1];
  const std::vector<int> datagrams = peer.numbers("udp 0");
  datagram_socket = datagrams[0];
  datagram_port = datagrams[1];
  occupied = listening_socket();
  occupied_port = port_of(occupied);
}

void Subject::tell(const std::string& command, const std::string& rest) const {
  Peer::the().ask(command + ' ' + std::to_string(peer) + (rest.empty() ? "" : " ") + rest);
}

}  // namespace millrace::test
