// Threads that are not the core, from before the start until after the end: never anything but a
// clear answer. DPDK starts once in a process, so this is one story, and an end that is the whole
// process's has one of its own.
#include "posix/process.hpp"

#include <gtest/gtest.h>
#include <millrace/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace millrace::posix {
namespace {

using namespace std::chrono_literals;

/// What a thread other than the calling one is told when it closes what is no descriptor.
int told_elsewhere() {
  int error = 0;
  std::thread{[&error] { error = millrace_close(-1) == 0 ? 0 : errno; }}.join();
  return error;
}

/// Is destroyed, and takes its time, after what is made later.
struct LongGoodbye {
  ~LongGoodbye() { std::this_thread::sleep_for(100ms); }
};

/// The process ends by another thread while this one is busy with its sockets.
[[noreturn]] void be_ended_by_another_thread() {
  static const LongGoodbye last;
  ::setenv("MILLRACE_OPTIONS",
           "--device ring --address 198.18.0.2/24 --packets 4096 --max-connections 64 --log off",
           1);
  if (millrace_socket(AF_INET, SOCK_DGRAM, 0) < 0) {
    std::abort();
  }
  std::thread{[] {
    std::this_thread::sleep_for(20ms);
    std::exit(7);
  }}.detach();
  for (;;) {
    const int fd = millrace_socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(0xc6120002U);
    static_cast<void>(millrace_sendto(
        fd, "x", 1, 0, static_cast<const sockaddr*>(static_cast<const void*>(&address)),
        sizeof address));
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    static_cast<void>(millrace_poll(&entry, 1, 1));
    if (millrace_close(fd) != 0) {
      std::abort();
    }
  }
}

TEST(ProcessDeathTest, AnotherThreadsExitLeavesTheCoreAlone) {
  EXPECT_EXIT(be_ended_by_another_thread(), testing::ExitedWithCode(7), "");
}

/// As a daemon that closes everything and opens its log: a file that is written when stdio ends,
/// after Millrace.
[[noreturn]] void close_everything_and_log(const char* path) {
  ::setenv("MILLRACE_OPTIONS",
           "--device ring --address 198.18.0.2/24 --packets 4096 --max-connections 64 --log off",
           1);
  if (millrace_socket(AF_INET, SOCK_STREAM, 0) < 0) {
    std::abort();
  }
  for (int number = 3; number < 256; ++number) {
    ::close(number);
  }
  // The log has each number that Millrace had.
  for (int i = 0; i < 64; ++i) {
    std::FILE* const log = std::fopen(path, "a");
    if (log == nullptr || std::fputs("line\n", log) < 0) {
      std::abort();
    }
  }
  std::exit(8);
}

TEST(ProcessDeathTest, ItsEndLeavesTheFilesOfAProgramThatClosedEverythingAlone) {
  const std::string path =
      testing::TempDir() + "millrace-process-test-" + std::to_string(::getpid());
  EXPECT_EXIT(close_everything_and_log(path.c_str()), testing::ExitedWithCode(8), "");
  std::ifstream log{path};
  int lines = 0;
  for (std::string line; std::getline(log, line);) {
    lines += line == "line" ? 1 : 0;
  }
  EXPECT_EQ(lines, 64);
  ::unlink(path.c_str());
}

TEST(Process, OtherThreadsAreToldWhoseTheSocketsAreUntilTheEndIsOver) {
  EXPECT_EQ(told_elsewhere(), EBADF) << "there is nothing but the kernel yet";
  EXPECT_EQ(millrace_stop(), 0) << "nothing to end";
  ::setenv("MILLRACE_OPTIONS",
           "--device ring --address 198.18.0.2/24 --packets 4096 --max-connections 64 --log off",
           1);
  ASSERT_GE(millrace_socket(AF_INET, SOCK_STREAM, 0), 0);
  EXPECT_EQ(told_elsewhere(), EPERM);

  int while_ending = 0;
  ASSERT_TRUE(process_core()->worker().after(Duration::zero(), [&while_ending] {
    EXPECT_EQ(process_core(), nullptr) << "the end is under way";
    while_ending = told_elsewhere();
  }));
  std::atomic<bool> is_over{false};
  std::atomic<unsigned> calls{0};
  std::thread caller{[&] {
    while (!is_over) {
      pollfd entry{.fd = -1, .events = 0, .revents = 0};
      const int polled = millrace_poll(&entry, 1, 0);
      EXPECT_TRUE(polled == 0 || errno == EPERM);
      EXPECT_TRUE(millrace_socket(AF_INET, SOCK_STREAM, 0) == -1);
      EXPECT_TRUE(errno == EPERM || errno == ENETDOWN);
      ++calls;
    }
  }};
  while (calls < 100) {
    std::this_thread::yield();
  }
  EXPECT_EQ(millrace_stop(), 0);
  EXPECT_EQ(while_ending, EPERM);
  is_over = true;
  caller.join();
  EXPECT_EQ(told_elsewhere(), EBADF);
  EXPECT_EQ(millrace_socket(AF_INET, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, ENETDOWN);
}

}  // namespace
}  // namespace millrace::posix
