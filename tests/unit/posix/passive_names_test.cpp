// getaddrinfo, and waiting as such, on a passive stack: nobody turns its loop but calls, and time
// stands still until another thread lets it pass.
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "packetdrill/scripted_host.hpp"
#include "posix/name_request.hpp"
#include "support/eal_environment.hpp"

namespace millrace::posix {
namespace {

using namespace std::chrono_literals;

class PassiveNames : public ::testing::Test {
 protected:
  PassiveNames() {
    test::start_eal();
    auto flags = packetdrill::parse_script_flags("");
    EXPECT_TRUE(flags) << flags.error();
    auto made = packetdrill::ScriptedHost::make(*std::move(flags));
    EXPECT_TRUE(made) << made.error();
    host_ = *std::move(made);
    options_.resolv_conf = "";
    options_.hosts_file = "";
  }

  int find(const char* name) {
    return passive().call([&](Sockets& sockets) {
      sockets.names().look_in(options_);
      addrinfo* list = nullptr;
      const int status = sockets.names().find(name, "80", nullptr, &list);
      free_list(list);
      return status;
    });
  }
  Passive& passive() { return host_->passive(); }
  bool has_sent() {
    return passive().with_lock([this] { return !host_->wire().sent().empty(); });
  }

  ResolverOptions options_;
  std::unique_ptr<packetdrill::ScriptedHost> host_;
};

TEST_F(PassiveNames, WhatNeedsNoPacketIsAnsweredAtOnce) {
  EXPECT_EQ(find("192.0.2.7"), 0);
  EXPECT_EQ(find("name.example"), EAI_AGAIN) << "no server: nobody wakes it later";
}

TEST_F(PassiveNames, ASilentServerIsGivenUpWhenTimeHasPassed) {
  options_.servers = {{IpAddress::v4(198, 18, 0, 1), Port{53}}};
  std::atomic<bool> is_done = false;
  int status = 0;
  std::jthread caller{[&] {
    status = find("name.example.");
    is_done = true;
  }};
  while (!is_done && !has_sent()) {
    std::this_thread::yield();
  }
  passive().let_pass(29s);
  EXPECT_FALSE(is_done) << status;
  passive().let_pass(2s);
  caller.join();
  EXPECT_EQ(status, EAI_AGAIN);
}

TEST_F(PassiveNames, AWaitThatTurnsTheStackItselfDoesNotSleepOverIt) {
  std::atomic<bool> is_done = false;
  Instant began{};
  Instant ended{};
  std::jthread caller{[&] {
    passive().call([&](Sockets&) {
      constexpr std::array<std::byte, 28> kNonsense{};
      EXPECT_TRUE(host_->wire().arrive(kNonsense));
      began = passive().now();
      const int status = passive().wait(began + 10s, 0);
      ended = passive().now();
      return status;
    });
    // It is not to be waited for any more.
    static_cast<void>(passive().ask_time(Duration::zero()));
    is_done = true;
  }};
  while (!is_done) {
    passive().let_pass(1s);
  }
  caller.join();
  EXPECT_EQ(ended, began) << "what arrived may be what the caller waits for";
}

}  // namespace
}  // namespace millrace::posix
