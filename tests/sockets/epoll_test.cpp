// epoll: level, edge and one-shot, sets that change, and what closing does to them.
#include <gtest/gtest.h>
#include <array>
#include <cerrno>
#include <set>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketEpoll : public testing::Test {
 protected:
  ~SocketEpoll() override { Peer::the().ask("clear"); }

  int control(int operation, int fd, unsigned events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return api::epoll_ctl(set_, operation, fd, &event);
  }
  void add(int fd, unsigned events) const { ASSERT_EQ(control(EPOLL_CTL_ADD, fd, events), 0); }

  /// The events of the one descriptor that is ready, "-" for none within the time.
  [[nodiscard]] std::string wait(int limit = 0) const {
    epoll_event event{};
    const int found = api::epoll_wait(set_, &event, 1, limit);
    return found == 1 ? text_of_events(static_cast<int>(event.events)) : "-";
  }
  [[nodiscard]] std::string wait_long() const { return wait(kLimitMilliseconds); }

  Descriptor set_{api::epoll_create1(0)};
};

TEST_F(SocketEpoll, LeavesAnExclusiveEntryAsItIs) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN);
  EXPECT_EQ(control(EPOLL_CTL_MOD, made.own, EPOLLIN | EPOLLEXCLUSIVE), -1);
  EXPECT_EQ(errno, EINVAL) << "only when it is added";
  EXPECT_EQ(control(EPOLL_CTL_DEL, made.own, 0), 0);
  EXPECT_EQ(control(EPOLL_CTL_ADD, made.own, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE), -1);
  EXPECT_EQ(errno, EINVAL) << "not with everything";
  add(made.own, EPOLLIN | EPOLLEXCLUSIVE);
  EXPECT_EQ(control(EPOLL_CTL_MOD, made.own, EPOLLIN), -1);
  EXPECT_EQ(errno, EINVAL);
  made.tell("write", "x");
  EXPECT_EQ(wait_long(), "IN");
}

TEST_F(SocketEpoll, DoesNotWatchASetExclusively) {
  const Descriptor inner{api::epoll_create1(0)};
  EXPECT_EQ(control(EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketEpoll, KeepsTellingWhileALevelHolds) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN);
  EXPECT_EQ(wait(), "-");
  made.tell("write", "ab");
  EXPECT_EQ(wait_long(), "IN");
  EXPECT_EQ(read_once(made.own, 1), "a");
  EXPECT_EQ(wait(), "IN");
  EXPECT_EQ(read_once(made.own, 1), "b");
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, TellsAnEdgeOnce) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  add(made.own, EPOLLIN | EPOLLET);
  made.tell("write", "ab");
  EXPECT_EQ(wait_long(), "IN");
  EXPECT_EQ(wait(), "-");
  EXPECT_EQ(read_once(made.own, 1), "a");
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, TellsAnEdgeAgainWhenMoreComes) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  add(made.own, EPOLLIN | EPOLLET);
  made.tell("write", "a");
  EXPECT_EQ(wait_long(), "IN");
  made.tell("write", "b");
  EXPECT_EQ(wait_long(), "IN");
  EXPECT_EQ(read_once(made.own), "ab");
}

TEST_F(SocketEpoll, TellsAnEdgeThatWasThereBeforeItWasAdded) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  made.tell("write", "a");
  insist_on_readable(made.own, 1);
  add(made.own, EPOLLIN | EPOLLET);
  EXPECT_EQ(wait(), "IN");
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, TellsAnEdgeAnewAfterMod) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  add(made.own, EPOLLIN | EPOLLET);
  made.tell("write", "a");
  EXPECT_EQ(wait_long(), "IN");
  EXPECT_EQ(wait(), "-");
  ASSERT_EQ(control(EPOLL_CTL_MOD, made.own, EPOLLIN | EPOLLET), 0);
  EXPECT_EQ(wait(), "IN");
}

