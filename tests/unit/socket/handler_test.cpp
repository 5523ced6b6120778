// TcpHandler: which events come, in which order, each at most once per turn; and that inside of any
// of them any call on any object is allowed.
#include <map>
#include <string>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

using Words = std::vector<std::string>;

class HandlerTest : public RingWorld {
 protected:
  Recorder at_client;
  Recorder at_server;
};

TEST_F(HandlerTest, EventsComeInOrder) {
  start();
  listen(at_server);
  const auto [ours, theirs] = join(at_client, at_server);
  at_server.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(socket.readable()).has_value());
    } else if (event == "finished") {
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  TcpSocket mine = ours;
  ASSERT_TRUE(mine.send("x").has_value());
  ASSERT_TRUE(mine.shutdown().has_value());
  settle();
  EXPECT_EQ(at_server.heard, (Words{"accepted", "readable", "finished", "closed"}));
  EXPECT_EQ(at_client.heard, (Words{"connected", "finished", "closed"}));
}

TEST_F(HandlerTest, AConnectionThatNeverCameToBeHearsClosedAlone) {
  start();
  connect(at_client);
  settle();
  ASSERT_EQ(at_client.heard, (Words{"closed"}));
  EXPECT_EQ(at_client.outcomes[0].error(), Error::ConnectionRefused);
}

TEST_F(HandlerTest, AnAttemptGivenUpHearsClosedAlone) {
  start();
  listen(at_server);
  TcpSocket ours = connect(at_client);
  ASSERT_TRUE(ours.close().has_value());
  settle();
  ASSERT_EQ(at_client.heard, (Words{"closed"}));
  EXPECT_EQ(at_client.outcomes[0].error(), Error::ConnectionAborted);
  EXPECT_TRUE(client->stack.is_empty());
}

TEST_F(HandlerTest, NoEventComesTwiceInOneTurn) {
  start();
  listen(at_server);
  auto [ours, theirs] = join(at_client, at_server);
  ASSERT_TRUE(ours.set_no_delay(true).has_value());
  // Many segments reach the server before its next turn.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(ours.send(std::string(1'500, 'x')).has_value());
    clock.time += 10us;
    client->loop.run_turn();
  }
  const std::size_t before = at_server.heard.size();
  clock.time += 10us;
  server->loop.run_turn();
  EXPECT_EQ(at_server.heard.size(), before + 1);
  EXPECT_EQ(at_server.heard.back(), "readable");
}

TEST_F(HandlerTest, WhatAHandlerCausesIsSaidInTheNextTurn) {
  start();
  listen(at_server);
  auto [ours, theirs] = join(at_client, at_server);
  ASSERT_TRUE(ours.send("x").has_value());
  ASSERT_TRUE(ours.shutdown().has_value());
  std::map<std::string, std::uint64_t> turn_of;
  at_server.react = [&](std::string_view event, TcpSocket socket) {
    turn_of[std::string{event}] = server->stack.stats().turns;
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(1).has_value());  // Which makes the FIN the next thing to hear.
    }
  };
  settle();
  ASSERT_TRUE(turn_of.contains("finished"));
  EXPECT_EQ(turn_of["finished"], turn_of["readable"] + 1);
}

TEST_F(HandlerTest, AfterCloseOnlyTheEndIsHeard) {
  start();
  listen(at_server);
  auto [ours, theirs] = join(at_client, at_server);
  ASSERT_TRUE(ours.close().has_value());
  settle();
  TcpSocket server_end = theirs;
  ASSERT_TRUE(server_end.close().has_value());
  settle();
  EXPECT_EQ(at_client.heard, (Words{"connected", "closed"}));
}

TEST_F(HandlerTest, WritableIsHeardOnceForOneWish) {
  config.tcp.send_buffer_bytes = 16 * 1'024;
  start();
  listen(at_server);
  auto [ours, theirs] = join(at_client, at_server);
  at_server.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(socket.readable()).has_value());
    }
  };
  const std::string text(100'000, 'x');
  ASSERT_LT(ours.send(text).value(), text.size());
  wait(1s);
  EXPECT_EQ(at_client.count("writable"), 1U);
  wait(1s);
  EXPECT_EQ(at_client.count("writable"), 1U);
}

