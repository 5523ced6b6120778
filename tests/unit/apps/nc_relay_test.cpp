// millrace-nc's relay over a fake socket and real pipes: both directions, their ends, and the exit
// status.
#include "nc/relay.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fake_stack.hpp"

namespace nc {
namespace {

class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // As in the program.
    ASSERT_EQ(::pipe(in_.data()), 0);
    ASSERT_EQ(::pipe(out_.data()), 0);
    ASSERT_GE(::fcntl(out_[1], F_SETPIPE_SZ, 1 << 20),
              1 << 20);  // The test writes first, reads later.
    io_.emplace(in_[0], out_[1]);
    relay_ = std::make_unique<Relay>(worker_, *io_, options_, [this](int s) { status_ = s; });
    ASSERT_TRUE(relay_->start().has_value());
  }
  void TearDown() override {
    for (const int descriptor : {in_[0], in_[1], out_[0], out_[1]}) {
      ::close(descriptor);
    }
  }
  void type(std::string_view text) {
    ASSERT_EQ(::write(in_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void end_input() { ::close(std::exchange(in_[1], -1)); }
  void connect() {
    relay_->on_connected(socket_);
    worker_.settle();
  }
  void hear(std::string_view text) {
    peer_.to_read += text;
    relay_->on_readable(socket_);
    worker_.settle();
  }
  void finish_peer() {
    peer_.peer_finished = true;
    relay_->on_peer_finished(socket_);
    worker_.settle();
  }
  void close(millrace::Result<void> outcome) {
    relay_->on_closed(socket_, outcome);
    peer_.is_gone = true;
    worker_.settle();
  }
  std::string printed() {
    ::close(std::exchange(out_[1], -1));
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t n = 0; (n = ::read(out_[0], bytes.data(), bytes.size())) > 0;) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

  std::array<int, 2> in_{};
  std::array<int, 2> out_{};
  FakeWorker worker_;
  millrace::stack::Stack stack_;
  millrace::stack::FakeConnection& peer_ = stack_.connection;
  millrace::TcpSocket socket_{&stack_, 1, 1};
  std::optional<StandardIo> io_;
  Options options_;
  std::unique_ptr<Relay> relay_;
  std::optional<int> status_;
};

TEST_F(RelayTest, CarriesBothWaysAndEndsWhenBothHaveFinished) {
  type("question");
  end_input();
  connect();
  EXPECT_EQ(peer_.sent, "question");
  EXPECT_TRUE(peer_.is_shut_down);
  EXPECT_FALSE(peer_.is_closed);
  hear("answer");
  finish_peer();
  EXPECT_TRUE(peer_.is_closed);
  EXPECT_FALSE(status_.has_value());
  close({});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(printed(), "answer");
}

TEST_F(RelayTest, InputWaitsForRoom) {
  peer_.room = 3;
  type("question");
  end_input();
  connect();
  EXPECT_EQ(peer_.sent, "que");
  EXPECT_FALSE(peer_.is_shut_down);
  peer_.room = 100;
  relay_->on_writable(socket_);
  worker_.settle();
  EXPECT_EQ(peer_.sent, "question");
  EXPECT_TRUE(peer_.is_shut_down);
}

TEST_F(RelayTest, WhatWasReceivedBeforeTheEndIsStillWritten) {
  end_input();
  connect();
  peer_.to_read = std::string(200'000, 'x');
  close({});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(printed().size(), 200'000U);
}

TEST_F(RelayTest, RefusedConnectionIsStatusOne) {
  close(millrace::fail(millrace::Error::ConnectionRefused));
  EXPECT_EQ(status_, 1);
}

TEST_F(RelayTest, ResetIsStatusOneAfterTheOutput) {
  end_input();
  connect();
  peer_.to_read = "part";
  close(millrace::fail(millrace::Error::ConnectionReset));
  EXPECT_EQ(status_, 1);
  EXPECT_EQ(printed(), "part");
}

TEST_F(RelayTest, QuitEndsWithoutThePeersFin) {
  options_.quit = std::chrono::seconds{1};
  end_input();
  connect();
  EXPECT_TRUE(peer_.is_shut_down);
  worker_.pass(std::chrono::seconds{2});
  EXPECT_TRUE(peer_.is_aborted);
  close(millrace::fail(millrace::Error::ConnectionAborted));
  EXPECT_EQ(status_, 0);
}

TEST_F(RelayTest, SilenceForAsLongAsWaitAllowsEndsIt) {
  options_.wait = std::chrono::seconds{2};
  end_input();
  connect();
  worker_.pass(std::chrono::seconds{3});
  EXPECT_TRUE(peer_.is_aborted);
  close(millrace::fail(millrace::Error::ConnectionAborted));
  EXPECT_EQ(status_, 0);
}

TEST_F(RelayTest, NobodyWhoConnectsInTimeIsAFailure) {
  options_.listens = true;
  options_.wait = std::chrono::seconds{2};
  Relay listening{worker_, *io_, options_, [this](int s) { status_ = s; }};
  ASSERT_TRUE(listening.start().has_value());
  worker_.pass(std::chrono::seconds{1});
  EXPECT_FALSE(status_.has_value());
  worker_.pass(std::chrono::seconds{2});
  EXPECT_EQ(status_, 1);
}

TEST_F(RelayTest, OutputThatFailsIsToldOfOnce) {
  ::close(std::exchange(out_[0], ::open("/dev/null", O_RDONLY)));
  end_input();
  connect();
  testing::internal::CaptureStderr();
  hear(std::string(100'000, 'x'));
  hear("more");
  close(millrace::fail(millrace::Error::ConnectionAborted));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("standard output"), said.rfind("standard output")) << said;
  EXPECT_NE(said.find("standard output"), std::string::npos);
  EXPECT_EQ(status_, 1);
}

}  // namespace
}  // namespace nc
