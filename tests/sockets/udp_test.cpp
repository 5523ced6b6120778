// Datagrams: whole or cut, to whom and from whom, connected or not, broadcast, and what goes wrong.
#include <gtest/gtest.h>
#include <array>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketUdp : public testing::Test {
 protected:
  SocketUdp() {
    const std::vector<int> made = Peer::the().numbers("udp 0");
    peer_ = std::to_string(made[0]);
    peer_port_ = made[1];
  }
  ~SocketUdp() override { Peer::the().ask("clear"); }

  static Descriptor bound_socket(int flags = 0) {
    Descriptor made = datagram_socket(flags);
    const sockaddr_in any = internet_address("0.0.0.0", 0);
    EXPECT_EQ(api::bind(made, generic(any), sizeof any), 0);
    return made;
  }
  [[nodiscard]] Descriptor connected_socket(int flags = 0) const {
    Descriptor made = datagram_socket(flags);
    const sockaddr_in to = peer_at(peer_port_);
    EXPECT_EQ(api::connect(made, generic(to), sizeof to), 0);
    return made;
  }
  /// The peer sends that many letters of the alphabet to this socket.
  void let_peer_send(int to, int bytes) const {
    Peer::the().ask("sendto " + peer_ + ' ' + own_address() + ' ' + std::to_string(port_of(to)) +
                    ' ' + std::to_string(bytes));
  }
  static std::string receive(int fd, std::size_t room = 65536, int flags = 0) {
    std::string text(room, '\0');
    const ssize_t got = api::recv(fd, text.data(), room, flags);
    if (got < 0) {
      return name_of_error(errno);
    }
    text.resize(std::min(room, static_cast<std::size_t>(got)));
    return text;
  }
  static ssize_t send_to(int fd, const std::string& text, const sockaddr_in& to) {
    return api::sendto(fd, text.data(), text.size(), 0, generic(to), sizeof to);
  }

  std::string peer_;
  int peer_port_ = 0;
};

TEST_F(SocketUdp, GoesToTheAddressGiven) {
  const Descriptor own = bound_socket();
  ASSERT_EQ(send_to(own, "hello", peer_at(peer_port_)), 5);
  EXPECT_EQ(Peer::the().ask("recvfrom " + peer_),
            "5 " + own_address() + ' ' + std::to_string(port_of(own)) + " hello");
}

TEST_F(SocketUdp, BindsWhereItHasToSend) {
  const Descriptor own = datagram_socket();
  EXPECT_EQ(port_of(own), 0);
  ASSERT_EQ(send_to(own, "x", peer_at(peer_port_)), 1);
  EXPECT_NE(port_of(own), 0);
}

TEST_F(SocketUdp, SaysWhoSent) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 5);
  std::array<char, 10> block{};
  sockaddr_in from{};
  socklen_t size = sizeof from;
  ASSERT_EQ(api::recvfrom(own, block.data(), block.size(), 0, generic(from), &size), 5);
  EXPECT_EQ(size, sizeof from);
  EXPECT_EQ(text_of(from), peer_address() + ':' + std::to_string(peer_port_));
}

TEST_F(SocketUdp, KeepsDatagramsApart) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 2);
  let_peer_send(own, 3);
  EXPECT_EQ(receive(own), "ab");
  EXPECT_EQ(receive(own), "abc");
}

TEST_F(SocketUdp, LosesWhatDoesNotFitTheRoom) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 10);
  let_peer_send(own, 2);
  EXPECT_EQ(receive(own, 4), "abcd");
  EXPECT_EQ(receive(own), "ab");
}

TEST_F(SocketUdp, SaysWithTruncHowLongItWas) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 10);
  char block[4];
  EXPECT_EQ(api::recv(own, block, sizeof block, MSG_TRUNC), 10);
}

