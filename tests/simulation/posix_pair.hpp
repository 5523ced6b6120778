// Two simulated hosts with the calls of millrace/socket.h on each. Whoever waits on one of them
// lets the whole network go on, so that a test is a list of calls in the order of time.
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "posix/sockets.hpp"
#include "posix/waiting.hpp"
#include "simulation/network.hpp"

namespace millrace::test {

[[nodiscard]] sockaddr_in socket_address(std::uint8_t last, std::uint16_t port);

/// The calls on one host, with arguments as tests have them; what fails is a negative errno.
class PosixHost final : public posix::Waiting {
 public:
  PosixHost(sim::World& world, sim::Host& host, const posix::Sockets::Limits& limits);

  [[nodiscard]] int wait(Instant until, int descriptor) override;
  void turn() override;
  [[nodiscard]] Instant now() noexcept override { return world_.now(); }
  /// From now on, or so many times, a call that has to wait is interrupted; zero: no more.
  void refuse_to_wait(int error, unsigned times = UINT32_MAX) noexcept {
    refusal_ = error;
    refusals_left_ = times;
  }

  /// As a handler on the same core: called in every turn that a call lets run, and before each
  /// wait, with the time at which that is to end.
  void when_turning(std::function<void()> act) { in_turn_ = std::move(act); }
  void when_waiting(std::function<void(Instant)> act) { before_wait_ = std::move(act); }

  [[nodiscard]] posix::Sockets& sockets() noexcept { return sockets_; }
  [[nodiscard]] sim::Host& host() noexcept { return host_; }

  int socket(int flags = 0) { return sockets_.socket(AF_INET, SOCK_STREAM | flags, 0); }
  /// `last` 0: any address.
  int bind(int fd, std::uint8_t last, std::uint16_t port);
  int connect(int fd, std::uint8_t last, std::uint16_t port);
  int accept(int fd, int flags = 0) { return sockets_.accept(fd, nullptr, nullptr, flags); }
  ssize_t send(int fd, std::string_view text, int flags = 0);
  /// What came; "errno N" when it failed.
  std::string receive(int fd, std::size_t most = 4'096, int flags = 0);
  int set(int fd, int level, int option, int value) {
    return sockets_.setsockopt(fd, level, option, &value, sizeof(value));
  }
  int get(int fd, int level, int option);
  /// Every event that holds now, as poll says it.
  unsigned events(int fd);
  /// A socket that listens on the port.
  int listener(std::uint16_t port, int backlog = 16, int flags = 0);

 private:
  sim::World& world_;
  sim::Host& host_;
  int refusal_ = 0;
  unsigned refusals_left_ = 0;
  std::function<void()> in_turn_;
  std::function<void(Instant)> before_wait_;
  posix::Sockets sockets_;
};

/// 198.18.0.1 and 198.18.0.2.
struct PosixPair {
  explicit PosixPair(const PairSetup& setup = {},
                     const posix::Sockets::Limits& limits = {
                         .sockets = 64, .epoll_sets = 4, .watches = 16});

  Pair pair;
  PosixHost client;
  PosixHost server;

  /// Lets time pass for both.
  void run_for(Duration time);
  /// Connects a socket of the client's to the listener and accepts it there.
  struct Ends {
    int client = -1;
    int server = -1;
  };
  [[nodiscard]] Ends connect(int listener, std::uint16_t port, int client_flags = 0,
                             int server_flags = 0);
};

}  // namespace millrace::test
