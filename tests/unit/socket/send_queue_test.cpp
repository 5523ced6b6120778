// SendQueue: nothing is lost, nothing overtakes, limits hold, and the end waits for what is kept.
#include <millrace/send_queue.hpp>

#include <array>
#include <string>
#include <utility>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

/// A text in which every place looks different from its neighborhood.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 31 + i / 257) % 26);
  }
  return text;
}

class SendQueueTest : public RingWorld {
 protected:
  SendQueueTest() {
    config.tcp.send_buffer_bytes = 4'096;
    config.tcp.receive_buffer_bytes = 16'384;
  }

  /// A connection whose client flushes `queue` when it may.
  void open() {
    start();
    listener = listen(at_server);
    std::tie(ours, theirs) = join(at_client, at_server);
    at_client.react = [this](std::string_view event, TcpSocket socket) {
      if (event == "writable") {
        EXPECT_TRUE(queue.flush(socket).has_value());
      }
    };
  }
  /// From now on the server takes what arrives.
  void read_on() {
    const auto read = [this](TcpSocket socket) {
      for (auto bytes = socket.peek(); !bytes.empty(); bytes = socket.peek()) {
        got += as_text(bytes);
        EXPECT_TRUE(socket.consume(bytes.size()).has_value());
      }
    };
    at_server.react = [read](std::string_view event, TcpSocket socket) {
      if (event == "readable") {
        read(socket);
      }
    };
    read(theirs);
    wait(5s);
  }
  /// Sends to a peer that does not read until no more is taken; returns what was.
  std::string fill() {
    std::string taken;
    const std::string text = pattern(100'000);
    while (queue.send(ours, std::string_view{text}.substr(taken.size(), 700))) {
      taken.append(text, taken.size(), 700);
      settle();
    }
    EXPECT_FALSE(queue.empty());
    return taken;
  }

  Recorder at_client;
  Recorder at_server;
  TcpListener listener;
  TcpSocket ours;
  TcpSocket theirs;
  SendQueue queue{5'000};
  std::string got;
};

TEST_F(SendQueueTest, KeepsNothingWhileTheConnectionTakesAll) {
  open();
  EXPECT_TRUE(queue.send(ours, "ping").has_value());
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.room(), 5'000U);
  EXPECT_EQ(queue.capacity(), 5'000U);
  read_on();
  EXPECT_EQ(got, "ping");
}

TEST_F(SendQueueTest, KeepsTheRestAndSendsItInOrder) {
  open();
  const std::string text = pattern(5'000);
  EXPECT_TRUE(queue.send(ours, text).has_value());
  EXPECT_GT(queue.size(), 0U);
  EXPECT_EQ(queue.size() + ours.unacknowledged(), text.size());
  EXPECT_TRUE(queue.send(ours, "behind").has_value());
  read_on();
  EXPECT_EQ(got, text + "behind");
  EXPECT_TRUE(queue.empty());
}

TEST_F(SendQueueTest, KeepsTheOrderHoweverOftenItWraps) {
  open();
  read_on();
  const std::string text = pattern(200'000);
  std::size_t refused = 0;
  for (std::size_t sent = 0; sent < text.size();) {
    const std::string_view piece = std::string_view{text}.substr(sent, 700 + sent % 613);
    if (queue.send(ours, piece)) {
      sent += piece.size();
      continue;
    }
    ++refused;
    turn();
  }
  wait(5s);
  EXPECT_EQ(got, text);
  EXPECT_GT(refused, 10U);
}

TEST_F(SendQueueTest, TakesAllOrNothing) {
  open();
  std::string expected = fill();
  const std::size_t room = queue.room();
  ASSERT_LT(room, 700U);
  EXPECT_EQ(queue.send(ours, std::string(room + 1, 'x')).error(), Error::WouldBlock);
  EXPECT_EQ(queue.room(), room);
  EXPECT_TRUE(queue.send(ours, std::string(room, 'y')).has_value());
  EXPECT_EQ(queue.room(), 0U);
  EXPECT_EQ(queue.send(ours, "z").error(), Error::WouldBlock);
  read_on();
  EXPECT_EQ(got, expected + std::string(room, 'y'));
  EXPECT_EQ(queue.room(), queue.capacity());
}

TEST_F(SendQueueTest, PacketsThatAreInUseAreWaitedFor) {
  packet::CorePools small = test::make_core_pools({.data = 63, .headers = 255, .references = 63});
  start(small);
  listener = listen(at_server);
  std::tie(ours, theirs) = join(at_client, at_server);
  at_client.react = [this](std::string_view event, TcpSocket socket) {
    if (event == "writable") {
      EXPECT_TRUE(queue.flush(socket).has_value());
    }
  };
  while (packet::Packet packet = small.data.allocate()) {
    held.push_back(std::move(packet));
  }
  EXPECT_TRUE(queue.send(ours, "patience").has_value());
  EXPECT_EQ(queue.size(), 8U);
  held.clear();
  read_on();
  EXPECT_EQ(got, "patience");
  server.reset();
  client.reset();
}

TEST_F(SendQueueTest, RefusesWhatWouldNeverFit) {
  open();
  EXPECT_EQ(queue.send(ours, std::string(5'001, 'x')).error(), Error::InvalidArgument);
  EXPECT_EQ(SendQueue{}.send(ours, "x").error(), Error::InvalidArgument);
  read_on();
  EXPECT_EQ(got, "");
}

TEST_F(SendQueueTest, KeepsWhatIsSentBeforeTheConnectionIsOpen) {
  start();
  listener = listen(at_server);
  ours = connect(at_client);
  EXPECT_TRUE(queue.send(ours, "early").has_value());
  EXPECT_TRUE(queue.send(ours, " bird").has_value());
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  EXPECT_EQ(queue.size(), 10U);
  EXPECT_TRUE(queue.is_ending());
  at_client.react = [this](std::string_view event, TcpSocket socket) {
    if (event == "connected") {
      EXPECT_TRUE(queue.flush(socket).has_value());
    }
  };
  settle();
  theirs = at_server.last;
  read_on();
  EXPECT_EQ(got, "early bird");
  EXPECT_EQ(at_server.count("finished"), 1U);
  EXPECT_FALSE(queue.is_ending());
}

TEST_F(SendQueueTest, AnEndAskedForBeforeTheConnectionIsOpenWaits) {
  start();
  listener = listen(at_server);
  ours = connect(at_client);
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  EXPECT_TRUE(queue.is_ending());
  settle();
  EXPECT_TRUE(queue.flush(ours).has_value());
  EXPECT_EQ(ours.state(), TcpState::FinWait1);
}

TEST_F(SendQueueTest, CloseWaitsUntilAllHasGone) {
  open();
  const std::string expected = fill();
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_TRUE(queue.is_ending());
  EXPECT_EQ(queue.send(ours, "more").error(), Error::InvalidState);
  settle();
  EXPECT_EQ(ours.state(), TcpState::Established);
  at_server.react = nullptr;
  read_on();
  EXPECT_EQ(got, expected);
  EXPECT_FALSE(queue.is_ending());
  EXPECT_EQ(at_server.count("finished"), 1U);
  EXPECT_EQ(queue.send(ours, "more").error(), Error::InvalidState);
}

TEST_F(SendQueueTest, CloseOfAnEmptyQueueIsAtOnceAndMayBeRepeated) {
  open();
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_EQ(ours.state(), TcpState::FinWait1);
  EXPECT_FALSE(queue.is_ending());
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  EXPECT_TRUE(queue.flush(ours).has_value());
}

TEST_F(SendQueueTest, ShutdownLetsReceivingGoOnAndCloseMayFollow) {
  open();
  const std::string expected = fill();
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  read_on();
  EXPECT_EQ(got, expected);
  EXPECT_EQ(at_server.count("finished"), 1U);
  EXPECT_EQ(theirs.send("still here").value(), 10U);
  settle();
  EXPECT_EQ(as_text(ours.peek()), "still here");
  ASSERT_TRUE(ours.consume(10).has_value());
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_EQ(theirs.close().has_value(), true);
  settle();
  EXPECT_TRUE(at_client.outcomes.empty() || at_client.outcomes.front().has_value());
  EXPECT_FALSE(theirs.is_open());
}

TEST_F(SendQueueTest, CloseGoesBeforeAShutdownThatWaits) {
  open();
  fill();
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  read_on();
  // Who has only shut down would hear this; who has closed answers it with a reset.
  EXPECT_TRUE(theirs.send("anybody?").has_value());
  settle();
  ASSERT_EQ(at_server.outcomes.size(), 1U);
  EXPECT_EQ(at_server.outcomes.front().error(), Error::ConnectionReset);
}

TEST_F(SendQueueTest, TellsThatTheConnectionCannotTakeWhatIsKept) {
  open();
  fill();
  const std::size_t kept = queue.size();
  EXPECT_TRUE(ours.shutdown().has_value());
  EXPECT_EQ(queue.flush(ours).error(), Error::InvalidState);
  EXPECT_EQ(queue.close(ours).error(), Error::InvalidState);
  EXPECT_EQ(queue.size(), kept);
}

TEST_F(SendQueueTest, ServesAnotherConnectionAfterClear) {
  open();
  fill();
  EXPECT_TRUE(queue.close(ours).has_value());
  EXPECT_TRUE(ours.abort().has_value());
  settle();
  EXPECT_EQ(queue.flush(ours).error(), Error::StaleHandle);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.send(ours, "x").error(), Error::StaleHandle);
  EXPECT_TRUE(queue.empty());
  at_server.react = nullptr;
  std::tie(ours, theirs) = join(at_client, at_server);
  EXPECT_TRUE(queue.send(ours, "again").has_value());
  read_on();
  EXPECT_EQ(got, "again");
}

TEST_F(SendQueueTest, MovesWithWhatItKeeps) {
  open();
  const std::string expected = fill();
  EXPECT_TRUE(queue.shutdown(ours).has_value());
  SendQueue taken{std::move(queue)};
  EXPECT_TRUE(taken.is_ending());
  EXPECT_FALSE(queue.is_ending());  // NOLINT(bugprone-use-after-move): documented.
  queue = std::move(taken);
  EXPECT_TRUE(queue.is_ending());
  EXPECT_EQ(taken.capacity(), 0U);  // NOLINT(bugprone-use-after-move): documented.
  EXPECT_TRUE(taken.empty());
  EXPECT_FALSE(taken.is_ending());
  read_on();
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace millrace::socket
