// poll: which events when, waiting, several descriptors, and those that are none.
#include <gtest/gtest.h>
#include <array>
#include <cerrno>

#include "bed.hpp"

namespace millrace::test {
namespace {

class SocketPoll : public testing::Test {
 protected:
  ~SocketPoll() override { Peer::the().ask("clear"); }
};

TEST_F(SocketPoll, AFreshStreamHasHungUp) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(text_of_events(events_now(own)), "OUT HUP");
}

TEST_F(SocketPoll, AListenerIsReadyWhenSomebodyWaits) {
  const Descriptor listener = listening_socket();
  EXPECT_EQ(text_of_events(events_now(listener)), "-");
  const std::string client = std::to_string(Peer::the().numbers("bind 0")[0]);
  Peer::the().ask("connect " + client + ' ' + own_address() + ' ' +
                  std::to_string(port_of(listener)));
  EXPECT_EQ(text_of_events(events_soon(listener, POLLIN | POLLOUT)), "IN");
}

TEST_F(SocketPoll, RefusesMoreEntriesThanThereCanBeDescriptors) {
  const Descriptor own = stream_socket();
  EXPECT_EQ(api::poll(nullptr, 1'000'000'000, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(SocketPoll, AConnectionIsWritableAndNoMore) {
  const Connection made = connect_to_peer();
  EXPECT_EQ(text_of_events(events_now(made.own)), "OUT");
}

TEST_F(SocketPoll, DataMakesItReadable) {
  const Connection made = connect_to_peer();
  made.tell("write", "x");
  EXPECT_EQ(text_of_events(events_soon(made.own, POLLIN)), "IN");
  EXPECT_EQ(read_once(made.own), "x");
  EXPECT_EQ(text_of_events(events_now(made.own, POLLIN)), "-");
}

TEST_F(SocketPoll, TheEndIsReadableAndRdhup) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  EXPECT_EQ(text_of_events(events_soon(made.own, POLLRDHUP)), "RDHUP");
  EXPECT_EQ(text_of_events(events_now(made.own)), "IN OUT RDHUP");
}

TEST_F(SocketPoll, BothEndsClosedIsHup) {
  const Connection made = connect_to_peer();
  made.tell("shutdown", "1");
  api::shutdown(made.own, SHUT_WR);
  insist([&] { return (events_now(made.own, 0) & POLLHUP) != 0; }, "HUP");
  EXPECT_EQ(text_of_events(events_now(made.own)), "IN OUT RDHUP HUP");
}

TEST_F(SocketPoll, AFullQueueIsNotWritableUntilThereIsRoom) {
  const Connection made = connect_to_peer(SOCK_NONBLOCK);
  set_option(made.own, SOL_SOCKET, SO_SNDBUF, 20000);
  const std::string block(10000, 'x');
  insist(
      [&] {
        while (api::send(made.own, block.data(), block.size(), 0) > 0) {
        }
        return events_now(made.own, POLLOUT) == 0;
      },
      "a full queue");
  made.tell("sink");
  EXPECT_EQ(text_of_events(events_soon(made.own, POLLOUT)), "OUT");
}

TEST_F(SocketPoll, WaitsForItsTimeAndNoLonger) {
  const Connection made = connect_to_peer();
  pollfd wait{.fd = made.own, .events = POLLIN, .revents = -1};
  const std::int64_t begun = now_milliseconds();
  EXPECT_EQ(api::poll(&wait, 1, 40), 0);
  EXPECT_GE(now_milliseconds() - begun, 39);
  EXPECT_EQ(wait.revents, 0);
}

TEST_F(SocketPoll, WakesWhenDataComes) {
  const Connection made = connect_to_peer();
  Peer::the().later(30, "write " + std::to_string(made.peer) + " x");
  pollfd wait{.fd = made.own, .events = POLLIN, .revents = 0};
  EXPECT_EQ(api::poll(&wait, 1, -1), 1);
  EXPECT_EQ(wait.revents, POLLIN);
}

TEST_F(SocketPoll, CountsThoseThatAreReady) {
  const Connection one = connect_to_peer();
  const Connection two = connect_to_peer();
  const Connection three = connect_to_peer();
  one.tell("write", "x");
  three.tell("write", "x");
  insist_on_readable(one.own, 1);
  insist_on_readable(three.own, 1);
  std::array<pollfd, 3> waits{{{.fd = one.own, .events = POLLIN, .revents = 0},
                               {.fd = two.own, .events = POLLIN, .revents = 0},
                               {.fd = three.own, .events = POLLIN, .revents = 0}}};
  EXPECT_EQ(api::poll(waits.data(), 3, 0), 2);
  EXPECT_EQ(waits[0].revents, POLLIN);
  EXPECT_EQ(waits[1].revents, 0);
  EXPECT_EQ(waits[2].revents, POLLIN);
}

TEST_F(SocketPoll, PassesOverNegativeNumbers) {
  const Connection made = connect_to_peer();
  std::array<pollfd, 2> waits{{{.fd = -1, .events = POLLIN, .revents = 7},
                               {.fd = made.own, .events = POLLOUT, .revents = 0}}};
  EXPECT_EQ(api::poll(waits.data(), 2, 0), 1);
  EXPECT_EQ(waits[0].revents, 0);
}

TEST_F(SocketPoll, NamesNumbersThatAreNoDescriptors) {
  Descriptor made = stream_socket();
  const int number = made;
  made.close();
  EXPECT_EQ(text_of_events(events_now(number)), "NVAL");
}

TEST_F(SocketPoll, MaySeeTheSameDescriptorTwice) {
  const Connection made = connect_to_peer();
  std::array<pollfd, 2> waits{{{.fd = made.own, .events = POLLIN, .revents = 0},
                               {.fd = made.own, .events = POLLOUT, .revents = 0}}};
  EXPECT_EQ(api::poll(waits.data(), 2, 0), 1);
  EXPECT_EQ(waits[0].revents, 0);
  EXPECT_EQ(waits[1].revents, POLLOUT);
}

TEST_F(SocketPoll, ADatagramSocketIsWritable) {
  const Descriptor own = datagram_socket();
  EXPECT_EQ(text_of_events(events_now(own)), "OUT");
}

}  // namespace
}  // namespace millrace::test
