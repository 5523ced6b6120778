// TcpSocket: moving bytes, back-pressure, closing and lingering, handles that have gone stale or
// are used on a wrong thread.
#include <array>
#include <compare>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

using Words = std::vector<std::string>;

std::string text_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text.push_back(static_cast<char>(each));
  }
  return text;
}

/// A text in which every place looks different from its neighborhood.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 31 + i / 257) % 26);
  }
  return text;
}

class TcpSocketTest : public RingWorld {
 protected:
  void open() {
    start();
    listener = listen(at_server);
    std::tie(ours, theirs) = join(at_client, at_server);
  }
  /// All that can be read there now.
  static std::string read(TcpSocket socket) {
    std::string text;
    std::array<std::byte, 700> bytes;
    while (const auto received = socket.receive(bytes)) {
      text += text_of(std::span{bytes}.first(*received));
    }
    return text;
  }

  Recorder at_client;
  Recorder at_server;
  TcpListener listener;
  TcpSocket ours;
  TcpSocket theirs;
};

TEST_F(TcpSocketTest, CarriesBytesBothWays) {
  open();
  EXPECT_EQ(ours.send("ping").value(), 4U);
  settle();
  EXPECT_EQ(read(theirs), "ping");
  EXPECT_EQ(theirs.send("pong").value(), 4U);
  settle();
  EXPECT_EQ(read(ours), "pong");
  EXPECT_EQ(at_client.heard, (Words{"connected", "readable"}));
  EXPECT_EQ(at_server.heard, (Words{"accepted", "readable"}));
}

TEST_F(TcpSocketTest, AHandleMayBeConst) {
  open();
  const TcpSocket handle = ours;
  const auto say = [handle](std::string_view text) { return handle.send(text); };
  EXPECT_EQ(say("ping").value(), 4U);
  settle();
  const TcpSocket other = theirs;
  std::array<std::byte, 2> bytes;
  EXPECT_EQ(other.receive(bytes).value(), 2U);
  EXPECT_EQ(other.receive_buffer()->size(), 2U);
  EXPECT_TRUE(other.set_no_delay(true) && other.set_user_data(&bytes) && other.shutdown());
  const TcpListener where = listener;
  EXPECT_TRUE(where.pause() && where.resume() && where.close());
  EXPECT_TRUE(handle.close().has_value());
}

TEST_F(TcpSocketTest, AHandleIsAKeyOfContainers) {
  open();
  std::map<TcpSocket, std::string> ordered{{ours, "ours"}, {theirs, "theirs"}};
  std::unordered_map<TcpSocket, std::string> hashed{{ours, "ours"}, {theirs, "theirs"}};
  const TcpSocket copy = ours;
  EXPECT_EQ(ordered.at(copy), "ours");
  EXPECT_EQ(hashed.at(copy), "ours");
  EXPECT_EQ(ordered.at(theirs), "theirs");
  EXPECT_EQ(hashed.at(theirs), "theirs");
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  const TcpSocket next = join(at_client, at_server).first;
  ASSERT_EQ(next.index(), copy.index()) << "this test needs the place to be used again";
  EXPECT_NE(next, copy);
  EXPECT_NE(next.key(), copy.key());
  EXPECT_FALSE(ordered.contains(next));
  EXPECT_FALSE(hashed.contains(next));
  EXPECT_EQ(hashed.at(copy), "ours") << "a key goes on when its connection does not";
  EXPECT_TRUE((next < copy) != (copy < next));
  EXPECT_EQ(copy <=> ours, std::strong_ordering::equal);
}

TEST_F(TcpSocketTest, KnowsItsEndsAndState) {
  open();
  const auto client_end = ours.endpoints();
  const auto server_end = theirs.endpoints();
  ASSERT_TRUE(client_end && server_end);
  EXPECT_EQ(client_end->remote, (Endpoint{server->address, Port{80}}));
  EXPECT_EQ(client_end->local, server_end->remote);
  EXPECT_EQ(ours.state(), TcpState::Established);
  EXPECT_TRUE(ours.is_open());
  EXPECT_EQ(listener.endpoint()->port, Port{80});
  EXPECT_EQ(to_string(TcpState::SynReceived), "SYN-RECEIVED");
}