TEST_F(SocketUdp, MarksAMessageThatWasCut) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 10);
  char block[4];
  iovec part{block, sizeof block};
  sockaddr_in from{};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ASSERT_EQ(api::recvmsg(own, &message, 0), 4);
  EXPECT_EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
  EXPECT_EQ(message.msg_namelen, sizeof from);
  EXPECT_EQ(ntohs(from.sin_port), peer_port_);
}

TEST_F(SocketUdp, PeekLeavesTheDatagram) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 5);
  EXPECT_EQ(receive(own, 2, MSG_PEEK), "ab");
  EXPECT_EQ(receive(own, 10), "abcde");
}

TEST_F(SocketUdp, MayBeEmpty) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 0);
  EXPECT_EQ(events_soon(own, POLLIN), POLLIN);
  char byte = 0;
  EXPECT_EQ(api::recv(own, &byte, 1, 0), 0);
  EXPECT_EQ(api::recv(own, &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(SocketUdp, MayBeSentEmpty) {
  const Descriptor own = connected_socket();
  ASSERT_EQ(api::send(own, "", 0, 0), 0);
  EXPECT_EQ(Peer::the().numbers("recvfrom " + peer_)[0], 0);
}

TEST_F(SocketUdp, FionreadCountsTheNextDatagram) {
  const Descriptor own = bound_socket();
  EXPECT_EQ(bytes_readable(own), 0);
  let_peer_send(own, 7);
  insist_on_readable(own, 7);
  let_peer_send(own, 9);
  EXPECT_EQ(receive(own).size(), 7U);
  insist_on_readable(own, 9);
}

TEST_F(SocketUdp, IsGatheredFromParts) {
  const Descriptor own = connected_socket();
  char first[] = "ab";
  char second[] = "cde";
  const std::array<iovec, 2> parts{{{first, 2}, {second, 3}}};
  ASSERT_EQ(api::writev(own, parts.data(), 2), 5);
  EXPECT_NE(Peer::the().ask("recvfrom " + peer_).find(" abcde"), std::string::npos);
}

TEST_F(SocketUdp, WaitsForADatagram) {
  const Descriptor own = bound_socket();
  Peer::the().later(
      30, "sendto " + peer_ + ' ' + own_address() + ' ' + std::to_string(port_of(own)) + " 3");
  EXPECT_EQ(receive(own), "abc");
}

TEST_F(SocketUdp, WaitsNoLongerThanItsLimit) {
  const Descriptor own = bound_socket();
  const timeval limit{.tv_sec = 0, .tv_usec = 40000};
  ASSERT_EQ(api::setsockopt(own, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(receive(own), "EAGAIN");
  EXPECT_GE(now_milliseconds() - begun, 39);
}

TEST_F(SocketUdp, WantsToKnowWhereTo) {
  const Descriptor own = bound_socket();
  EXPECT_EQ(api::send(own, "x", 1, 0), -1);
  EXPECT_EQ(errno, EDESTADDRREQ);
}

TEST_F(SocketUdp, RefusesPortZero) {
  const Descriptor own = bound_socket();
  EXPECT_EQ(send_to(own, "x", peer_at(0)), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketUdp, RefusesWhatIsLongerThanAnyDatagram) {
  const Descriptor own = connected_socket();
  EXPECT_EQ(api::send(own, std::string(65508, 'x').data(), 65508, 0), -1);
  EXPECT_EQ(errno, EMSGSIZE);
}

TEST_F(SocketUdp, GoesOutInFragmentsWhereItMust) {
  const Descriptor own = connected_socket();
  set_option(own, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  const std::string text(20000, 'x');
  ASSERT_EQ(api::send(own, text.data(), text.size(), 0), 20000);
  EXPECT_EQ(Peer::the().numbers("recvfrom " + peer_)[0], 20000);
}

TEST_F(SocketUdp, IsPutTogetherFromFragments) {
  const Descriptor own = bound_socket();
  let_peer_send(own, 20000);
  const std::string text = receive(own);
  ASSERT_EQ(text.size(), 20000U);
  EXPECT_EQ(text[19999], 'a' + 19999 % 26);
}

TEST_F(SocketUdp, RefusesFragmentsWhereTheyAreForbidden) {
  const Descriptor own = connected_socket();
  set_option(own, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  EXPECT_EQ(api::send(own, std::string(20000, 'x').data(), 20000, 0), -1);
  EXPECT_EQ(errno, EMSGSIZE);
}

TEST_F(SocketUdp, ConnectedSendsWithoutAnAddress) {
  const Descriptor own = connected_socket();
  ASSERT_EQ(api::write(own, "hello", 5), 5);
  EXPECT_NE(Peer::the().ask("recvfrom " + peer_).find(" hello"), std::string::npos);
}

TEST_F(SocketUdp, ConnectedKnowsBothNames) {
  const Descriptor own = connected_socket();
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(api::getpeername(own, generic(name), &size), 0);
  EXPECT_EQ(text_of(name), peer_address() + ':' + std::to_string(peer_port_));
  ASSERT_EQ(api::getsockname(own, generic(name), &size), 0);
  EXPECT_EQ(text_of(name).substr(0, own_address().size()), own_address());
}

TEST_F(SocketUdp, ConnectedHearsItsPeerOnly) {
  const Descriptor own = connected_socket(SOCK_NONBLOCK);
  const std::string stranger = std::to_string(Peer::the().numbers("udp 0")[0]);
  Peer::the().ask("sendto " + stranger + ' ' + own_address() + ' ' + std::to_string(port_of(own)) +
                  " 3");
  let_peer_send(own, 5);
  ASSERT_EQ(events_soon(own, POLLIN), POLLIN);
  EXPECT_EQ(receive(own), "abcde");
  EXPECT_EQ(receive(own), "EAGAIN");
}

TEST_F(SocketUdp, ConnectedMayStillWriteToOthers) {
  const Descriptor own = connected_socket();
  const std::vector<int> other = Peer::the().numbers("udp 0");
  ASSERT_EQ(send_to(own, "aside", peer_at(other[1])), 5);
  EXPECT_EQ(Peer::the().numbers("recvfrom " + std::to_string(other[0]))[0], 5);
}

TEST_F(SocketUdp, ConnectedMayChangeItsPeer) {
  const Descriptor own = connected_socket();
  const std::vector<int> other = Peer::the().numbers("udp 0");
  const sockaddr_in to = peer_at(other[1]);
  ASSERT_EQ(api::connect(own, generic(to), sizeof to), 0);
  ASSERT_EQ(api::send(own, "moved", 5, 0), 5);
  EXPECT_EQ(Peer::the().numbers("recvfrom " + std::to_string(other[0]))[0], 5);
}

TEST_F(SocketUdp, UnspecEndsAConnection) {
  const Descriptor own = connected_socket();
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  ASSERT_EQ(api::connect(own, generic(none), sizeof none), 0);
  EXPECT_EQ(api::send(own, "x", 1, 0), -1);
  EXPECT_EQ(errno, EDESTADDRREQ);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  EXPECT_EQ(api::getpeername(own, generic(name), &size), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(SocketUdp, ConnectedHearsThatNobodyListens) {
  const Descriptor own = datagram_socket(SOCK_NONBLOCK);
  const sockaddr_in to = peer_at(9);
  ASSERT_EQ(api::connect(own, generic(to), sizeof to), 0);
  ASSERT_EQ(api::send(own, "x", 1, 0), 1);
  ASSERT_NE(events_soon(own, POLLIN) & POLLERR, 0);
  EXPECT_EQ(receive(own), "ECONNREFUSED");
  EXPECT_EQ(receive(own), "EAGAIN");
}

TEST_F(SocketUdp, ConnectedHearsThatAHostCannotBeReached) {
  const Descriptor own = datagram_socket(SOCK_NONBLOCK);
  const sockaddr_in to = internet_address("198.18.7.1", 9);
  ASSERT_EQ(api::connect(own, generic(to), sizeof to), 0);
  ASSERT_EQ(api::send(own, "x", 1, 0), 1);
  // A single host that is out of reach may be back at once: the kernel keeps that to itself unless
  // asked.
  set_option(own, IPPROTO_IP, IP_RECVERR, 1);
  int heard = 0;  // By the call that came first.
  insist(
      [&] {
        heard = api::send(own, "x", 1, 0) < 0 ? errno : 0;
        return heard != 0 || (events_now(own) & POLLERR) != 0;
      },
      "an error");
  EXPECT_EQ(heard != 0 ? heard : integer_option(own, SOL_SOCKET, SO_ERROR), EHOSTUNREACH);
}

TEST_F(SocketUdp, UnconnectedDoesNotHearThatNobodyListens) {
  const Descriptor own = bound_socket(SOCK_NONBLOCK);
  ASSERT_EQ(send_to(own, "x", peer_at(9)), 1);
  pass_time(50);
  EXPECT_EQ(receive(own), "EAGAIN");
  EXPECT_EQ(integer_option(own, SOL_SOCKET, SO_ERROR), 0);
}

TEST_F(SocketUdp, BroadcastsOnlyWithLeave) {
  const Descriptor own = bound_socket();
  const sockaddr_in all = internet_address("198.18.0.255", peer_port_);
  EXPECT_EQ(send_to(own, "x", all), -1);
  EXPECT_EQ(errno, EACCES);
  set_option(own, SOL_SOCKET, SO_BROADCAST, 1);
  EXPECT_EQ(send_to(own, "loud", all), 4);
  EXPECT_EQ(Peer::the().numbers("recvfrom " + peer_)[0], 4);
}

TEST_F(SocketUdp, HearsBroadcasts) {
  const Descriptor own = bound_socket();
  Peer::the().ask("sendto " + peer_ + " 198.18.0.255 " + std::to_string(port_of(own)) + " 4");
  EXPECT_EQ(receive(own), "abcd");
}

TEST_F(SocketUdp, DoesNotListenOrAccept) {
  const Descriptor own = bound_socket();
  EXPECT_EQ(api::listen(own, 1), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(api::accept(own, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
}

TEST_F(SocketUdp, ShutOfReadingEndsAWait) {
  const Descriptor own = connected_socket();
  ASSERT_EQ(api::shutdown(own, SHUT_RD), 0);
  EXPECT_EQ(receive(own), "");
}

TEST_F(SocketUdp, ShutOfWritingIsEpipe) {
  const Descriptor own = connected_socket();
  ASSERT_EQ(api::shutdown(own, SHUT_WR), 0);
  EXPECT_EQ(api::send(own, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(SocketUdp, LosesWhatItHasNoRoomFor) {
  const Descriptor own = bound_socket(SOCK_NONBLOCK);
  set_option(own, SOL_SOCKET, SO_RCVBUF, 5000);
  for (int i = 0; i < 50; ++i) {
    let_peer_send(own, 1000);
  }
  pass_time(20);
  int kept = 0;
  while (receive(own).size() == 1000) {
    ++kept;
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 50);
}

TEST_F(SocketUdp, EpollTellsOfDatagrams) {
  const Descriptor own = bound_socket(SOCK_NONBLOCK);
  const Descriptor set{api::epoll_create1(0)};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(api::epoll_ctl(set, EPOLL_CTL_ADD, own, &event), 0);
  EXPECT_EQ(api::epoll_wait(set, &event, 1, 0), 0);
  let_peer_send(own, 3);
  EXPECT_EQ(api::epoll_wait(set, &event, 1, kLimitMilliseconds), 1);
  EXPECT_EQ(api::epoll_wait(set, &event, 1, 0), 0);
}

}  // namespace
}  // namespace millrace::test
