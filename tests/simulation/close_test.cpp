// Every order of closing: who does what, and what is on the way meanwhile. Linger, unread data,
// peers that never finish.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "simulation/network.hpp"
#include "support/covers.hpp"

namespace millrace::test {
namespace {

/// Does nothing by itself; remembers.
class Side final : public TcpHandler {
 public:
  void on_accepted(TcpSocket accepted) override { socket = accepted; }
  void on_connected(TcpSocket connected) override { socket = connected; }
  void on_peer_finished(TcpSocket) override { ++finished; }
  void on_closed(TcpSocket, Result<void> result) override {
    ++closed;
    outcome = result;
  }

  TcpSocket socket;
  unsigned finished = 0;
  unsigned closed = 0;
  std::optional<Result<void>> outcome;
};

/// A client and a server with one connection, 10 ms apart.
struct Connected : Pair {
  explicit Connected(const PairSetup& setup = {}) : Pair{setup} {
    world.call(this->server,
               [&](Worker& worker) { EXPECT_TRUE(worker.listen({.port = Port{9}}, right)); });
    world.call(this->client,
               [&](Worker& worker) { EXPECT_TRUE(worker.connect(server_at(9), left)); });
    EXPECT_TRUE(
        world.run_until([&] { return left.socket.is_open() && right.socket.is_open(); }, 5s));
  }
  template <class F>
  void on_left(F&& function) {
    world.call(client, [&](Worker&) { function(left.socket); });
  }
  template <class F>
  void on_right(F&& function) {
    world.call(server, [&](Worker&) { function(right.socket); });
  }
  void expect_clean() {
    const auto clean = world.check_clean();
    EXPECT_TRUE(clean) << clean.error();
  }

  Side left;
  Side right;
};

enum class Act : std::uint8_t { Shutdown, Close };

void act(TcpSocket socket, Act what) {
  EXPECT_TRUE(what == Act::Shutdown ? socket.shutdown() : socket.close());
}

TEST(Close, EveryOrderEndsWellOnBothSides) {
  test::covers({"MUST-12"});
  for (const Duration lag : {-25ms, -15ms, -10ms, -5ms, 0ms, 5ms, 10ms, 15ms, 25ms, 300ms}) {
    for (const Act first : {Act::Shutdown, Act::Close}) {
      for (const Act second : {Act::Shutdown, Act::Close}) {
        SCOPED_TRACE("lag of " + std::to_string(lag.count() / 1'000'000) + " ms, acts " +
                     std::to_string(static_cast<int>(first)) + " and " +
                     std::to_string(static_cast<int>(second)));
        Connected net;
        const bool left_first = lag >= 0ms;
        net.world.call(left_first ? net.client : net.server, [&](Worker&) {
          act(left_first ? net.left.socket : net.right.socket, first);
        });
        net.world.run_for(lag < 0ms ? -lag : lag);
        net.world.call(left_first ? net.server : net.client, [&](Worker&) {
          act(left_first ? net.right.socket : net.left.socket, second);
        });
        EXPECT_TRUE(
            net.world.run_until([&] { return net.left.closed > 0 && net.right.closed > 0; }, 10s));
        EXPECT_EQ(net.left.outcome, std::optional{Result<void>{}});
        EXPECT_EQ(net.right.outcome, std::optional{Result<void>{}});
        EXPECT_GT(net.client.stack().usage().time_wait + net.server.stack().usage().time_wait, 0U);
        net.expect_clean();
        EXPECT_EQ(net.left.closed, 1U);
        EXPECT_EQ(net.right.closed, 1U);
      }
    }
  }
}

TEST(Close, WithUnreadDataSendsAReset) {
  test::covers({"SHLD-3"});
  Connected net;
  net.on_left([](TcpSocket socket) { EXPECT_EQ(socket.send("unread"), 6U); });
  net.world.run_for(100ms);
  net.on_right([](TcpSocket socket) {
    EXPECT_EQ(socket.readable(), 6U);
    EXPECT_TRUE(socket.close());
  });
  net.world.run_for(100ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{fail(Error::ConnectionReset)}});
  EXPECT_EQ(net.right.outcome, std::optional{Result<void>{fail(Error::ConnectionAborted)}});
  net.expect_clean();
}

TEST(Close, DataThatComesLaterIsAnsweredByAReset) {
  test::covers({"SHLD-3"});
  Connected net;
  net.on_right([](TcpSocket socket) { EXPECT_TRUE(socket.close()); });
  net.world.run_for(50ms);
  EXPECT_EQ(net.left.finished, 1U);
  net.on_left([](TcpSocket socket) { EXPECT_EQ(socket.send("too late"), 8U); });
  net.world.run_for(50ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{fail(Error::ConnectionReset)}});
  EXPECT_EQ(net.right.closed, 1U);
  net.expect_clean();
}