TEST_F(SocketEpoll, TellsTheEdgeOfWritingOnceThereIsRoomAgain) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  set_option(made.own, SOL_SOCKET, SO_SNDBUF, 20000);
  add(made.own, EPOLLOUT | EPOLLET);
  EXPECT_EQ(wait(), "OUT");
  EXPECT_EQ(wait(), "-");
  const std::string block(10000, 'x');
  insist(
      [&] {
        while (api::send(made.own, block.data(), block.size(), 0) > 0) {
        }
        pollfd still{.fd = made.own, .events = POLLOUT, .revents = 0};
        return api::poll(&still, 1, 100) == 0;  // And it stays full.
      },
      "a full queue");
  (void)wait();
  made.tell("sink");
  EXPECT_EQ(wait_long(), "OUT");
}

TEST_F(SocketEpoll, TellsOneShotOnce) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN | EPOLLONESHOT);
  made.tell("write", "a");
  EXPECT_EQ(wait_long(), "IN");
  made.tell("write", "b");
  insist_on_readable(made.own, 2);
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, LoadsOneShotAgainByMod) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN | EPOLLONESHOT);
  made.tell("write", "a");
  EXPECT_EQ(wait_long(), "IN");
  ASSERT_EQ(control(EPOLL_CTL_MOD, made.own, EPOLLIN | EPOLLONESHOT), 0);
  EXPECT_EQ(wait(), "IN");
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, OneShotSilencesErrorsToo) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN | EPOLLONESHOT);
  made.tell("write", "a");
  EXPECT_EQ(wait_long(), "IN");
  made.tell("abort");
  insist([&] { return (events_now(made.own) & POLLERR) != 0; }, "the reset");
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, TellsErrorsUnasked) {
  const Connection made = connect_to_peer();
  add(made.own, 0);
  EXPECT_EQ(wait(), "-");
  made.tell("abort");
  EXPECT_EQ(wait_long(), "ERR HUP");
}

TEST_F(SocketEpoll, TellsTheEndAsRdhup) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN | EPOLLRDHUP);
  made.tell("shutdown", "1");
  EXPECT_EQ(wait_long(), "IN RDHUP");
}

TEST_F(SocketEpoll, TellsOfANewConnection) {
  const Descriptor listener = listening_socket(4, SOCK_NONBLOCK);
  add(listener, EPOLLIN);
  const std::string client = std::to_string(Peer::the().numbers("bind 0")[0]);
  Peer::the().ask("connect " + client + ' ' + own_address() + ' ' +
                  std::to_string(port_of(listener)));
  EXPECT_EQ(wait_long(), "IN");
  const Descriptor made{api::accept(listener, nullptr, nullptr)};
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, TellsOfTheOutcomeOfAConnect) {
  const std::vector<int> listener = Peer::the().numbers("listen 0 4");
  const Descriptor own = stream_socket(SOCK_NONBLOCK);
  const sockaddr_in to = peer_at(listener[1]);
  api::connect(own, generic(to), sizeof to);
  add(own, EPOLLOUT);
  EXPECT_EQ(wait_long(), "OUT");
}

TEST_F(SocketEpoll, ChangesWhatItWaitsFor) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN);
  EXPECT_EQ(wait(), "-");
  ASSERT_EQ(control(EPOLL_CTL_MOD, made.own, EPOLLOUT), 0);
  EXPECT_EQ(wait(), "OUT");
}

TEST_F(SocketEpoll, ForgetsWhatIsDeleted) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLOUT);
  ASSERT_EQ(api::epoll_ctl(set_, EPOLL_CTL_DEL, made.own, nullptr), 0);
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, ForgetsWhatIsClosed) {
  Connection made = connect_to_peer();
  add(made.own, EPOLLOUT);
  made.own.close();
  EXPECT_EQ(wait(), "-");
}

TEST_F(SocketEpoll, DoesNotConfuseANumberThatIsGivenAgain) {
  Connection made = connect_to_peer();
  const int number = made.own;
  add(number, EPOLLOUT);
  made.own.close();
  const Descriptor next = datagram_socket();
  ASSERT_EQ(next.get(), number);
  EXPECT_EQ(wait(), "-");
  EXPECT_EQ(control(EPOLL_CTL_MOD, next, EPOLLOUT), -1);
  EXPECT_EQ(errno, ENOENT);
  add(next, EPOLLOUT);
  EXPECT_EQ(wait(), "OUT");
}

