// Sending and receiving datagrams: whole or cut, to whom and from whom, waiting, and which error
// comes first. Expectations are Linux's.
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <array>
#include <climits>
#include <cstdint>

#include "simulation/posix_udp.hpp"

namespace millrace::test {
namespace {

struct PosixUdpData : PosixUdp {
  void SetUp() override {
    theirs = bound(net.server, kPort);
    own = socket(net.client);
  }
  /// What recvmsg says of the server's next datagram, with that much room in two parts.
  struct Message {
    ssize_t result = 0;
    std::string text;
    std::string from;
    int flags = 0;
  };
  Message receive_message(std::size_t first, std::size_t second, int flags = 0) {
    std::string one(first, '\0');
    std::string two(second, '\0');
    std::array<iovec, 2> parts{
        {{.iov_base = one.data(), .iov_len = first}, {.iov_base = two.data(), .iov_len = second}}};
    sockaddr_in from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    Message got;
    got.result = net.server.sockets().receive_message(theirs, &message, flags);
    got.text = (one + two).substr(0, static_cast<std::size_t>(std::max<ssize_t>(got.result, 0)));
    got.from = message.msg_namelen == sizeof from ? text_of(from) : "nobody";
    got.flags = message.msg_flags;
    return got;
  }

  int theirs = -1;
  int own = -1;
};

TEST_F(PosixUdpData, GoesToTheAddressGivenAndBack) {
  EXPECT_EQ(send(own, "ping"), 4);
  std::string text(16, '\0');
  const iovec part{.iov_base = text.data(), .iov_len = text.size()};
  sockaddr_in from{};
  socklen_t length = sizeof from;
  EXPECT_EQ(net.server.sockets().receive_from(theirs, part, 0, generic(from), &length), 4);
  EXPECT_EQ(length, sizeof from);
  EXPECT_EQ(text_of(from), "198.18.0.1:" + std::to_string(port_of(net.client, own)));
  EXPECT_EQ(send_to(net.server, theirs, "pong", from), 4);
  EXPECT_EQ(net.client.receive(own), "pong");
}

TEST_F(PosixUdpData, DatagramsStayApartAndInOrder) {
  EXPECT_EQ(send(own, "ab"), 2);
  EXPECT_EQ(send(own, "abc"), 3);
  EXPECT_EQ(net.server.receive(theirs), "ab");
  EXPECT_EQ(net.server.receive(theirs), "abc");
}

TEST_F(PosixUdpData, WhatHasNoRoomIsLost) {
  EXPECT_EQ(send(own, "abcdefghij"), 10);
  EXPECT_EQ(send(own, "next"), 4);
  EXPECT_EQ(net.server.receive(theirs, 4), "abcd");
  EXPECT_EQ(net.server.receive(theirs), "next");
}

TEST_F(PosixUdpData, TruncSaysHowLongItWas) {
  EXPECT_EQ(send(own, "abcdefghij"), 10);
  std::array<char, 4> room{};
  const iovec part{.iov_base = room.data(), .iov_len = room.size()};
  EXPECT_EQ(net.server.sockets().receive(theirs, &part, 1, MSG_PEEK | MSG_TRUNC), 10);
  EXPECT_EQ(net.server.sockets().receive(theirs, &part, 1, MSG_TRUNC), 10);
  EXPECT_EQ(net.server.receive(theirs, 4, MSG_DONTWAIT), errno_text(EAGAIN));
}

TEST_F(PosixUdpData, AMessageSaysFromWhomAndThatItWasCut) {
  EXPECT_EQ(send(own, "abcdef"), 6);
  const std::string sender = "198.18.0.1:" + std::to_string(port_of(net.client, own));
  const Message whole = receive_message(2, 8, MSG_PEEK);
  EXPECT_EQ(whole.text, "abcdef");
  EXPECT_EQ(whole.from, sender);
  EXPECT_EQ(whole.flags, 0);
  const Message cut = receive_message(2, 2);
  EXPECT_EQ(cut.result, 4);
  EXPECT_EQ(cut.text, "abcd");
  EXPECT_EQ(cut.from, sender);
  EXPECT_EQ(cut.flags, MSG_TRUNC);
}

TEST_F(PosixUdpData, PeekLeavesIt) {
  EXPECT_EQ(send(own, "hello"), 5);
  EXPECT_EQ(net.server.receive(theirs, 2, MSG_PEEK), "he");
  EXPECT_EQ(net.server.receive(theirs, 64, MSG_PEEK), "hello");
  EXPECT_EQ(net.server.receive(theirs), "hello");
}

TEST_F(PosixUdpData, MayBeEmpty) {
  EXPECT_EQ(send(own, ""), 0);
  EXPECT_EQ(net.server.events(theirs) & POLLIN, unsigned{POLLIN});
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 0);
  EXPECT_EQ(net.server.receive(theirs), "");
  EXPECT_EQ(net.server.receive(theirs, 8, MSG_DONTWAIT), errno_text(EAGAIN));
}

TEST_F(PosixUdpData, FionreadIsTheNextOnesSize) {
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 0);
  EXPECT_EQ(send(own, "1234567"), 7);
  EXPECT_EQ(send(own, "123456789"), 9);
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 7);
  static_cast<void>(net.server.receive(theirs));
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 9);
  EXPECT_EQ(queued(net.server, theirs, SIOCOUTQ), 0);
  EXPECT_EQ(queued(net.server, theirs, SIOCOUTQNSD), -ENOTTY);
  EXPECT_EQ(queued(net.server, theirs, SIOCATMARK), -ENOTTY);
  EXPECT_EQ(net.server.sockets().ioctl(theirs, FIONREAD, nullptr), -EFAULT);
}