TEST_F(TcpSocketTest, ReadingIsReceivePeekConsumeAndWholeBuffersInAnyMix) {
  open();
  const std::string sent = pattern(10'000);
  ASSERT_EQ(ours.send(sent).value(), sent.size());
  wait(1s);
  ASSERT_EQ(theirs.readable(), sent.size());
  std::string got = text_of(theirs.peek());
  EXPECT_EQ(theirs.consume(theirs.readable() + 1).error(), Error::InvalidArgument);
  ASSERT_TRUE(theirs.consume(got.size() - 10).has_value());
  got.resize(got.size() - 10);
  EXPECT_TRUE(theirs.consume(0).has_value());
  {
    const auto rest_of_packet = theirs.receive_buffer();
    ASSERT_TRUE(rest_of_packet.has_value());
    EXPECT_EQ(rest_of_packet->size(), 10U);
    got += text_of(rest_of_packet->data());
  }
  EXPECT_EQ(theirs.receive({}).value(), 0U);
  std::array<std::byte, 3'001> bytes;
  const auto received = theirs.receive(bytes);
  ASSERT_EQ(received.value(), bytes.size()) << "across packets";
  got += text_of(bytes);
  // More than the first packet holds.
  const std::size_t several = 4'000;
  std::string skipped = sent.substr(got.size(), several);
  ASSERT_TRUE(theirs.consume(several).has_value());
  got += skipped;
  got += read(theirs);
  EXPECT_EQ(got, sent);
  EXPECT_EQ(theirs.receive(bytes).error(), Error::WouldBlock);
  EXPECT_EQ(theirs.receive({}).error(), Error::WouldBlock);
  EXPECT_EQ(theirs.receive_buffer().error(), Error::WouldBlock);
  EXPECT_TRUE(theirs.peek().empty());
  EXPECT_EQ(theirs.consume(1).error(), Error::InvalidArgument);
}

TEST_F(TcpSocketTest, ABufferFilledInPlaceIsSent) {
  open();
  auto buffer = client->worker.allocate_buffer();
  ASSERT_TRUE(buffer.has_value());
  EXPECT_TRUE(buffer->empty());
  const std::string_view text = "skip: in place";
  std::ranges::copy(std::as_bytes(std::span{text}), buffer->spare().begin());
  buffer->extend(text.size());
  buffer->remove_prefix(6);
  ASSERT_TRUE(ours.send(std::move(*buffer)).has_value());
  settle();
  EXPECT_EQ(read(theirs), "in place");
  EXPECT_TRUE(ours.send(Buffer{}).has_value()) << "nothing to send is sent";
}

TEST_F(TcpSocketTest, AReceivedPacketGoesBackUntouched) {
  open();
  const std::string sent = pattern(5'000);
  ASSERT_TRUE(ours.send(sent).has_value());
  at_server.react = [](std::string_view event, TcpSocket socket) {
    while (event == "readable" && socket.readable() > 0) {
      auto packet = socket.receive_buffer();
      ASSERT_TRUE(packet.has_value());
      ASSERT_TRUE(socket.send(std::move(*packet)).has_value());
    }
  };
  wait(1s);
  EXPECT_EQ(read(ours), sent);
}

TEST_F(TcpSocketTest, ReferencesSurviveTheRing) {
  offloads = true;
  open();
  const std::string sent = pattern(50'000);
  std::size_t taken = 0;
  std::string got;
  for (int i = 0; i < 100 && got.size() < sent.size(); ++i) {
    if (taken < sent.size()) {
      taken += ours.send(std::string_view{sent}.substr(taken)).value_or(0);
    }
    wait(100ms);
    got += read(theirs);
  }
  EXPECT_EQ(got, sent);
}

TEST_F(TcpSocketTest, SendTakesWhatFitsAndSaysWhenThereIsRoom) {
  config.tcp.send_buffer_bytes = 64 * 1'024;
  config.tcp.receive_buffer_bytes = 32 * 1'024;
  open();
  const std::string sent = pattern(400'000);
  std::size_t taken = 0;
  const auto fill = [&](TcpSocket socket) {
    while (taken < sent.size()) {
      const auto now = socket.send(std::string_view{sent}.substr(taken));
      if (!now) {
        EXPECT_EQ(now.error(), Error::WouldBlock);
        EXPECT_EQ(socket.writable(), 0U);
        return;
      }
      taken += *now;
    }
  };
  at_client.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "writable") {
      EXPECT_GT(socket.writable(), 0U);
      fill(socket);
    }
  };
  fill(ours);
  EXPECT_LT(taken, 64U * 1'024U);
  EXPECT_EQ(ours.unacknowledged(), taken);
  wait(1s);
  const std::size_t stuck_at = taken;
  wait(5s);
  EXPECT_EQ(taken, stuck_at) << "a reader that does not read stops the writer";
  std::string got;
  for (int i = 0; i < 10'000 && got.size() < sent.size(); ++i) {
    got += read(theirs);
    wait(10ms);
  }
  EXPECT_EQ(got, sent);
  EXPECT_GE(at_client.count("writable"), 2U);
  EXPECT_EQ(ours.unacknowledged(), 0U);
}

TEST_F(TcpSocketTest, OutOfPacketsPasses) {
  packet::CorePools small = test::make_core_pools({.data = 63, .headers = 255, .references = 63});
  start(small);
  listener = listen(at_server);
  std::tie(ours, theirs) = join(at_client, at_server);
  while (packet::Packet packet = small.data.allocate()) {
    held.push_back(std::move(packet));
  }
  EXPECT_EQ(client->worker.allocate_buffer().error(), Error::OutOfPackets);
  EXPECT_EQ(ours.send("hello").error(), Error::OutOfPackets);
  EXPECT_EQ(ours.unacknowledged(), 0U);
  held.clear();
  at_client.react = [](std::string_view event, TcpSocket socket) {
    if (event == "writable") {
      EXPECT_EQ(socket.send("hello").value(), 5U);
    }
  };
  wait(1s);
  EXPECT_EQ(at_client.heard, (Words{"connected", "writable"}));
  EXPECT_EQ(read(theirs), "hello");
  server.reset();
  client.reset();
  EXPECT_EQ(small.in_use(), 0U);
}

TEST_F(TcpSocketTest, ABufferThatIsRefusedStaysWithItsOwner) {
  packet::CorePools small = test::make_core_pools({.data = 9, .headers = 255, .references = 63});
  start(small);
  listener = listen(at_server);
  std::tie(ours, theirs) = join(at_client, at_server);
  // The ring hands packets on as they are: they come back when they have been read.
  std::size_t bytes_read = 0;
  at_server.react = [&](std::string_view event, TcpSocket socket) {
    bytes_read += event == "readable" ? read(socket).size() : 0;
  };
  // Six of nine packets may be held by queues, five of them by what is to be sent.
  std::vector<Buffer> buffers;
  for (int i = 0; i < 6; ++i) {
    auto buffer = client->worker.allocate_buffer();
    ASSERT_TRUE(buffer.has_value());
    buffer->extend(1'400);  // Too much to be copied behind the one before.
    buffers.push_back(std::move(*buffer));
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(ours.send(std::move(buffers[static_cast<std::size_t>(i)])).has_value());
  }
  EXPECT_EQ(ours.send(std::move(buffers[5])).error(), Error::OutOfPackets);
  EXPECT_EQ(buffers[5].size(), 1'400U);
  wait(1s);
  EXPECT_EQ(at_client.heard.back(), "writable");
  EXPECT_TRUE(ours.send(std::move(buffers[5])).has_value());
  wait(1s);
  EXPECT_EQ(bytes_read, 6U * 1'400U);
  server.reset();
  client.reset();
  buffers.clear();
  EXPECT_EQ(small.in_use(), 0U);
}

TEST_F(TcpSocketTest, CannotSendBeforeItIsConnectedNorAfterShutdown) {
  start();
  listener = listen(at_server);
  ours = connect(at_client);
  EXPECT_EQ(ours.send("early").error(), Error::InvalidState);
  EXPECT_EQ(ours.shutdown().error(), Error::InvalidState);
  EXPECT_EQ(ours.writable(), 0U);
  EXPECT_EQ(ours.state(), TcpState::SynSent);
  settle();
  ASSERT_TRUE(ours.shutdown().has_value());
  EXPECT_EQ(ours.send("late").error(), Error::InvalidState);
  Buffer buffer = std::move(client->worker.allocate_buffer().value());
  buffer.extend(10);
  EXPECT_EQ(ours.send(std::move(buffer)).error(), Error::InvalidState);
  EXPECT_EQ(buffer.size(), 10U);
}

TEST_F(TcpSocketTest, HalfCloseLetsTheOtherDirectionGoOn) {
  open();
  ASSERT_TRUE(ours.send("question").has_value());
  ASSERT_TRUE(ours.shutdown().has_value());
  settle();
  EXPECT_EQ(at_server.count("finished"), 0U) << "not before all is read";
  EXPECT_EQ(read(theirs), "question");
  settle();
  EXPECT_EQ(at_server.count("finished"), 1U);
  std::array<std::byte, 8> bytes;
  EXPECT_EQ(theirs.receive(bytes).error(), Error::EndOfStream);
  ASSERT_TRUE(theirs.send("answer").has_value());
  ASSERT_TRUE(theirs.close().has_value());
  wait(1s);
  EXPECT_EQ(read(ours), "answer");
  settle();
  EXPECT_EQ(at_client.heard, (Words{"connected", "readable", "finished", "closed"}));
  EXPECT_TRUE(at_client.outcomes.back().has_value());
  EXPECT_EQ(at_server.heard, (Words{"accepted", "readable", "finished", "closed"}));
  EXPECT_TRUE(at_server.outcomes.back().has_value());
  EXPECT_EQ(client->stack.usage().time_wait, 1U);
  EXPECT_EQ(server->stack.usage().time_wait, 0U);
}

TEST_F(TcpSocketTest, CloseDeliversWhatIsQueued) {
  open();
  const std::string sent = pattern(30'000);
  ASSERT_EQ(ours.send(sent).value(), sent.size());
  ASSERT_TRUE(ours.close().has_value());
  EXPECT_TRUE(ours.close().has_value()) << "twice is harmless";
  std::string got;
  for (int i = 0; i < 50; ++i) {
    wait(100ms);
    got += read(theirs);
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(at_server.count("finished"), 1U);
  ASSERT_TRUE(theirs.close().has_value());
  wait(1s);
  EXPECT_EQ(at_client.heard.back(), "closed");
  EXPECT_TRUE(at_client.outcomes.back().has_value());
}

TEST_F(TcpSocketTest, CloseWithUnreadDataResets) {
  open();
  ASSERT_TRUE(theirs.send("never read").has_value());
  settle();
  ASSERT_TRUE(ours.close().has_value());
  settle();
  EXPECT_EQ(at_server.heard.back(), "closed");
  EXPECT_EQ(at_server.outcomes.back().error(), Error::ConnectionReset);
  EXPECT_EQ(at_client.outcomes.back().error(), Error::ConnectionAborted);
}

TEST_F(TcpSocketTest, AbortResets) {
  open();
  ASSERT_TRUE(ours.send("lost").has_value());
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  EXPECT_EQ(at_client.heard, (Words{"connected", "closed"}));
  EXPECT_EQ(at_client.outcomes.back().error(), Error::ConnectionAborted);
  EXPECT_EQ(at_server.outcomes.back().error(), Error::ConnectionReset);
}

TEST_F(TcpSocketTest, ReceivedBytesCanStillBeReadWhenTheConnectionIsOver) {
  open();
  ASSERT_TRUE(ours.send("last words").has_value());
  settle();
  ASSERT_TRUE(ours.abort().has_value());
  std::string got;
  at_server.react = [&](std::string_view event, TcpSocket socket) {
    if (event == "closed") {
      got = read(socket);
    }
  };
  settle();
  EXPECT_EQ(got, "last words");
}

TEST_F(TcpSocketTest, LingerZeroAbortsAtOnce) {
  open();
  ASSERT_TRUE(ours.set_linger(0s).has_value());
  ASSERT_TRUE(ours.close().has_value());
  settle();
  EXPECT_EQ(at_client.outcomes.back().error(), Error::ConnectionAborted);
  EXPECT_EQ(at_server.outcomes.back().error(), Error::ConnectionReset);
}

TEST_F(TcpSocketTest, LingerBoundsHowLongCloseMayTake) {
  config.tcp.receive_buffer_bytes = 16 * 1'024;
  open();
  ASSERT_TRUE(ours.set_linger(2s).has_value());
  EXPECT_EQ(ours.set_linger(-1s).error(), Error::InvalidArgument);
  EXPECT_EQ(ours.set_user_timeout(-1s).error(), Error::InvalidArgument);
  ASSERT_TRUE(ours.send(pattern(100'000)).has_value());
  ASSERT_TRUE(ours.close().has_value());
  wait(1'900ms);
  EXPECT_EQ(at_client.count("closed"), 0U);
  wait(200ms);
  ASSERT_EQ(at_client.count("closed"), 1U);
  EXPECT_EQ(at_client.outcomes.back().error(), Error::ConnectionAborted);
}

TEST_F(TcpSocketTest, LingerDoesNotHurtACloseThatIsQuick) {
  open();
  ASSERT_TRUE(ours.set_linger(2s).has_value());
  ASSERT_TRUE(ours.send("quick").has_value());
  ASSERT_TRUE(ours.close().has_value());
  settle();
  EXPECT_EQ(read(theirs), "quick");
  settle();
  ASSERT_TRUE(theirs.close().has_value());
  wait(5s);
  EXPECT_TRUE(at_client.outcomes.back().has_value());
  EXPECT_TRUE(at_server.outcomes.back().has_value());
}

TEST_F(TcpSocketTest, NoDelaySendsSmallSegmentsAtOnce) {
  open();
  ASSERT_TRUE(ours.set_no_delay(true).has_value());
  ASSERT_TRUE(ours.send("a").has_value());
  client->loop.run_turn();
  const std::uint64_t before = client->stack.stats().tx_frames;
  ASSERT_TRUE(ours.send("b").has_value());
  client->loop.run_turn();
  EXPECT_EQ(client->stack.stats().tx_frames, before + 1);
  // Nagle's algorithm holds the next one back until the first are acknowledged.
  ASSERT_TRUE(ours.set_no_delay(false).has_value());
  ASSERT_TRUE(ours.send("c").has_value());
  client->loop.run_turn();
  EXPECT_EQ(client->stack.stats().tx_frames, before + 1);
  wait(1s);
  EXPECT_EQ(read(theirs), "abc");
}

TEST_F(TcpSocketTest, UserDataIsKept) {
  open();
  EXPECT_EQ(ours.user_data(), nullptr);
  int mine = 7;
  ASSERT_TRUE(ours.set_user_data(&mine).has_value());
  EXPECT_EQ(ours.user_data_as<int>(), &mine);
  EXPECT_EQ(theirs.user_data(), nullptr);
  at_client.react = [&](std::string_view, TcpSocket socket) {
    EXPECT_EQ(socket.user_data_as<int>(), &mine);
  };
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  EXPECT_EQ(ours.user_data(), nullptr);
}

TEST_F(TcpSocketTest, AHandlerCanBeReplaced) {
  open();
  Recorder other;
  ASSERT_TRUE(theirs.set_handler(other).has_value());
  ASSERT_TRUE(ours.send("x").has_value());
  settle();
  EXPECT_EQ(other.heard, (Words{"readable"}));
  EXPECT_EQ(at_server.count("readable"), 0U);
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  EXPECT_EQ(other.heard.back(), "closed");
}

/// Every call answers that error, or as if there were no connection.
void expect_refused(TcpSocket socket, Error error) {
  Recorder other;
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(socket.send("x").error(), error);
  EXPECT_EQ(socket.send(Buffer{}).error(), error);
  EXPECT_EQ(socket.receive(bytes).error(), error);
  EXPECT_EQ(socket.receive_buffer().error(), error);
  EXPECT_TRUE(socket.peek().empty());
  EXPECT_EQ(socket.consume(0).error(), error);
  EXPECT_EQ(socket.readable(), 0U);
  EXPECT_EQ(socket.writable(), 0U);
  EXPECT_EQ(socket.unacknowledged(), 0U);
  EXPECT_EQ(socket.shutdown().error(), error);
  EXPECT_EQ(socket.close().error(), error);
  EXPECT_EQ(socket.abort().error(), error);
  EXPECT_EQ(socket.set_no_delay(true).error(), error);
  EXPECT_EQ(socket.set_linger({}).error(), error);
  EXPECT_EQ(socket.set_user_timeout(1s).error(), error);
  EXPECT_EQ(socket.advertise_user_timeout(1s).error(), error);
  EXPECT_EQ(socket.set_keepalive(KeepaliveOptions{}).error(), error);
  EXPECT_EQ(socket.set_urgent_inline(false).error(), error);
  EXPECT_EQ(socket.set_dscp(1).error(), error);
  EXPECT_EQ(socket.set_hop_limit(1).error(), error);
  EXPECT_EQ(socket.set_soft_errors(false).error(), error);
  EXPECT_EQ(socket.send_urgent(bytes).error(), error);
  EXPECT_EQ(socket.receive_urgent().error(), error);
  EXPECT_EQ(socket.urgent_left(), 0U);
  EXPECT_EQ(socket.set_handler(other).error(), error);
  EXPECT_EQ(socket.set_user_data(&other).error(), error);
  EXPECT_EQ(socket.user_data(), nullptr);
  EXPECT_EQ(socket.endpoints().error(), error);
  EXPECT_EQ(socket.state(), TcpState::Closed);
  EXPECT_FALSE(socket.is_open());
}

TEST_F(TcpSocketTest, AStaleHandleIsAnErrorEverywhere) {
  open();
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  expect_refused(ours, Error::StaleHandle);
  expect_refused(TcpSocket{}, Error::StaleHandle);
  ASSERT_TRUE(listener.close().has_value());
  EXPECT_EQ(listener.close().error(), Error::StaleHandle);
  EXPECT_EQ(listener.pause().error(), Error::StaleHandle);
  EXPECT_EQ(listener.resume().error(), Error::StaleHandle);
  EXPECT_EQ(listener.endpoint().error(), Error::StaleHandle);
  EXPECT_EQ(TcpListener{}.close().error(), Error::StaleHandle);
  EXPECT_EQ(Timer{}.cancel().error(), Error::StaleHandle);
}

TEST_F(TcpSocketTest, AHandleDoesNotNameTheNextUserOfItsSlot) {
  open();
  ASSERT_TRUE(ours.abort().has_value());
  settle();
  const auto [next, next_theirs] = join(at_client, at_server);
  EXPECT_EQ(next.index(), ours.index());
  EXPECT_NE(next, ours);
  EXPECT_EQ(ours.close().error(), Error::StaleHandle);
  EXPECT_TRUE(next.is_open());
}

TEST_F(TcpSocketTest, AnotherThreadIsTheWrongCore) {
  open();
  auto timer = client->worker.after(1h, [] {});
  ASSERT_TRUE(timer.has_value());
  std::thread{[&] {
    expect_refused(ours, Error::WrongCore);
    EXPECT_EQ(listener.close().error(), Error::WrongCore);
    EXPECT_EQ(listener.pause().error(), Error::WrongCore);
    EXPECT_EQ(listener.resume().error(), Error::WrongCore);
    EXPECT_EQ(listener.endpoint().error(), Error::WrongCore);
    EXPECT_EQ(timer->cancel().error(), Error::WrongCore);
    Recorder other;
    Worker& worker = client->worker;
    EXPECT_EQ(worker.listen({.port = Port{1}}, other).error(), Error::WrongCore);
    EXPECT_EQ(worker.connect({server->address, Port{1}}, other).error(), Error::WrongCore);
    EXPECT_EQ(worker.after(1s, [] {}).error(), Error::WrongCore);
    EXPECT_EQ(worker.background([] {}, [] {}).error(), Error::WrongCore);
    EXPECT_EQ(worker.allocate_buffer().error(), Error::WrongCore);
  }}.join();
  EXPECT_TRUE(ours.is_open());
  EXPECT_TRUE(timer->cancel().has_value());
}

}  // namespace
}  // namespace millrace::socket
