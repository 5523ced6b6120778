// Handlers may do anything to any object of their core: close, abort, send, open, pause, listen
// again, in any event, to themselves and to others. Whatever they do, the rules of the events hold
// and nothing stays behind.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "simulation/network.hpp"
#include "simulation/options.hpp"

namespace millrace::test {
namespace {

constexpr std::uint16_t kPort = 9;

/// One host's application. Every event does something at random.
class Chaos final : public TcpHandler {
 public:
  Chaos(Worker& worker, IpAddress peer, std::uint64_t seed)
      : worker_{worker}, peer_{peer}, random_{base::Random::from_seed(seed)} {}

  void start() {
    listen();
    for (int i = 0; i < 4; ++i) {
      open();
    }
    tick();
  }
  /// Nothing new from now on; what there is, is aborted.
  void stop() {
    is_stopped_ = true;
    for (TcpSocket& socket : sockets_) {
      static_cast<void>(socket.abort());
    }
    static_cast<void>(listener_.close());
    held_.clear();
  }

  void on_accepted(TcpSocket socket) override {
    note(socket, "accepted");
    remember(socket);
    act();
  }
  void on_connected(TcpSocket socket) override {
    note(socket, "connected");
    act();
  }
  void on_readable(TcpSocket socket) override {
    note(socket, "readable");
    expect(socket.readable() > 0, "readable without anything to read");
    act();
    read(socket);
  }
  void on_writable(TcpSocket socket) override {
    note(socket, "writable");
    act();
  }
  void on_peer_finished(TcpSocket socket) override {
    note(socket, "finished");
    act();
  }
  void on_closed(TcpSocket socket, Result<void>) override {
    note(socket, "closed");
    act();
    // One stale handle is kept for good: its calls must fail, and do no harm.
    std::erase_if(sockets_,
                  [&](const TcpSocket& other) { return other == socket && !closed_.empty(); });
    closed_.insert(key(socket));
  }

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::size_t closed() const noexcept { return closed_.size(); }

 private:
  using Key = std::pair<std::uint32_t, std::uint32_t>;

  static Key key(TcpSocket socket) { return {socket.index(), socket.generation()}; }

  void expect(bool condition, const char* what) {
    if (!condition && problem_.empty()) {
      problem_ = what;
    }
  }

  void note(TcpSocket socket, const char* event) {
    expect(!closed_.contains(key(socket)), event);
    expect(socket.is_open(), "an event for a stale handle");
  }

  void remember(TcpSocket socket) { sockets_.push_back(socket); }

  void listen() {
    if (const auto listener =
            worker_.listen({.port = Port{kPort}, .backlog = random_.below(4)}, *this)) {
      listener_ = *listener;
    }
  }

  void open() {
    if (is_stopped_) {
      return;
    }
    const std::uint16_t port = random_.one_in(10) ? std::uint16_t{99} : kPort;
    if (const auto socket = worker_.connect({.address = peer_, .port = Port{port}}, *this)) {
      remember(*socket);
    }
  }

  void tick() {
    if (!is_stopped_) {
      expect(worker_
                 .after(std::chrono::microseconds{random_.below(20'000)},
                        [this] {
                          act();
                          act();
                          tick();
                        })
                 .has_value(),
             "no timer");
    }
  }

  void read(TcpSocket socket) {
    std::array<std::byte, 700> bytes;
    static_cast<void>(socket.receive(bytes));
  }

  void act() {
    if (is_stopped_) {
      return;
    }
    const auto count = static_cast<std::uint32_t>(sockets_.size());
    act_on(count == 0 ? TcpSocket{} : sockets_[random_.below(count)], random_.below(24));
  }

  void act_on(TcpSocket socket, std::uint32_t choice) {
    static constexpr std::array<std::byte, 5'000> kBytes{};
    switch (choice) {
      case 0: static_cast<void>(socket.close()); break;
      case 1: static_cast<void>(socket.abort()); break;
      case 2: static_cast<void>(socket.shutdown()); break;
      case 3: open(); break;
      case 4:
        static_cast<void>(socket.set_linger(std::chrono::milliseconds{random_.below(3) * 20}));
        break;
      case 5: static_cast<void>(listener_.pause()); break;
      case 6:
      case 7: static_cast<void>(listener_.resume()); break;
      case 8:
        static_cast<void>(listener_.close());
        listen();
        break;
      case 9: hold(socket); break;
      case 10: pass_on(socket); break;
      case 11: held_.clear(); break;
      case 12: static_cast<void>(socket.set_no_delay(random_.one_in(2))); break;
      case 13: static_cast<void>(socket.consume(socket.readable())); break;
      case 14: open(); break;
      case 15:
        static_cast<void>(
            socket.set_user_timeout(std::chrono::milliseconds{1 + random_.below(500)}));
        break;
      case 16:
      case 17:
      case 18: read(socket); break;
      default:
        static_cast<void>(socket.send(std::span{kBytes}.first(1 + random_.below(5'000))));
        break;
    }
  }

  void hold(TcpSocket socket) {
    if (auto buffer = socket.receive_buffer(); buffer && held_.size() < 20) {
      held_.push_back(std::move(*buffer));
    }
  }

  void pass_on(TcpSocket socket) {
    if (!held_.empty() && socket.send(std::move(held_.back()))) {
      held_.pop_back();
    }
  }

  Worker& worker_;
  IpAddress peer_;
  base::Random random_;
  TcpListener listener_;
  std::vector<TcpSocket> sockets_;
  std::vector<Buffer> held_;
  std::set<Key> closed_;
  std::string problem_;
  bool is_stopped_ = false;
};

std::string run(std::uint64_t seed, std::size_t& closed) {
  PairSetup setup{.seed = seed};
  setup.client.max_connections = setup.server.max_connections = 40;
  setup.client.max_active_blocks = 25;
  setup.server.packets = 1'023;
  setup.client.tcp.send_buffer_bytes = 32'768;
  setup.forth.delay = setup.back.delay = 1ms;
  setup.forth.loss_ppm = setup.back.loss_ppm = static_cast<std::uint32_t>(seed % 3 * 20'000);
  Pair pair{setup};
  Chaos left{pair.client.worker(), address_of(2), 2 * seed};
  Chaos right{pair.server.worker(), address_of(1), 2 * seed + 1};
  pair.world.call(pair.client, [&](Worker&) { left.start(); });
  pair.world.call(pair.server, [&](Worker&) { right.start(); });
  pair.world.run_for(3s);
  pair.world.call(pair.client, [&](Worker&) { left.stop(); });
  pair.world.call(pair.server, [&](Worker&) { right.stop(); });
  closed += left.closed() + right.closed();
  const auto clean = pair.world.check_clean();
  return left.problem() + right.problem() + (clean ? "" : clean.error());
}

TEST(Handlers, MayDoAnythingToAnySocketOfTheirCore) {
  std::size_t closed = 0;
  if (const auto seed = simulation_options().seed) {
    EXPECT_EQ(run(*seed, closed), "");
    return;
  }
  unsigned failures = 0;
  for (std::uint64_t seed = 1; seed <= simulation_options().seeds.value_or(100) && failures < 10;
       ++seed) {
    const std::string problem = run(seed, closed);
    EXPECT_EQ(problem, "") << "repeat this run alone with --seed=" << seed;
    failures += problem.empty() ? 0 : 1;
  }
  EXPECT_GT(closed, 1'000U);
}

}  // namespace
}  // namespace millrace::test
