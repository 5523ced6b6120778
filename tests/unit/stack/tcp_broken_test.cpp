// A bug of ours costs the connection it is in, and nothing else (decision 11). Compiled without
// access control: no call of the API breaks anything.
#include "stack/stack_host.hpp"

namespace millrace::stack {
namespace {

class TcpBrokenTest : public StackHost {
 protected:
  TcpBrokenTest() {
    start();
    EXPECT_TRUE(tcp().listen({.port = kServerPort}, recorder).has_value());
  }
  ConnectionSlot& slot_of(TcpSocket socket) {
    return *tcp().find({socket.index_, socket.generation_});
  }

  Recorder recorder;
};

TEST_F(TcpBrokenTest, IsResetWhenItsVisitFindsIt) {
  open(40'000);
  open(40'001);
  const TcpSocket broken = recorder.sockets[0];
  const TcpSocket sound = recorder.sockets[1];
  ASSERT_TRUE(broken.send("text").has_value());
  turn();
  ConnectionSlot& slot = slot_of(broken);
  tcp::ReceiveSequence& receive = slot.connection.receive_;
  receive.rcv_adv = receive.rcv_nxt - 1;  // The window's edge is behind what has come.
  tcp().mark(slot);
  sent.clear();
  turn();
  turn();
  EXPECT_EQ(stats().tcp_broken_invariants, 1U);
  ASSERT_EQ(recorder.outcomes.size(), 1U);
  EXPECT_EQ(recorder.outcomes[0].error(), Error::ConnectionAborted);
  const auto reset = next_tcp();
  ASSERT_TRUE(reset.has_value());
  EXPECT_TRUE(reset->tcp.flags.rst());
  EXPECT_EQ(reset->tcp.destination_port, 40'000U);
  EXPECT_FALSE(next_tcp().has_value());
  EXPECT_EQ(sound.state(), TcpState::Established);
}

}  // namespace
}  // namespace millrace::stack