TEST_F(SocketEpoll, RefusesWhatItHasAlready) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN);
  EXPECT_EQ(control(EPOLL_CTL_ADD, made.own, EPOLLIN), -1);
  EXPECT_EQ(errno, EEXIST);
}

TEST_F(SocketEpoll, RefusesItself) {
  EXPECT_EQ(control(EPOLL_CTL_ADD, set_, EPOLLIN), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketEpoll, RefusesNumbersThatAreNone) {
  EXPECT_EQ(control(EPOLL_CTL_ADD, 12345, EPOLLIN), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(SocketEpoll, GivesNoMoreThanThereIsRoomAndEachInTurn) {
  std::array<Connection, 3> made{connect_to_peer(), connect_to_peer(), connect_to_peer()};
  for (const Connection& one : made) {
    add(one.own, EPOLLOUT);
  }
  std::set<int> seen;
  for (int i = 0; i < 3; ++i) {
    std::array<epoll_event, 2> events{};
    const int found = api::epoll_wait(set_, events.data(), 2, 0);
    ASSERT_EQ(found, 2);
    seen.insert({events[0].data.fd, events[1].data.fd});
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST_F(SocketEpoll, GivesBackTheDataAsItWas) {
  const Connection made = connect_to_peer();
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u64 = 0x0123456789abcdef;
  ASSERT_EQ(api::epoll_ctl(set_, EPOLL_CTL_ADD, made.own, &event), 0);
  epoll_event got{};
  ASSERT_EQ(api::epoll_wait(set_, &got, 1, 0), 1);
  EXPECT_EQ(got.data.u64, 0x0123456789abcdefU);
}

TEST_F(SocketEpoll, WaitsForItsTimeAndNoLonger) {
  const Connection made = connect_to_peer();
  add(made.own, EPOLLIN);
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(wait(40), "-");
  EXPECT_GE(now_milliseconds() - begun, 39);
}

TEST_F(SocketEpoll, TwoSetsHearOfTheSameSocket) {
  const Connection made = connect_to_peer();
  const Descriptor other{api::epoll_create1(0)};
  add(made.own, EPOLLIN);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(api::epoll_ctl(other, EPOLL_CTL_ADD, made.own, &event), 0);
  made.tell("write", "x");
  EXPECT_EQ(wait_long(), "IN");
  EXPECT_EQ(api::epoll_wait(other, &event, 1, kLimitMilliseconds), 1);
}

TEST_F(SocketEpoll, HearsOfAPipeOfTheKernelsBesideSockets) {
  const Connection made = connect_to_peer();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int in = ends[0];
  add(in, EPOLLIN);
  add(made.own, EPOLLIN);
  EXPECT_EQ(wait(), "-");
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  epoll_event event{};
  ASSERT_EQ(api::epoll_wait(set_, &event, 1, kLimitMilliseconds), 1);
  EXPECT_EQ(event.data.fd, in);
  char byte = 0;
  ASSERT_EQ(::read(in, &byte, 1), 1);
  made.tell("write", "y");
  ASSERT_EQ(api::epoll_wait(set_, &event, 1, kLimitMilliseconds), 1);
  EXPECT_EQ(event.data.fd, made.own.get());
  ASSERT_EQ(api::epoll_ctl(set_, EPOLL_CTL_DEL, in, nullptr), 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(SocketEpoll, HearsOfTheEndOfAKernelsPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  add(ends[0], EPOLLIN);
  ::close(ends[1]);
  EXPECT_EQ(wait_long(), "HUP");
  ASSERT_EQ(api::epoll_ctl(set_, EPOLL_CTL_DEL, ends[0], nullptr), 0);
  ::close(ends[0]);
}

TEST_F(SocketEpoll, WantsRoomForAtLeastOne) {
  epoll_event event{};
  EXPECT_EQ(api::epoll_wait(set_, &event, 0, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
}  // namespace millrace::test