TEST_F(HandlerTest, SendingAndClosingInsideAccepted) {
  start();
  at_server.react = [](std::string_view event, TcpSocket socket) {
    if (event == "accepted") {
      EXPECT_TRUE(socket.send("bye").has_value());
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  listen(at_server);
  const TcpSocket ours = connect(at_client);
  settle();
  EXPECT_EQ(ours.readable(), 3U);
  EXPECT_EQ(at_client.heard, (Words{"connected", "readable"}));
  EXPECT_EQ(at_server.heard, (Words{"accepted"}));
  TcpSocket mine = ours;
  ASSERT_TRUE(mine.consume(3).has_value());
  settle();
  EXPECT_EQ(at_client.heard.back(), "finished");
  ASSERT_TRUE(mine.close().has_value());
  settle();
  EXPECT_EQ(at_server.heard, (Words{"accepted", "closed"}));
}

TEST_F(HandlerTest, AbortInsideAcceptedIsHeardWithAClosed) {
  start();
  at_server.react = [](std::string_view event, TcpSocket socket) {
    if (event == "accepted") {
      EXPECT_TRUE(socket.abort().has_value());
    }
  };
  listen(at_server);
  connect(at_client);
  settle();
  EXPECT_EQ(at_server.heard, (Words{"accepted", "closed"}));
  EXPECT_EQ(at_client.heard, (Words{"connected", "closed"}));
  EXPECT_EQ(at_client.outcomes[0].error(), Error::ConnectionReset);
  EXPECT_TRUE(server->stack.is_empty());
}

TEST_F(HandlerTest, ClosingTheListenerInsideAcceptedResetsThoseBehind) {
  start();
  TcpListener listener;
  at_server.react = [&](std::string_view event, TcpSocket) {
    if (event == "accepted") {
      EXPECT_TRUE(listener.close().has_value());
    }
  };
  listener = listen(at_server);
  ASSERT_TRUE(listener.pause().has_value());
  for (int i = 0; i < 3; ++i) {
    connect(at_client);
  }
  settle();
  EXPECT_EQ(at_client.count("connected"), 3U);
  EXPECT_TRUE(at_server.heard.empty());
  ASSERT_TRUE(listener.resume().has_value());
  settle();
  EXPECT_EQ(at_server.heard, (Words{"accepted"}));
  EXPECT_EQ(at_client.count("closed"), 2U);
  EXPECT_EQ(server->stack.usage().connections, 1U);
}

TEST_F(HandlerTest, ListeningAndConnectingInsideHandlers) {
  start();
  Recorder second;
  at_server.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "accepted") {
      EXPECT_TRUE(server->worker.listen({.port = Port{81}}, second).has_value());
      EXPECT_TRUE(socket.send("go to 81").has_value());
    }
  };
  Recorder again;
  at_client.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(socket.consume(8).has_value());
      EXPECT_TRUE(socket.close().has_value());
      connect(again, Port{81});
    }
  };
  listen(at_server);
  connect(at_client);
  settle();
  EXPECT_EQ(again.heard.front(), "connected");
  EXPECT_EQ(second.heard, (Words{"accepted"}));
}

TEST_F(HandlerTest, ConnectingAnewInsideClosed) {
  start();
  listen(at_server);
  int left = 3;
  at_client.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "connected") {
      EXPECT_TRUE(socket.abort().has_value());
    } else if (event == "closed" && --left > 0) {
      EXPECT_EQ(socket.state(), TcpState::Closed);
      EXPECT_TRUE(socket.is_open()) << "it can still be read";
      EXPECT_TRUE(socket.close().has_value());
      EXPECT_TRUE(socket.abort().has_value());
      EXPECT_FALSE(socket.send("x").has_value());
      connect(at_client);
    }
  };
  connect(at_client);
  settle();
  EXPECT_EQ(at_client.heard,
            (Words{"connected", "closed", "connected", "closed", "connected", "closed"}));
  // The resets came instead of the handshakes' last ACKs, so nobody heard of them at the server.
  EXPECT_TRUE(at_server.heard.empty());
  EXPECT_TRUE(server->stack.is_empty());
}

