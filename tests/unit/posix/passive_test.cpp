// Calls of several threads on a passive stack, where time stands still: what one of them changes
// the others hear of.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "packetdrill/scripted_host.hpp"
#include "support/eal_environment.hpp"

namespace millrace::posix {
namespace {

using namespace std::chrono_literals;

class PassiveTest : public ::testing::Test {
 protected:
  PassiveTest() {
    test::start_eal();
    auto flags = packetdrill::parse_script_flags("");
    EXPECT_TRUE(flags) << flags.error();
    auto made = packetdrill::ScriptedHost::make(*std::move(flags));
    EXPECT_TRUE(made) << made.error();
    host_ = *std::move(made);
  }

  Passive& passive() { return host_->passive(); }
  /// What `sleep` answers in a thread that sleeps in it while this one does `change`; -ETIMEDOUT
  /// when it goes on sleeping.
  int woken(std::function<int(Sockets&)> sleep, std::function<int(Sockets&)> change) {
    std::atomic<bool> has_begun = false;
    std::atomic<bool> is_done = false;
    int result = 0;
    std::jthread sleeper{[&] {
      result = passive().call([&](Sockets& sockets) {
        has_begun = true;
        return sleep(sockets);  // Gives the lock up once it sleeps, not before.
      });
      is_done = true;
    }};
    while (!has_begun) {
      std::this_thread::yield();
    }
    EXPECT_EQ(passive().call(std::move(change)), 0);
    // Real time: how long a thread that was woken may take until it runs.
    for (int i = 0; i < 500 && !is_done; ++i) {
      std::this_thread::sleep_for(10ms);
    }
    const bool was_woken = is_done;
    passive().let_pass(1s);  // Which wakes everybody.
    sleeper.join();
    return was_woken ? result : -ETIMEDOUT;
  }

  std::unique_ptr<packetdrill::ScriptedHost> host_;
};

TEST_F(PassiveTest, AnAcceptThatSleepsHearsThatItsListenerIsShut) {
  const int listener = passive().call([](Sockets& sockets) {
    const int fd = sockets.socket(AF_INET, SOCK_STREAM, 0);
    return sockets.listen(fd, 4) == 0 ? fd : -1;
  });
  ASSERT_GE(listener, 0);
  EXPECT_EQ(woken([&](Sockets& sockets) { return sockets.accept(listener, nullptr, nullptr, 0); },
                  [&](Sockets& sockets) { return sockets.shutdown(listener, SHUT_RD); }),
            -EINVAL);
}

TEST_F(PassiveTest, AnEpollWaitThatSleepsHearsOfWhatIsAdded) {
  const int set = passive().call([](Sockets& sockets) { return sockets.epoll_create(0); });
  ASSERT_GE(set, 0);
  epoll_event got{};
  EXPECT_EQ(woken([&](Sockets& sockets) { return sockets.epoll_wait(set, &got, 1, 900); },
                  [&](Sockets& sockets) {
                    epoll_event event{};
                    event.events = EPOLLOUT;
                    const int fd = sockets.socket(AF_INET, SOCK_DGRAM, 0);
                    return sockets.epoll_control(set, EPOLL_CTL_ADD, fd, &event);
                  }),
            1);
  EXPECT_EQ(got.events, EPOLLOUT);
}

}  // namespace
}  // namespace millrace::posix