TEST(Close, HalfClosedSideGoesOnReceiving) {
  test::covers({"RFC 9293 §3.6"});
  Connected net;
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.shutdown());
    EXPECT_EQ(socket.send("x").error(), Error::InvalidState);
  });
  net.world.run_for(10min);
  EXPECT_EQ(net.right.finished, 1U);
  net.on_right([](TcpSocket socket) { EXPECT_EQ(socket.send("still here"), 10U); });
  net.world.run_for(100ms);
  net.on_left([](TcpSocket socket) {
    EXPECT_EQ(socket.readable(), 10U);
    EXPECT_TRUE(socket.consume(10));
    EXPECT_EQ(socket.consume(1).error(), Error::InvalidArgument);
  });
  net.on_right([](TcpSocket socket) { EXPECT_TRUE(socket.close()); });
  net.world.run_for(100ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{}});
  EXPECT_EQ(net.right.outcome, std::optional{Result<void>{}});
  net.expect_clean();
}

TEST(Close, PeerThatNeverFinishesIsGivenUp) {
  Connected net;
  net.on_left([](TcpSocket socket) { EXPECT_TRUE(socket.close()); });
  net.world.run_for(59s);
  EXPECT_EQ(net.left.closed, 0U);
  net.world.run_for(2s);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{}});
  EXPECT_EQ(net.client.stack().usage().connections, 0U);
  net.on_right([](TcpSocket socket) { EXPECT_TRUE(socket.abort()); });
  net.expect_clean();
}

TEST(Close, AbortResetsThePeerAtOnce) {
  Connected net;
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.send("lost"));
    EXPECT_TRUE(socket.abort());
  });
  net.world.run_for(15ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{fail(Error::ConnectionAborted)}});
  EXPECT_EQ(net.right.outcome, std::optional{Result<void>{fail(Error::ConnectionReset)}});
  EXPECT_FALSE(net.left.socket.is_open());
  net.expect_clean();
}

TEST(Linger, OfZeroAborts) {
  Connected net;
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.set_linger(Duration::zero()));
    EXPECT_TRUE(socket.close());
  });
  net.world.run_for(50ms);
  EXPECT_EQ(net.right.outcome, std::optional{Result<void>{fail(Error::ConnectionReset)}});
  net.expect_clean();
}

TEST(Linger, RunsOutWhenNothingIsAcknowledged) {
  Connected net;
  sim::LinkParameters dead = delay_of(10ms);
  dead.loss_ppm = 1'000'000;
  net.world.set_parameters({.host = net.client}, dead);
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.set_linger(3s));
    EXPECT_TRUE(socket.send("never arrives"));
    EXPECT_TRUE(socket.close());
  });
  net.world.run_for(2900ms);
  EXPECT_EQ(net.left.closed, 0U);
  net.world.run_for(200ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{fail(Error::ConnectionAborted)}});
  net.world.set_parameters({.host = net.client}, delay_of(10ms));
  net.on_right([](TcpSocket socket) { EXPECT_TRUE(socket.abort()); });
  net.expect_clean();
}

TEST(Linger, DoesNoHarmWhenAllIsDelivered) {
  Connected net;
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.set_linger(3s));
    EXPECT_TRUE(socket.send("arrives"));
    EXPECT_TRUE(socket.close());
  });
  net.world.run_for(100ms);
  net.on_right([](TcpSocket socket) {
    EXPECT_EQ(socket.readable(), 7U);
    EXPECT_TRUE(socket.consume(7));
    EXPECT_TRUE(socket.close());
  });
  net.world.run_for(100ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{}});
  EXPECT_EQ(net.right.outcome, std::optional{Result<void>{}});
  net.expect_clean();
}

TEST(UserTimeout, EndsAConnectionWithoutProgress) {
  test::covers({"MUST-20", "MUST-21"});
  Connected net;
  net.on_left([](TcpSocket socket) {
    EXPECT_TRUE(socket.set_user_timeout(7s));
    EXPECT_EQ(socket.send("a"), 1U);
  });
  net.world.run_for(1s);
  sim::LinkParameters dead = delay_of(10ms);
  dead.loss_ppm = 1'000'000;
  net.world.set_parameters({.host = net.client}, dead);
  net.on_left([](TcpSocket socket) { EXPECT_EQ(socket.send("b"), 1U); });
  net.world.run_for(6900ms);
  EXPECT_EQ(net.left.closed, 0U);
  net.world.run_for(200ms);
  EXPECT_EQ(net.left.outcome, std::optional{Result<void>{fail(Error::TimedOut)}});
  net.world.set_parameters({.host = net.client}, delay_of(10ms));
  net.on_right([](TcpSocket socket) { EXPECT_TRUE(socket.abort()); });
  net.expect_clean();
}

}  // namespace
}  // namespace millrace::test