TEST_F(HandlerTest, OneConnectionsHandlerMayEndAnother) {
  start();
  listen(at_server);
  auto [first, first_theirs] = join(at_client, at_server);
  auto [second, second_theirs] = join(at_client, at_server);
  // Both have something to read in the same turn; whoever hears of it first ends the other.
  TcpSocket ends[2] = {first_theirs, second_theirs};
  at_server.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      EXPECT_TRUE(ends[socket == ends[0] ? 1 : 0].abort().has_value());
    }
  };
  ASSERT_TRUE(first.send("x").has_value());
  ASSERT_TRUE(second.send("x").has_value());
  settle();
  EXPECT_EQ(at_server.count("readable"), 1U);
  EXPECT_EQ(at_server.count("closed"), 1U);
}

TEST_F(HandlerTest, AHandlerMayDieOnceItsConnectionIsClosed) {
  start();
  listen(at_server);
  struct Mortal : TcpHandler {
    explicit Mortal(int& its_deaths) : deaths{its_deaths} {}
    ~Mortal() override { ++deaths; }
    void on_connected(TcpSocket socket) override { socket.abort(); }
    void on_closed(TcpSocket, Result<void>) override { delete this; }
    int& deaths;
  };
  int deaths = 0;
  connect(*new Mortal{deaths});
  settle();
  EXPECT_EQ(deaths, 1);
}

TEST_F(HandlerTest, AResetAfterAnAbortInsideAHandlerIsStillSent) {
  start();
  listen(at_server);
  auto [ours, theirs] = join(at_client, at_server);
  ASSERT_TRUE(ours.abort().has_value());
  // Nothing more can be done to it, and nothing takes the reset back.
  EXPECT_TRUE(ours.abort().has_value());
  EXPECT_TRUE(ours.close().has_value());
  settle();
  EXPECT_EQ(at_server.heard.back(), "closed");
}

TEST_F(HandlerTest, BacklogAndPauseAsSeenFromTheClient) {
  start();
  TcpListener listener = listen(at_server, 1);
  ASSERT_TRUE(listener.pause().has_value());
  for (int i = 0; i < 4; ++i) {
    connect(at_client);
    settle();
  }
  // Two wait; the others' handshakes are not completed.
  EXPECT_EQ(at_client.count("connected"), 2U);
  EXPECT_TRUE(at_server.heard.empty());
  ASSERT_TRUE(listener.resume().has_value());
  wait(5s);
  EXPECT_EQ(at_client.count("connected"), 4U);
  EXPECT_EQ(at_server.count("accepted"), 4U);
}

TEST_F(HandlerTest, ManyAtOnce) {
  start();
  at_server.react = [](std::string_view event, TcpSocket socket) {
    if (event == "readable") {
      auto packet = socket.receive_buffer();
      ASSERT_TRUE(packet.has_value());
      ASSERT_TRUE(socket.send(std::move(*packet)).has_value());
    } else if (event == "finished") {
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  at_client.react = [](std::string_view event, TcpSocket socket) {
    if (event == "connected") {
      EXPECT_TRUE(socket.send("hello").has_value());
    } else if (event == "readable" && socket.readable() == 5) {
      EXPECT_TRUE(socket.consume(5).has_value());
      EXPECT_TRUE(socket.close().has_value());
    }
  };
  listen(at_server);
  for (int i = 0; i < 200; ++i) {
    connect(at_client);
  }
  wait(2s);
  EXPECT_EQ(at_client.count("closed"), 200U);
  EXPECT_EQ(at_server.count("closed"), 200U);
  for (const Recorder* recorder : {&at_client, &at_server}) {
    for (const Result<void>& outcome : recorder->outcomes) {
      EXPECT_TRUE(outcome.has_value());
    }
  }
  EXPECT_TRUE(server->stack.is_empty());
  EXPECT_TRUE(client->stack.is_empty());
  EXPECT_EQ(client->stack.usage().time_wait, 64U);  // As many as there may be.
  EXPECT_EQ(client->stack.stats().tcp_time_wait_recycled, 136U);
}

}  // namespace
}  // namespace millrace::socket
