// millrace-nc without a network: what its command line means, and input and output that can be
// interrupted.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "nc/options.hpp"
#include "nc/standard_io.hpp"

namespace nc {
namespace {

using namespace std::chrono_literals;

TEST(Options, ConnectTakesHostAndPort) {
  const auto options = read_options({.first = "198.18.0.1",
                                     .second = "80",
                                     .source_port = millrace::Port{9},
                                     .wait_seconds = "3",
                                     .quit_seconds = "0"});
  ASSERT_TRUE(options.has_value()) << options.error();
  EXPECT_EQ(options->peer,
            (millrace::Endpoint{millrace::IpAddress::v4(198, 18, 0, 1), millrace::Port{80}}));
  EXPECT_EQ(options->source_port, millrace::Port{9});
  EXPECT_EQ(options->wait, 3s);
  EXPECT_EQ(options->quit, 0s);
}

TEST(Options, ListenTakesAPortAndPerhapsAnAddress) {
  const auto any = read_options({.first = "7", .listens = true});
  ASSERT_TRUE(any.has_value());
  EXPECT_TRUE(any->peer.address.is_unspecified());
  EXPECT_EQ(any->peer.port, millrace::Port{7});
  const auto one = read_options({.first = "198.18.0.2", .second = "7", .listens = true});
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->peer.address, millrace::IpAddress::v4(198, 18, 0, 2));
}

TEST(Options, NegativeQuitWaitsForEver) {
  const auto options = read_options({.first = "198.18.0.1", .second = "80", .quit_seconds = "-1"});
  ASSERT_TRUE(options.has_value());
  EXPECT_FALSE(options->quit.has_value());
}

TEST(Options, MistakesAreNamed) {
  const struct {
    Arguments arguments;
    const char* named;
  } cases[] = {
      {{}, "HOST"},
      {{.listens = true}, "PORT"},
      {{.first = "198.18.0.1"}, "PORT"},
      {{.first = "198.18.0.1", .second = "0"}, "PORT 0"},
      {{.first = "198.18.0.1", .second = "65536"}, "PORT 65536"},
      {{.first = "198.18.0.1", .second = "80x"}, "PORT 80x"},
      {{.first = "example.org", .second = "80", .listens = true}, "HOST example.org"},
      {{.first = "198.18.0.1", .second = "80", .wait_seconds = "x"}, "-w x"},
      {{.first = "198.18.0.1", .second = "80", .wait_seconds = "-1"}, "-w -1"},
      {{.first = "198.18.0.1", .second = "80", .quit_seconds = "1s"}, "-q 1s"},
  };
  for (const auto& c : cases) {
    const auto options = read_options(c.arguments);
    ASSERT_FALSE(options.has_value()) << c.named;
    EXPECT_NE(options.error().find(c.named), std::string::npos) << options.error();
  }
}

class StandardIoTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    ASSERT_EQ(::pipe(in_.data()), 0);
    ASSERT_EQ(::pipe(out_.data()), 0);
  }
  void TearDown() override {
    for (const int descriptor : {in_[0], in_[1], out_[0], out_[1]}) {
      ::close(descriptor);
    }
  }
  std::array<int, 2> in_{};
  std::array<int, 2> out_{};
};

TEST_F(StandardIoTest, ReadsWhatThereIsAndThenTheEnd) {
  StandardIo io{in_[0], out_[1]};
  ASSERT_EQ(::write(in_[1], "abc", 3), 3);
  std::array<std::byte, 10> bytes;
  EXPECT_EQ(io.read(bytes), 3U);
  ::close(std::exchange(in_[1], -1));
  EXPECT_EQ(io.read(bytes), 0U);
}

TEST_F(StandardIoTest, InterruptEndsAWaitingRead) {
  StandardIo io{in_[0], out_[1]};
  std::thread reader{[&] {
    std::array<std::byte, 10> bytes;
    EXPECT_EQ(io.read(bytes), 0U);
  }};
  io.interrupt();
  reader.join();
}

TEST_F(StandardIoTest, InterruptEndsAWriteThatNobodyReads) {
  StandardIo io{in_[0], out_[1]};
  const std::vector<std::byte> much(1'000'000);
  std::thread writer{[&] { EXPECT_TRUE(io.write(much).has_value()); }};
  io.interrupt();
  writer.join();
}

TEST_F(StandardIoTest, ClosedOutputIsAnError) {
  StandardIo io{in_[0], out_[1]};
  ::close(std::exchange(out_[0], -1));
  const auto outcome = io.write(std::array<std::byte, 3>{});
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error(), EPIPE);
}

}  // namespace
}  // namespace nc
