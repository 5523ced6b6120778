// What an echo costs the server's core: by handlers, or by descriptors with epoll, read and write.
// Two stacks on a cable in one thread; under `valgrind --tool=callgrind
// --toggle-collect=serve_turn` only the server's turns are counted.
//
//     millrace-echo-cost handler|epoll MESSAGES CONNECTIONS
#include <netinet/in.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "device/ring.hpp"
#include "posix/passive.hpp"
#include "posix/sockets.hpp"
#include "runtime/worker.hpp"
#include "socket/core_worker.hpp"
#include "stack/stack.hpp"
#include "support/eal_environment.hpp"

namespace millrace::bench {

namespace {

constexpr std::size_t kMessageBytes = 64;
constexpr std::uint16_t kPort = 7;

Config make_config() {
  Config config;
  config.background_threads = 0;
  config.packets = 8'192;
  config.max_connections = 1'024;
  config.max_time_wait = 1'024;
  return config;
}

stack::InterfaceSetup setup_of(std::uint8_t last) {
  stack::InterfaceSetup setup;
  setup.mac = MacAddress{{0x02, 0, 0, 0, 0, last}};
  setup.addresses = {*IpPrefix::make(IpAddress::v4(198, 18, 0, last), 24)};
  return setup;
}

/// One end of the cable and the stack on it.
struct End {
  End(std::uint8_t last, device::Device& cable, packet::CorePools& end_pools,
      posix::StandingClock& clock)
      : config{make_config()},
        stack{config, std::array{setup_of(last)}, end_pools, base::Random::from_seed(last),
              clock.now()},
        worker{stack, background, 0U, [] {}},
        loop{stack, {&cable}, background, clock} {
    stack.start(clock.now());
  }
  Config config;
  stack::Stack stack;
  runtime::BackgroundPool background{0};
  socket::CoreWorker worker;
  runtime::Worker loop;
};

/// Sends a message, waits for it, and so on.
struct Client final : TcpHandler {
  void on_connected(TcpSocket socket) override { say(socket); }
  void on_readable(TcpSocket socket) override {
    static_cast<void>(socket.consume(socket.readable()));
    ++answers;
    say(socket);
  }
  static void say(TcpSocket socket) {
    static constexpr std::array<std::byte, kMessageBytes> kMessage{};
    static_cast<void>(socket.send(kMessage));
  }
  std::uint64_t answers = 0;
};

struct HandlerServer final : TcpHandler {
  void on_readable(TcpSocket socket) override {
    std::array<std::byte, 4'096> bytes;  // Clearing it would count as much as the echo.
    if (const auto got = socket.receive(bytes)) {
      static_cast<void>(socket.send(std::span{bytes}.first(*got)));
    }
  }
};

class TurningWaiting final : public posix::Waiting {
 public:
  TurningWaiting(runtime::Worker& loop, posix::StandingClock& clock) : loop_{loop}, clock_{clock} {}
  int wait(Instant /*until*/, int /*descriptor*/) override { return -EINTR; }
  void turn() override { static_cast<void>(loop_.run_turn()); }
  Instant now() noexcept override { return clock_.now(); }

 private:
  runtime::Worker& loop_;
  posix::StandingClock& clock_;
};

/// What an echo server in C does with what epoll_wait tells it.
class EpollServer {
 public:
  EpollServer(posix::Sockets& sockets) : sockets_{sockets}, set_{sockets.epoll_create(0)} {
    listener_ = sockets.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    static_cast<void>(sockets.bind(listener_, static_cast<sockaddr*>(static_cast<void*>(&address)),
                                   sizeof(address)));
    static_cast<void>(sockets.listen(listener_, 511));
    watch(listener_);
  }
  void turn() {
    std::array<epoll_event, 64> events{};
    const int count = sockets_.epoll_wait(set_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      fd == listener_ ? accept() : echo(fd);
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    static_cast<void>(sockets_.epoll_control(set_, EPOLL_CTL_ADD, fd, &event));
  }
  void accept() {
    for (int fd = 0; (fd = sockets_.accept(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      watch(fd);
    }
  }
  void echo(int fd) {
    std::array<char, 4'096> bytes;
    iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
    const ssize_t got = sockets_.receive(fd, &part, 1, 0);
    if (got > 0) {
      part.iov_len = static_cast<std::size_t>(got);
      static_cast<void>(sockets_.send(fd, &part, 1, 0));
    }
  }

  posix::Sockets& sockets_;
  int set_;
  int listener_ = -1;
};

}  // namespace

/// The server's turn, whichever it is: what callgrind is told to count.
extern "C" [[gnu::noinline]] void serve_turn(runtime::Worker& loop, EpollServer* server);
extern "C" void serve_turn(runtime::Worker& loop, EpollServer* server) {
  if (server != nullptr) {
    server->turn();
  } else {
    static_cast<void>(loop.run_turn());
  }
}

namespace {

int run(bool by_epoll, std::uint64_t messages, unsigned connections) {
  test::start_eal();
  posix::StandingClock clock;
  auto client_pools = test::make_core_pools({.data = 8'192, .headers = 4'096, .references = 8'192});
  auto server_pools = test::make_core_pools({.data = 8'192, .headers = 4'096, .references = 8'192});
  const auto end_of = [](std::uint8_t last, packet::CorePools& pools) {
    device::Capabilities capabilities;
    capabilities.mac = MacAddress{{0x02, 0, 0, 0, 0, last}};
    return device::RingEnd{.capabilities = capabilities, .receive_pool = pools.data};
  };
  auto [one, other] =
      device::make_ring_pair(1'024, end_of(1, client_pools), end_of(2, server_pools));
  End client{1, *one, client_pools, clock};
  End server{2, *other, server_pools, clock};
  HandlerServer handler;
  TurningWaiting waiting{server.loop, clock};
  posix::Sockets sockets{{.worker = server.worker,
                          .stack = server.stack,
                          .waiting = waiting,
                          .config = server.config}};
  std::unique_ptr<EpollServer> epoll;
  if (by_epoll) {
    epoll = std::make_unique<EpollServer>(sockets);
  } else {
    static_cast<void>(server.worker.listen({.port = Port{kPort}}, handler));
  }
  Client asking;
  Worker& worker = client.worker;
  for (unsigned i = 0; i < connections; ++i) {
    static_cast<void>(
        worker.connect({.address = IpAddress::v4(198, 18, 0, 2), .port = Port{kPort}}, asking));
  }
  while (asking.answers < messages) {
    clock.go_to(clock.now() + std::chrono::microseconds{10});
    static_cast<void>(client.loop.run_turn());
    serve_turn(server.loop, epoll.get());
  }
  std::printf("%llu messages\n", static_cast<unsigned long long>(asking.answers));
  client.stack.shut_down();
  server.stack.shut_down();
  return EXIT_SUCCESS;
}

}  // namespace

}  // namespace millrace::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: millrace-echo-cost handler|epoll MESSAGES CONNECTIONS\n", stderr);
    return 2;
  }
  return millrace::bench::run(std::string_view{argv[1]} == "epoll",
                              std::strtoull(argv[2], nullptr, 10),
                              static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)));
}
