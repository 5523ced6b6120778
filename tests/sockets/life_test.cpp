// Descriptors from their making to their end: numbers, kinds, flags, names, and what a closed one
// answers.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <vector>

#include "bed.hpp"

namespace millrace::test {
namespace {

TEST(SocketLife, GivesDescriptorsThatAreNotNegativeAndDiffer) {
  const Descriptor one = stream_socket();
  const Descriptor other = datagram_socket();
  EXPECT_GE(one.get(), 0);
  EXPECT_GE(other.get(), 0);
  EXPECT_NE(one.get(), other.get());
}

TEST(SocketLife, GivesTheNumberOfAClosedDescriptorAgain) {
  Descriptor first = stream_socket();
  const int number = first;
  first.close();
  const Descriptor second = stream_socket();
  EXPECT_EQ(second.get(), number);
}

/// Sockets until there is no number left, below a limit of so many numbers.
std::vector<Descriptor> take_all_numbers(rlim_t limit) {
  rlimit before{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{.rlim_cur = limit, .rlim_max = before.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<Descriptor> taken;
  for (int fd = 0; (fd = api::socket(AF_INET, SOCK_STREAM, 0)) >= 0;) {
    taken.emplace_back(fd);
  }
  EXPECT_EQ(errno, EMFILE);
  return taken;
}

TEST(SocketLife, WhatSocketsHadIsThereForFilesOnceTheyAreClosed) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  constexpr int kFiles = 4;
  {
    std::vector<Descriptor> sockets = take_all_numbers(100);
    ASSERT_GE(sockets.size(), 2 * kFiles);
    sockets.clear();
    std::array<Descriptor, kFiles> files;
    for (Descriptor& file : files) {
      file = Descriptor{::open("/dev/null", O_RDONLY)};
      EXPECT_GE(file.get(), 0) << name_of_error(errno);
    }
  }
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(SocketLife, RefusesAnUnknownFamily) {
  EXPECT_EQ(api::socket(250, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
}

TEST(SocketLife, RefusesAnUnknownKind) {
  EXPECT_EQ(api::socket(AF_INET, 9, 0), -1);
  EXPECT_EQ(errno, ESOCKTNOSUPPORT);
}

TEST(SocketLife, RefusesAKindThatIsNone) {
  EXPECT_EQ(api::socket(AF_INET, 15, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(SocketLife, RefusesAProtocolThatDoesNotFitTheKind) {
  EXPECT_EQ(api::socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -1);
  EXPECT_EQ(errno, EPROTONOSUPPORT);
  EXPECT_EQ(api::socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), -1);
  EXPECT_EQ(errno, EPROTONOSUPPORT);
}

TEST(SocketLife, RefusesAProtocolThatIsNone) {
  for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
    for (const int protocol : {-1, 263, 999}) {
      EXPECT_EQ(api::socket(AF_INET, kind, protocol), -1);
      EXPECT_EQ(errno, EINVAL) << protocol;
    }
  }
}

TEST(SocketLife, TakesTheProtocolOfTheKind) {
  const Descriptor stream{api::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)};
  const Descriptor datagram{api::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP)};
  EXPECT_EQ(integer_option(stream, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
  EXPECT_EQ(integer_option(datagram, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
}

TEST(SocketLife, SaysWhatItIs) {
  const Descriptor stream = stream_socket(SOCK_NONBLOCK);
  EXPECT_EQ(integer_option(stream, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(integer_option(stream, SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(integer_option(stream, SOL_SOCKET, SO_ACCEPTCONN), 0);
  const Descriptor datagram = datagram_socket();
  EXPECT_EQ(integer_option(datagram, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
}

TEST(SocketLife, BlocksUnlessTold) {
  const Descriptor blocking = stream_socket();
  EXPECT_EQ(api::fcntl(blocking, F_GETFL, 0) & O_NONBLOCK, 0);
  const Descriptor other = stream_socket(SOCK_NONBLOCK);
  EXPECT_EQ(api::fcntl(other, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
}

TEST(SocketLife, IsOpenForReadingAndWriting) {
  const Descriptor made = stream_socket();
  EXPECT_EQ(api::fcntl(made, F_GETFL, 0) & O_ACCMODE, O_RDWR);
}

TEST(SocketLife, ChangesItsFlagsLater) {
  const Descriptor made = stream_socket();
  ASSERT_EQ(api::fcntl(made, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(api::fcntl(made, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
  ASSERT_EQ(api::fcntl(made, F_SETFL, 0), 0);
  EXPECT_EQ(api::fcntl(made, F_GETFL, 0) & O_NONBLOCK, 0);
}

TEST(SocketLife, AnswersEbadfOnceClosed) {
  Descriptor made = stream_socket();
  const int number = made;
  made.close();
  char byte = 0;
  EXPECT_EQ(api::close(number), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(api::read(number, &byte, 1), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(api::listen(number, 1), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(SocketLife, AnswersEbadfForANumberThatIsNone) {
  char byte = 0;
  EXPECT_EQ(api::recv(-1, &byte, 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(api::close(-1), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(SocketLife, BindsToAPortOfItsChoiceForPortZero) {
  const Descriptor made = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(made, generic(any), sizeof any), 0);
  EXPECT_GT(port_of(made), 1023);
}

TEST(SocketLife, HasNoNameBeforeItIsBound) {
  const Descriptor made = stream_socket();
  sockaddr_in own = internet_address("1.2.3.4", 5);
  socklen_t size = sizeof own;
  ASSERT_EQ(api::getsockname(made, generic(own), &size), 0);
  EXPECT_EQ(size, sizeof own);
  EXPECT_EQ(text_of(own), "0.0.0.0:0");
}

TEST(SocketLife, KnowsTheAddressItIsBoundTo) {
  const Descriptor made = stream_socket();
  const sockaddr_in wanted = internet_address(own_address(), 4711);
  ASSERT_EQ(api::bind(made, generic(wanted), sizeof wanted), 0);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ASSERT_EQ(api::getsockname(made, generic(own), &size), 0);
  EXPECT_EQ(text_of(own), own_address() + ":4711");
}

TEST(SocketLife, BindsOnlyOnce) {
  const Descriptor made = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(made, generic(any), sizeof any), 0);
  EXPECT_EQ(api::bind(made, generic(any), sizeof any), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(SocketLife, DoesNotBindToAnAddressOfSomebodyElse) {
  const Descriptor made = stream_socket();
  const sockaddr_in other = peer_at(0);
  EXPECT_EQ(api::bind(made, generic(other), sizeof other), -1);
  EXPECT_EQ(errno, EADDRNOTAVAIL);
}

TEST(SocketLife, DoesNotBindToAPortThatAnotherHas) {
  const Descriptor first = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(first, generic(any), sizeof any), 0);
  const Descriptor second = stream_socket();
  const sockaddr_in same = internet_address("0.0.0.0", port_of(first));
  EXPECT_EQ(api::bind(second, generic(same), sizeof same), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST(SocketLife, KeepsPortsOfTcpAndUdpApart) {
  const Descriptor stream = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(stream, generic(any), sizeof any), 0);
  const Descriptor datagram = datagram_socket();
  const sockaddr_in same = internet_address("0.0.0.0", port_of(stream));
  EXPECT_EQ(api::bind(datagram, generic(same), sizeof same), 0);
}

TEST(SocketLife, GivesAPortBackWhenItIsClosed) {
  Descriptor first = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(first, generic(any), sizeof any), 0);
  const sockaddr_in same = internet_address("0.0.0.0", port_of(first));
  first.close();
  const Descriptor second = stream_socket();
  EXPECT_EQ(api::bind(second, generic(same), sizeof same), 0);
}

TEST(SocketLife, WantsAWholeAddress) {
  const Descriptor made = stream_socket();
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  EXPECT_EQ(api::bind(made, generic(any), 8), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(SocketLife, CutsANameToTheRoomThereIsAndSaysItsSize) {
  const Descriptor made = stream_socket();
  const sockaddr_in wanted = internet_address(own_address(), 0);
  ASSERT_EQ(api::bind(made, generic(wanted), sizeof wanted), 0);
  sockaddr_in own{};
  socklen_t size = 4;
  ASSERT_EQ(api::getsockname(made, generic(own), &size), 0);
  EXPECT_EQ(size, sizeof own);
  EXPECT_NE(own.sin_port, 0);
  EXPECT_EQ(own.sin_addr.s_addr, 0U);
}

TEST(SocketLife, TwoPortsMayBeSharedBeforeListeningWithReuseaddr) {
  const Descriptor first = stream_socket();
  const Descriptor second = stream_socket();
  set_option(first, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(second, SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(first, generic(any), sizeof any), 0);
  const sockaddr_in same = internet_address("0.0.0.0", port_of(first));
  ASSERT_EQ(api::bind(second, generic(same), sizeof same), 0);
  ASSERT_EQ(api::listen(first, 1), 0);
  EXPECT_EQ(api::listen(second, 1), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST(SocketLife, AListenerAnswersNoMoreOnceClosed) {
  Descriptor listener = listening_socket();
  const int port = port_of(listener);
  listener.close();
  Peer& peer = Peer::the();
  const int client = peer.numbers("bind 0")[0];
  const std::string id = std::to_string(client);
  peer.ask("connect " + id + ' ' + own_address() + ' ' + std::to_string(port));
  EXPECT_EQ(peer.answer_to("connected " + id), "error ECONNREFUSED");
}

TEST(SocketLife, ClosingAListenerResetsWhatWaitedToBeAccepted) {
  Descriptor listener = listening_socket();
  Peer& peer = Peer::the();
  const std::string id = std::to_string(peer.numbers("bind 0")[0]);
  peer.ask("connect " + id + ' ' + own_address() + ' ' + std::to_string(port_of(listener)));
  peer.ask("connected " + id);
  ASSERT_EQ(events_soon(listener, POLLIN), POLLIN);
  listener.close();
  EXPECT_EQ(peer.answer_to("end " + id), "error ECONNRESET");
}

}  // namespace
}  // namespace millrace::test