TEST_F(PosixUdpData, AMessageIsGatheredFromItsParts) {
  std::string one = "one ";
  std::string two = "two";
  std::array<iovec, 3> parts{{{.iov_base = one.data(), .iov_len = one.size()},
                              {.iov_base = nullptr, .iov_len = 0},
                              {.iov_base = two.data(), .iov_len = two.size()}}};
  sockaddr_in to = socket_address(2, kPort);
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  EXPECT_EQ(net.client.sockets().send_message(own, &message, 0), 7);
  EXPECT_EQ(net.server.receive(theirs), "one two");
  parts[1].iov_len = 3;
  EXPECT_EQ(net.client.sockets().send_message(own, &message, 0), -EFAULT);
  message.msg_iovlen = 1'025;
  EXPECT_EQ(net.client.sockets().send_message(own, &message, 0), -EMSGSIZE);
  EXPECT_EQ(net.client.sockets().receive_message(own, &message, 0), -EMSGSIZE);
  EXPECT_EQ(net.client.sockets().send(own, parts.data(), 1'025, 0), -EINVAL);
  EXPECT_EQ(net.client.sockets().send_message(own, nullptr, 0), -EFAULT);
}

TEST_F(PosixUdpData, AMessageWithWishesForIpIsRefused) {
  const int fd = connected();
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  cmsghdr wish{.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL};
  std::string text = "x";
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  std::memcpy(control.data(), &wish, sizeof wish);
  EXPECT_EQ(net.client.sockets().send_message(fd, &message, 0), -EINVAL);
  wish.cmsg_level = SOL_SOCKET + 1;
  std::memcpy(control.data(), &wish, sizeof wish);
  EXPECT_EQ(net.client.sockets().send_message(fd, &message, 0), 1);
  wish.cmsg_len = control.size() + 1;
  std::memcpy(control.data(), &wish, sizeof wish);
  EXPECT_EQ(net.client.sockets().send_message(fd, &message, 0), -EINVAL);
}

TEST_F(PosixUdpData, WaitsForADatagram) {
  ASSERT_EQ(send_to(net.client, own, "slow", socket_address(2, kPort)), 4);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.server.receive(theirs), "slow");
  EXPECT_GE(net.pair.world.now() - before, 10ms);
}

TEST_F(PosixUdpData, WaitsNoLongerThanItsLimit) {
  const timeval soon{.tv_sec = 0, .tv_usec = 100'000};
  EXPECT_EQ(net.server.sockets().setsockopt(theirs, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon),
            0);
  const Instant before = net.pair.world.now();
  EXPECT_EQ(net.server.receive(theirs), errno_text(EAGAIN));
  EXPECT_GE(net.pair.world.now() - before, 100ms);
  EXPECT_LE(net.pair.world.now() - before, 102ms);
  EXPECT_EQ(net.server.receive(theirs, 8, MSG_DONTWAIT), errno_text(EAGAIN));
  EXPECT_LE(net.pair.world.now() - before, 103ms);
}

TEST_F(PosixUdpData, AWaitMayBeInterrupted) {
  net.server.refuse_to_wait(EINTR);
  EXPECT_EQ(net.server.receive(theirs), errno_text(EINTR));
}

TEST_F(PosixUdpData, WhereToIsLookedAtBeforeWhat) {
  EXPECT_EQ(net.client.send(own, "x"), -EDESTADDRREQ);
  EXPECT_EQ(net.client.send(own, std::string(70'000, 'x')), -EMSGSIZE);
  EXPECT_EQ(net.client.send(own, std::string(65'508, 'x')), -EDESTADDRREQ);
  EXPECT_EQ(send(own, std::string(65'508, 'x')), -EMSGSIZE);
  const iovec nothing{.iov_base = nullptr, .iov_len = 4};
  EXPECT_EQ(net.client.sockets().send(own, &nothing, 1, 0), -EDESTADDRREQ);
  sockaddr_in to = socket_address(2, kPort);
  EXPECT_EQ(net.client.sockets().send_to(own, nothing, 0, generic(to), sizeof to), -EFAULT);
  EXPECT_EQ(send_to(net.client, own, "x", to, MSG_OOB), -EOPNOTSUPP);
  EXPECT_EQ(send(own, "x", 0), -EINVAL);
}

TEST_F(PosixUdpData, WrongAddressesAreRefused) {
  std::string text = "x";
  const iovec part{.iov_base = text.data(), .iov_len = text.size()};
  sockaddr_in to = socket_address(2, kPort);
  auto& sockets = net.client.sockets();
  EXPECT_EQ(sockets.send_to(own, part, 0, generic(to), 8), -EINVAL);
  EXPECT_EQ(sockets.send_to(own, part, 0, generic(to), 1'000), -EINVAL);
  to.sin_family = AF_INET6;
  EXPECT_EQ(sockets.send_to(own, part, 0, generic(to), sizeof to), -EAFNOSUPPORT);
  to.sin_family = AF_UNSPEC;
  EXPECT_EQ(sockets.send_to(own, part, 0, generic(to), sizeof to), 1) << "as Linux takes it";
  to = socket_address(2, kPort);
  to.sin_addr.s_addr = htonl(0x08080808U);
  EXPECT_EQ(send_to(net.client, own, "x", to), -ENETUNREACH);
}

TEST_F(PosixUdpData, ReceivingWhereNothingCanBeWrittenLosesIt) {
  EXPECT_EQ(send(own, "abcd"), 4);
  const iovec nowhere{.iov_base = nullptr, .iov_len = 4};
  EXPECT_EQ(net.server.sockets().receive(theirs, &nowhere, 1, MSG_PEEK), -EFAULT);
  EXPECT_EQ(net.server.sockets().receive(theirs, &nowhere, 1, 0), -EFAULT);
  EXPECT_EQ(net.server.sockets().receive(theirs, &nowhere, 1, MSG_DONTWAIT), -EAGAIN);
}

TEST_F(PosixUdpData, AConnectedSocketHearsItsPeerAlone) {
  const int other = bound(net.server, 77);
  const int fd = connected(kPort, SOCK_NONBLOCK);
  const sockaddr_in here = socket_address(1, port_of(net.client, fd));
  EXPECT_EQ(send_to(net.server, other, "stranger", here), 8);
  EXPECT_EQ(send_to(net.server, theirs, "peer", here), 4);
  net.run_for(50ms);
  EXPECT_EQ(net.client.receive(fd), "peer");
  EXPECT_EQ(net.client.receive(fd), errno_text(EAGAIN));
}

TEST_F(PosixUdpData, AConnectedSocketMaySendToOthers) {
  const int other = bound(net.server, 77);
  const int fd = connected();
  EXPECT_EQ(send(fd, "aside", 77), 5);
  EXPECT_EQ(net.server.receive(other), "aside");
  EXPECT_EQ(net.client.send(fd, "straight"), 8);
  EXPECT_EQ(net.server.receive(theirs), "straight");
}

TEST_F(PosixUdpData, GoesInFragmentsWhereItMust) {
  EXPECT_EQ(send(own, "first, that the neighbor is known"), 33);
  EXPECT_EQ(net.server.receive(theirs).size(), 33U);
  const std::string text = std::string(20'000, 'f') + "end";
  EXPECT_EQ(send(own, text), 20'003);
  EXPECT_EQ(net.server.receive(theirs, 4'096, MSG_PEEK), text.substr(0, 4'096));
  EXPECT_EQ(queued(net.server, theirs, FIONREAD), 20'003);
  EXPECT_EQ(net.server.receive(theirs, 65'536), text);
}

TEST_F(PosixUdpData, BroadcastsOnlyWithLeave) {
  EXPECT_EQ(send_to(net.client, own, "loud", socket_address(kBroadcast, kPort)), -EACCES);
  EXPECT_EQ(net.client.set(own, SOL_SOCKET, SO_BROADCAST, 1), 0);
  EXPECT_EQ(send_to(net.client, own, "loud", socket_address(kBroadcast, kPort)), 4);
  EXPECT_EQ(net.server.receive(theirs), "loud");
}

TEST_F(PosixUdpData, MoreMakesOneDatagramOfSeveralCalls) {
  const int fd = connected();
  EXPECT_EQ(net.client.send(fd, "one ", MSG_MORE), 4);
  EXPECT_EQ(net.client.send(fd, "two ", MSG_MORE), 4);
  net.run_for(50ms);
  EXPECT_EQ(net.server.receive(theirs, 64, MSG_DONTWAIT), errno_text(EAGAIN));
  EXPECT_EQ(net.client.send(fd, "three"), 5);
  EXPECT_EQ(net.server.receive(theirs), "one two three");
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 1), 0);
  EXPECT_EQ(net.client.send(fd, "a"), 1);
  EXPECT_EQ(net.client.send(fd, "b"), 1);
  EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), 0);
  EXPECT_EQ(net.server.receive(theirs), "ab");
}

TEST_F(PosixUdpData, ManySmallPiecesTakeNoMorePacketsThanTheirBytes) {
  const int fd = connected();
  stack::Stack& stack = net.client.host().stack();
  net.run_for(50ms);
  const std::uint32_t before = stack.pools().in_use();
  const std::uint64_t charged = stack.tcp().resources().budget.used();
  std::string whole;
  for (int i = 0; i < 500; ++i) {
    whole += std::to_string(100'000 + i);
    EXPECT_EQ(net.client.send(fd, whole.substr(whole.size() - 6), MSG_MORE | MSG_DONTWAIT), 6);
  }
  EXPECT_EQ(stack.pools().in_use() - before, 2U);
  EXPECT_EQ(stack.tcp().resources().budget.used() - charged,
            2U * packet::PacketBudget::kPacketCharge);
  EXPECT_EQ(net.client.send(fd, ""), 0);
  EXPECT_EQ(stack.tcp().resources().budget.used(), charged);
  EXPECT_EQ(net.server.receive(theirs), whole);
  // What is never sent is given back, too.
  EXPECT_EQ(net.client.send(fd, whole, MSG_MORE), 3'000);
  EXPECT_EQ(net.client.sockets().close(fd), 0);
  net.run_for(50ms);
  EXPECT_EQ(stack.tcp().resources().budget.used(), charged);
  EXPECT_EQ(stack.pools().in_use(), before);
}

TEST_F(PosixUdpData, WhatIsHeldBackIsBoundedByTheBudget) {
  const std::string text(60'000, 'h');
  packet::PacketBudget& budget = net.client.host().stack().tcp().resources().budget;
  const std::uint64_t used = budget.used();
  const int fd = connected();
  ASSERT_TRUE(
      budget.try_charge(static_cast<std::uint32_t>(budget.left(packet::BudgetUse::Bulk) - 10'000),
                        packet::BudgetUse::Bulk));
  const std::uint64_t taken = budget.used();
  EXPECT_EQ(net.client.send(fd, "few", MSG_MORE), 3);
  EXPECT_EQ(net.client.send(fd, text, MSG_MORE), -ENOBUFS);
  EXPECT_EQ(budget.used(), taken);
  budget.release(static_cast<std::uint32_t>(taken - used));
  EXPECT_EQ(net.client.send(fd, text), 60'000);
  EXPECT_EQ(net.server.receive(theirs, 65'000), text);
}

TEST_F(PosixUdpData, DissolvingForgetsWhatIsHeldBack) {
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  for (const int fd : {connected(), socket(net.client)}) {
    EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 1), 0);
    EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
    EXPECT_EQ(net.client.send(fd, "never"), 5);
    EXPECT_EQ(net.client.sockets().connect(fd, generic(none), sizeof none), 0);
    EXPECT_EQ(net.client.set(fd, IPPROTO_UDP, UDP_CORK, 0), 0);
    EXPECT_EQ(net.client.connect(fd, 2, kPort), 0);
    EXPECT_EQ(net.client.send(fd, "next"), 4);
    EXPECT_EQ(net.server.receive(theirs), "next");
  }
}

TEST_F(PosixUdpData, PartsOfMoreThanAResultCanTellAreRefused) {
  std::array<char, 30> bytes{};
  std::array<iovec, 3> parts{{{.iov_base = bytes.data(), .iov_len = 10},
                              {.iov_base = bytes.data(), .iov_len = 30},
                              {.iov_base = bytes.data(), .iov_len = SIZE_MAX - 9}}};
  const int fd = connected();
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  EXPECT_EQ(net.client.sockets().send_message(fd, &message, 0), -EINVAL);
  EXPECT_EQ(net.client.sockets().receive_message(fd, &message, 0), -EINVAL);
  EXPECT_EQ(net.client.sockets().send(fd, parts.data(), parts.size(), 0), -EINVAL);
  parts[2].iov_len = SSIZE_MAX;
  EXPECT_EQ(net.client.sockets().send_message(fd, &message, 0), -EINVAL);
}

TEST_F(PosixUdpData, ASilentNeighborDoesNotHoldUpTheOthers) {
  EXPECT_EQ(send_to(net.client, own, "x", socket_address(77, kPort)), 1);
  EXPECT_EQ(send(own, "y"), 1);
  EXPECT_EQ(net.server.receive(theirs), "y");
}

TEST_F(PosixUdpData, AFullDeviceMakesTheSenderWaitAndTells) {
  const int fd = connected(kPort, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  net.run_for(50ms);
  const std::string text(1'000, 'q');
  ssize_t last = 0;
  int sent = 0;
  while ((last = net.client.send(fd, text, MSG_DONTWAIT)) == 1'000 && sent < 100'000) {
    ++sent;
  }
  EXPECT_EQ(last, -EAGAIN);
  EXPECT_GT(sent, 100);
  net.run_for(100ms);
  EXPECT_EQ(net.client.events(fd) & POLLOUT, unsigned{POLLOUT});
  EXPECT_EQ(net.client.send(fd, text), 1'000);
}

TEST_F(PosixUdpData, WhoDissolvesWhileTheDeviceIsFullMaySendAgain) {
  const int fd = connected(kPort, SOCK_NONBLOCK);
  EXPECT_EQ(net.client.send(fd, "x"), 1);
  net.run_for(50ms);
  const std::string text(1'000, 'q');
  while (net.client.send(fd, text, MSG_DONTWAIT) == 1'000) {
  }
  sockaddr_in none{};
  none.sin_family = AF_UNSPEC;
  EXPECT_EQ(net.client.sockets().connect(fd, generic(none), sizeof none), 0);
  net.run_for(100ms);
  EXPECT_EQ(net.client.events(fd) & POLLOUT, unsigned{POLLOUT});
}

TEST_F(PosixUdpData, AFullQueueLosesTheNewest) {
  EXPECT_EQ(net.server.set(theirs, SOL_SOCKET, SO_RCVBUF, 5'000), 0);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(send(own, std::to_string(i)), i < 10 ? 1 : 2);
  }
  int kept = 0;
  std::string text;
  while ((text = net.server.receive(theirs, 64, MSG_DONTWAIT)) == std::to_string(kept)) {
    ++kept;
  }
  EXPECT_EQ(text, errno_text(EAGAIN));
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 50);
}

}  // namespace
}  // namespace millrace::test
