// The C calls as a program makes them, on a ring that leads back to it: starting unasked, waiting
// while the loop turns, threads and handlers that may not wait, the end. DPDK starts once in a
// process, so the tests share one Millrace.
#include "posix/on_core.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <millrace/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "posix/process.hpp"

namespace millrace::posix {
namespace {

using namespace std::chrono_literals;

struct OnCoreTest : testing::Test {
  static void SetUpTestSuite() {
    // What is not ours goes to the kernel, also before the start.
    EXPECT_EQ(millrace_close(-1), -1);
    EXPECT_EQ(errno, EBADF);
    ::setenv("MILLRACE_OPTIONS",
             "--device ring --address 198.18.0.2/24 --packets 4096 --max-connections 64 --log off",
             1);
  }
  static sockaddr_in own(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(0xc6120002U);
    return address;
  }
  static const sockaddr* generic(const sockaddr_in& address) {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
  }
  static int listener(std::uint16_t port) {
    const int fd = millrace_socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = own(port);
    EXPECT_EQ(millrace_bind(fd, generic(address), sizeof(address)), 0);
    EXPECT_EQ(millrace_listen(fd, 8), 0);
    return fd;
  }
};

TEST_F(OnCoreTest, ConnectsToItselfAndEchoes) {
  const int listening = listener(80);
  const int client = millrace_socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = own(80);
  ASSERT_EQ(millrace_connect(client, generic(address), sizeof(address)), 0);
  const int server = millrace_accept(listening, nullptr, nullptr);
  ASSERT_GE(server, 0);
  const int set = millrace_epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = server;
  ASSERT_EQ(millrace_epoll_ctl(set, EPOLL_CTL_ADD, server, &event), 0);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(millrace_write(client, "ping", 4), 4);
    ASSERT_EQ(millrace_epoll_wait(set, &event, 1, -1), 1);
    ASSERT_EQ(event.data.fd, server);
    std::array<char, 16> bytes{};
    ASSERT_EQ(millrace_read(server, bytes.data(), bytes.size()), 4);
    ASSERT_EQ(millrace_write(server, bytes.data(), 4), 4);
    ASSERT_EQ(millrace_recv(client, bytes.data(), 4, MSG_WAITALL), 4);
    ASSERT_EQ((std::string{bytes.data(), 4}), "ping");
  }
  for (const int fd : {client, server, set, listening}) {
    EXPECT_EQ(millrace_close(fd), 0);
    EXPECT_EQ(millrace_close(fd), -1);
    EXPECT_EQ(errno, EBADF);
  }
}

TEST_F(OnCoreTest, AWaitHasItsLimit) {
  const int listening = listener(81);
  pollfd entry{.fd = listening, .events = POLLIN, .revents = 0};
  EXPECT_EQ(millrace_poll(&entry, 1, 20), 0);
  EXPECT_EQ(millrace_close(listening), 0);
}

TEST_F(OnCoreTest, OtherThreadsGetEperm) {
  const int fd = millrace_socket(AF_INET, SOCK_STREAM, 0);
  std::thread{[fd] {
    EXPECT_EQ(millrace_socket(AF_INET, SOCK_STREAM, 0), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(millrace_close(fd), -1);
    EXPECT_EQ(errno, EPERM);
    EXPECT_EQ(millrace_stop(), -1);
    EXPECT_EQ(errno, EPERM);
  }}.join();
  EXPECT_EQ(millrace_close(fd), 0);
}

TEST_F(OnCoreTest, AHandlerThatWouldBlockGetsEdeadlk) {
  const int listening = listener(82);
  int result = 0;
  int error = 0;
  int stopped = 0;
  ASSERT_TRUE(process_core()->worker().after(Duration::zero(), [&] {
    result = millrace_accept(listening, nullptr, nullptr);
    error = errno;
    stopped = millrace_stop();
  }));
  pollfd entry{.fd = listening, .events = POLLIN, .revents = 0};
  EXPECT_EQ(millrace_poll(&entry, 1, 20), 0);
  EXPECT_EQ(result, -1);
  EXPECT_EQ(error, EDEADLK);
  EXPECT_EQ(stopped, -1);
  EXPECT_EQ(millrace_close(listening), 0);
}

volatile std::sig_atomic_t signals_handled = 0;

/// Raised in a turn that a waiting call lets run, so that no sleep of it is there to be ended.
void raise_during_the_next_call(int flags) {
  signals_handled = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { signals_handled = signals_handled + 1; };
  action.sa_flags = flags;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  ASSERT_TRUE(process_core()->worker().after(5ms, [] { ::raise(SIGUSR1); }));
}

TEST_F(OnCoreTest, ASignalInATurnEndsTheCallThatWaits) {
  const int listening = listener(83);
  raise_during_the_next_call(0);
  EXPECT_EQ(millrace_accept(listening, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(signals_handled, 1);
  pollfd entry{.fd = listening, .events = POLLIN, .revents = 0};
  raise_during_the_next_call(SA_RESTART);
  EXPECT_EQ(millrace_poll(&entry, 1, 10'000), -1);
  EXPECT_EQ(errno, EINTR);
  sigset_t blocked;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  EXPECT_EQ(sigismember(&blocked, SIGUSR1), 0) << "the program has its signals back";
  EXPECT_EQ(millrace_close(listening), 0);
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_F(OnCoreTest, OrLetsItGoOnWhereTheProgramSaysSo) {
  const int listening = listener(84);
  raise_during_the_next_call(SA_RESTART);
  int client = -1;
  ASSERT_TRUE(process_core()->worker().after(20ms, [&client] {
    client = millrace_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const sockaddr_in address = own(84);
    EXPECT_EQ(millrace_connect(client, generic(address), sizeof(address)), -1);
    EXPECT_EQ(signals_handled, 1);
  }));
  const int server = millrace_accept(listening, nullptr, nullptr);
  EXPECT_GE(server, 0);
  for (const int fd : {client, server, listening}) {
    EXPECT_EQ(millrace_close(fd), 0);
  }
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_F(OnCoreTest, ABrokenPipeIsASignalUnlessItIsNotWanted) {
  static volatile std::sig_atomic_t signals;
  const auto before = std::signal(SIGPIPE, [](int) { signals = signals + 1; });
  const int fd = millrace_socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(millrace_send(fd, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(signals, 0);
  EXPECT_EQ(millrace_write(fd, "x", 1), -1);
  EXPECT_EQ(signals, 1);
  EXPECT_EQ(millrace_close(fd), 0);
  std::signal(SIGPIPE, before);
}

TEST_F(OnCoreTest, APipeWithoutReaderIsOneSignalWhetherSomethingWaitsOrNot) {
  static volatile std::sig_atomic_t signals;
  const auto before = std::signal(SIGPIPE, [](int) { signals = signals + 1; });
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::close(pipe[0]), 0);
  const int fd = millrace_socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in address = own(85);
  ASSERT_EQ(millrace_bind(fd, generic(address), sizeof(address)), 0);
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(millrace_splice(fd, nullptr, pipe[1], nullptr, 100, SPLICE_F_NONBLOCK), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_EQ(signals, i);
    ASSERT_EQ(millrace_sendto(fd, "x", 1, 0, generic(address), sizeof(address)), 1);
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    ASSERT_EQ(millrace_poll(&entry, 1, 1'000), 1);
  }
  EXPECT_EQ(millrace_close(fd), 0);
  ::close(pipe[1]);
  std::signal(SIGPIPE, before);
}

TEST_F(OnCoreTest, AHandlerThatCallsWhileACallSpinsLeavesSignalsAsTheyWere) {
  static int listening;
  listening = listener(86);
  raise_during_the_next_call(0);
  struct sigaction action {};
  action.sa_handler = [](int) { static_cast<void>(millrace_shutdown(listening, 5)); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  EXPECT_EQ(millrace_accept(listening, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINTR);
  sigset_t blocked;
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  for (const int signal : {SIGUSR1, SIGINT, SIGTERM}) {
    EXPECT_EQ(sigismember(&blocked, signal), 0) << signal;
  }
  EXPECT_EQ(millrace_close(listening), 0);
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_F(OnCoreTest, AHandlerForOnceMayLetCallsGoOn) {
  const int listening = listener(87);
  raise_during_the_next_call(SA_RESTART | static_cast<int>(SA_RESETHAND));
  int client = -1;
  ASSERT_TRUE(process_core()->worker().after(20ms, [&client] {
    client = millrace_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const sockaddr_in address = own(87);
    EXPECT_EQ(millrace_connect(client, generic(address), sizeof(address)), -1);
  }));
  const int server = millrace_accept(listening, nullptr, nullptr);
  EXPECT_GE(server, 0);
  EXPECT_EQ(signals_handled, 1);
  for (const int fd : {client, server, listening}) {
    EXPECT_EQ(millrace_close(fd), server < 0 && fd < 0 ? -1 : 0);
  }
  std::signal(SIGUSR1, SIG_DFL);
}

TEST_F(OnCoreTest, DescriptorsOfTheKernelsAreHandedOn) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(millrace_pipe(pipe.data()), 0);
  EXPECT_EQ(millrace_write(pipe[1], "abc", 3), 3);
  std::array<char, 8> bytes{};
  EXPECT_EQ(millrace_read(pipe[0], bytes.data(), bytes.size()), 3);
  EXPECT_EQ(millrace_close(pipe[0]), 0);
  EXPECT_EQ(millrace_close(pipe[1]), 0);
}

TEST_F(OnCoreTest, ItRunsAlready) {
  std::string name = "test";
  char* arguments = name.data();
  static_cast<void>(millrace_close(millrace_socket(AF_INET, SOCK_STREAM, 0)));
  EXPECT_EQ(millrace_start(1, &arguments), -1);
  EXPECT_EQ(errno, EALREADY);
}

}  // namespace
}  // namespace millrace::posix
