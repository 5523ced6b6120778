// TcpSocket: what may be asked beyond bytes: keepalive, user timeout, urgent data in line and out
// of line.
#include <array>
#include <string>

#include "socket/ring_world.hpp"
#include "support/covers.hpp"

namespace millrace::socket {
namespace {

using test::covers;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

std::string text_of(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte each : bytes) {
    text.push_back(static_cast<char>(each));
  }
  return text;
}

class TcpSocketOptionsTest : public RingWorld {
 protected:
  void open() {
    start();
    listen(at_server);
    std::tie(ours, theirs) = join(at_client, at_server);
  }
  /// What one call of `receive` gives.
  static std::string receive(TcpSocket socket) {
    std::array<std::byte, 100> into;
    const auto received = socket.receive(into);
    return received ? text_of(std::span{into}.first(*received)) : std::string{};
  }

  Recorder at_client;
  Recorder at_server;
  TcpSocket ours;
  TcpSocket theirs;
};

TEST_F(TcpSocketOptionsTest, KeepaliveValuesHaveRanges) {
  covers({"MUST-24", "MUST-27", "MUST-29"});
  open();
  EXPECT_TRUE(ours.set_keepalive(KeepaliveOptions{}).has_value());
  EXPECT_EQ(ours.set_keepalive(KeepaliveOptions{.idle = 0s}).error(), Error::InvalidArgument);
  EXPECT_EQ(ours.set_keepalive(KeepaliveOptions{.interval = 10h}).error(), Error::InvalidArgument);
  EXPECT_EQ(ours.set_keepalive(KeepaliveOptions{.count = 1}).error(), Error::InvalidArgument);
  EXPECT_TRUE(ours.set_keepalive(std::nullopt).has_value());
}

TEST_F(TcpSocketOptionsTest, KeepaliveHoldsAnIdleConnectionUp) {
  covers({"MUST-24", "MUST-26"});
  open();
  ASSERT_TRUE(ours.set_keepalive(KeepaliveOptions{.idle = 1s, .interval = 1s, .count = 2}));
  wait(60s);
  EXPECT_TRUE(ours.is_open());
  EXPECT_GT(client->stack.stats().tcp_keepalive_probes, 50U);
  EXPECT_EQ(at_server.count("readable"), 0U);
}

TEST_F(TcpSocketOptionsTest, AdvertisedUserTimeoutHasARange) {
  covers({"RFC 5482 §2"});
  open();
  EXPECT_EQ(ours.advertise_user_timeout(0s).error(), Error::InvalidArgument);
  EXPECT_EQ(ours.advertise_user_timeout(-1s).error(), Error::InvalidArgument);
  EXPECT_EQ(ours.advertise_user_timeout(32'768min).error(), Error::InvalidArgument);
  EXPECT_TRUE(ours.advertise_user_timeout(32'767min).has_value());
}

TEST_F(TcpSocketOptionsTest, UrgentDataIsReadInLineByDefault) {
  covers({"MUST-30", "MUST-32", "MUST-33", "RFC 6093 §6"});
  open();
  ASSERT_EQ(ours.send("calm ").value(), 5U);
  ASSERT_EQ(ours.send_urgent(bytes_of("hurry")).value(), 5U);
  settle();
  EXPECT_EQ(at_server.count("urgent"), 1U);
  EXPECT_EQ(theirs.urgent_left(), 10U);
  EXPECT_EQ(theirs.receive_urgent().error(), Error::InvalidState);
  EXPECT_EQ(receive(theirs), "calm hurry");
  EXPECT_EQ(theirs.urgent_left(), 0U);
}

TEST_F(TcpSocketOptionsTest, OutOfLineReadingStopsAtTheUrgentByte) {
  covers({"MUST-30", "MUST-33", "RFC 6093 §3.2"});
  open();
  ASSERT_TRUE(theirs.set_urgent_inline(false).has_value());
  ASSERT_TRUE(ours.send("calm ").has_value());
  ASSERT_TRUE(ours.send_urgent(bytes_of("!")).has_value());
  ASSERT_TRUE(ours.send(" and on").has_value());
  settle();
  wait(1s);
  EXPECT_EQ(at_server.count("urgent"), 1U);
  EXPECT_EQ(theirs.receive_urgent().value(), std::byte{'!'});
  EXPECT_EQ(theirs.receive_urgent().error(), Error::WouldBlock);
  EXPECT_EQ(theirs.readable(), 5U);
  EXPECT_EQ(receive(theirs), "calm ");
  EXPECT_EQ(receive(theirs), " and on");
  EXPECT_EQ(receive(theirs), "");
}

TEST_F(TcpSocketOptionsTest, OutOfLineBuffersEndAtTheUrgentByte) {
  covers({"MUST-30", "RFC 6093 §3.2"});
  open();
  ASSERT_TRUE(theirs.set_urgent_inline(false).has_value());
  ASSERT_TRUE(ours.send_urgent(bytes_of("calm !")).has_value());
  ASSERT_TRUE(ours.send(" and on").has_value());
  settle();
  wait(1s);
  auto before = theirs.receive_buffer();
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(as_text(before->data()), "calm ");
  auto behind = theirs.receive_buffer();
  ASSERT_TRUE(behind.has_value());
  EXPECT_EQ(as_text(behind->data()), " and on");
  EXPECT_EQ(theirs.receive_buffer().error(), Error::WouldBlock);
  EXPECT_EQ(theirs.receive_urgent().value(), std::byte{'!'});
}

TEST_F(TcpSocketOptionsTest, NothingUrgentIsSentForNothing) {
  open();
  EXPECT_EQ(ours.send_urgent({}).value(), 0U);
  settle();
  EXPECT_EQ(at_server.count("urgent"), 0U);
}

}  // namespace
}  // namespace millrace::socket
