// UdpSocket over a ring: what arrives with and without offloads, in one packet and in many; handles
// that have gone stale or are used on a wrong thread.
#include <array>
#include <string>
#include <thread>
#include <unordered_set>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 31 + i / 257) % 26);
  }
  return text;
}

std::string text_of(const Datagram& datagram) {
  std::string text(datagram.payload.total_size(), ' ');
  datagram.payload.copy_to(std::as_writable_bytes(std::span{text}));
  return text;
}

struct Counter : UdpHandler {
  void on_readable(UdpSocket) override { ++readable; }
  int readable = 0;
};

class UdpSocketTest : public RingWorld {
 protected:
  void open() {
    start();
    theirs = server->worker.open_udp({.port = Port{7}}, at_server).value();
    ours = client->worker.open_udp({.peer = Endpoint{server->address, Port{7}}}, at_client).value();
  }

  Counter at_client;
  Counter at_server;
  UdpSocket ours;
  UdpSocket theirs;
};

TEST_F(UdpSocketTest, EverySizeGoesThereAndBackWithAndWithoutOffloads) {
  for (const bool with : {false, true}) {
    offloads = with;
    open();
    for (const std::size_t size :
         {0UL, 1UL, 300UL, 1'472UL, 1'473UL, 2'048UL, 20'000UL, 65'507UL}) {
      const std::string text = pattern(size);
      ASSERT_TRUE(ours.send(text).has_value()) << size;
      settle();
      auto there = theirs.receive();
      ASSERT_TRUE(there.has_value()) << size << (with ? " with offloads" : "");
      EXPECT_EQ(text_of(*there), text);
      EXPECT_EQ(there->source, *ours.local());
      ASSERT_TRUE(theirs.send_to(there->source, std::move(there->payload)).has_value());
      settle();
      const auto back = ours.receive();
      ASSERT_TRUE(back.has_value()) << size;
      EXPECT_EQ(text_of(*back), text);
    }
    EXPECT_EQ(at_server.readable, with ? 16 : 8);
    TearDown();
  }
}

TEST_F(UdpSocketTest, ABurstIsReadAtOnce) {
  open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(ours.send(std::to_string(i)).has_value());
  }
  settle();
  EXPECT_EQ(at_server.readable, 1) << "one event for all";
  std::array<Datagram, 16> burst;
  ASSERT_EQ(theirs.receive(burst), 16U);
  for (std::size_t i = 0; i < burst.size(); ++i) {
    EXPECT_EQ(text_of(burst[i]), std::to_string(i));
  }
  EXPECT_EQ(theirs.receive(burst), 4U);
  EXPECT_EQ(theirs.receive(burst), 0U);
  burst = {};
}

TEST_F(UdpSocketTest, StaleHandlesAreRefused) {
  open();
  EXPECT_EQ(UdpSocket{}.send("x").error(), Error::StaleHandle);
  const UdpSocket gone = ours;
  ASSERT_TRUE(ours.close().has_value());
  const UdpSocket next = client->worker.open_udp({}, at_client).value();
  EXPECT_NE(gone, next);
  EXPECT_EQ(gone.index(), next.index()) << "the place is used again";
  Datagram datagram;
  EXPECT_EQ(gone.send("x").error(), Error::StaleHandle);
  EXPECT_EQ(gone.send(Buffer{}).error(), Error::StaleHandle);
  EXPECT_EQ(gone.send_to({server->address, Port{7}}, "x").error(), Error::StaleHandle);
  EXPECT_EQ(gone.receive().error(), Error::StaleHandle);
  EXPECT_EQ(gone.receive({&datagram, 1}).error(), Error::StaleHandle);
  EXPECT_EQ(gone.next_size().error(), Error::StaleHandle);
  EXPECT_EQ(gone.connect({server->address, Port{7}}).error(), Error::StaleHandle);
  EXPECT_EQ(gone.disconnect().error(), Error::StaleHandle);
  EXPECT_EQ(gone.close().error(), Error::StaleHandle);
  EXPECT_EQ(gone.payload_max().error(), Error::StaleHandle);
  EXPECT_EQ(gone.set_broadcast(true).error(), Error::StaleHandle);
  EXPECT_EQ(gone.local().error(), Error::StaleHandle);
  EXPECT_EQ(gone.peer().error(), Error::StaleHandle);
  EXPECT_EQ(gone.readable() + gone.readable_charge(), 0U);
  EXPECT_EQ(gone.user_data(), nullptr);
  EXPECT_FALSE(gone.is_open());
  const std::unordered_set<UdpSocket> both{gone, next};
  EXPECT_EQ(both.size(), 2U);
}

TEST_F(UdpSocketTest, AnotherThreadIsTheWrongCore) {
  open();
  std::thread{[this] {
    EXPECT_EQ(ours.send("x").error(), Error::WrongCore);
    EXPECT_EQ(ours.receive().error(), Error::WrongCore);
    EXPECT_EQ(ours.close().error(), Error::WrongCore);
    EXPECT_EQ(ours.set_dscp(1).error(), Error::WrongCore);
    EXPECT_EQ(client->worker.open_udp({}, at_client).error(), Error::WrongCore);
  }}.join();
  EXPECT_TRUE(ours.is_open());
}

TEST_F(UdpSocketTest, ItsHandlerAndUserDataMayChange) {
  open();
  int data = 7;
  ASSERT_TRUE(theirs.set_user_data(&data).has_value());
  EXPECT_EQ(*theirs.user_data_as<int>(), 7);
  Counter other;
  ASSERT_TRUE(theirs.set_handler(other).has_value());
  ASSERT_TRUE(ours.send("x").has_value());
  settle();
  EXPECT_EQ(at_server.readable, 0);
  EXPECT_EQ(other.readable, 1);
}

}  // namespace
}  // namespace millrace::socket
