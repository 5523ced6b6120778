// Signals and calls that wait: what ends with EINTR, what goes on, what was got before counts.
#include <gtest/gtest.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "bed.hpp"

namespace millrace::test {
namespace {

volatile std::sig_atomic_t alarms = 0;

class SocketSignal : public testing::Test {
 protected:
  ~SocketSignal() override {
    const itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr);
    static_cast<void>(std::signal(SIGALRM, SIG_DFL));
    Peer::the().ask("clear");
  }

  /// Again and again, so that one that comes before the call does no harm.
  static void ring(int flags) {
    alarms = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { alarms = alarms + 1; };
    action.sa_flags = flags;
    ASSERT_EQ(::sigaction(SIGALRM, &action, nullptr), 0);
    constexpr timeval kOften{.tv_sec = 0, .tv_usec = 30'000};
    const itimerval interval{.it_interval = kOften, .it_value = kOften};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &interval, nullptr), 0);
  }
};

TEST_F(SocketSignal, EndsARead) {
  const Connection made = connect_to_peer();
  ring(0);
  EXPECT_EQ(read_once(made.own), "EINTR");
  EXPECT_GE(alarms, 1);
}

TEST_F(SocketSignal, EndsAnAccept) {
  const Descriptor listener = listening_socket();
  ring(0);
  EXPECT_EQ(api::accept(listener, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINTR);
}

TEST_F(SocketSignal, EndsReceivingADatagram) {
  const Descriptor own = datagram_socket();
  sockaddr_in any = internet_address("0.0.0.0", 0);
  ASSERT_EQ(api::bind(own, generic(any), sizeof(any)), 0);
  ring(0);
  EXPECT_EQ(read_once(own), "EINTR");
}

TEST_F(SocketSignal, LetsAReadGoOnWhenAskedTo) {
  const Connection made = connect_to_peer();
  ring(SA_RESTART);
  Peer::the().later(200, "write " + std::to_string(made.peer) + " late");
  EXPECT_EQ(read_once(made.own), "late");
  EXPECT_GE(alarms, 2);
}

TEST_F(SocketSignal, ButNotOneWithALimitOfTime) {
  const Connection made = connect_to_peer();
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  ASSERT_EQ(api::setsockopt(made.own, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
  ring(SA_RESTART);
  EXPECT_EQ(read_once(made.own), "EINTR");
}

TEST_F(SocketSignal, EndsPollAndEpollWhateverWasAskedFor) {
  const Connection made = connect_to_peer();
  const Descriptor set{api::epoll_create1(0)};
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(api::epoll_ctl(set, EPOLL_CTL_ADD, made.own, &event), 0);
  ring(SA_RESTART);
  EXPECT_EQ(api::epoll_wait(set, &event, 1, 5'000), -1);
  EXPECT_EQ(errno, EINTR);
  pollfd entry{.fd = made.own, .events = POLLIN, .revents = 0};
  EXPECT_EQ(api::poll(&entry, 1, 5'000), -1);
  EXPECT_EQ(errno, EINTR);
}

TEST_F(SocketSignal, WhatWasGotBeforeCounts) {
  const Connection made = connect_to_peer();
  made.tell("write", "some");
  insist_on_readable(made.own, 4);
  ring(0);
  std::string text(10, ' ');
  EXPECT_EQ(api::recv(made.own, text.data(), text.size(), MSG_WAITALL), 4);
}

TEST_F(SocketSignal, OneThatIsIgnoredEndsNothing) {
  const Connection made = connect_to_peer();
  ring(0);
  static_cast<void>(std::signal(SIGALRM, SIG_IGN));
  Peer::the().later(150, "write " + std::to_string(made.peer) + " late");
  EXPECT_EQ(read_once(made.own), "late");
}

}  // namespace
}  // namespace millrace::test
