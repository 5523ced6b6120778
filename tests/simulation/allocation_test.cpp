// The library takes no memory on a worker after start-up: operator new is replaced and counted
// inside turns, with the simulator's own cables left out.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <millrace/line_reader.hpp>
#include <millrace/send_queue.hpp>

#include "packet/burst.hpp"
#include "simulation/network.hpp"

namespace {

struct Count {
  bool is_on = false;
  std::uint64_t allocations = 0;
};

Count& count() {
  static Count value;
  return value;
}

void* take(std::size_t bytes) {
  if (count().is_on) {
    ++count().allocations;
  }
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) {
    std::abort();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return take(bytes); }
void* operator new[](std::size_t bytes) { return take(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace millrace::test {
namespace {

/// What happens inside the simulator's device is not the library's.
class Uncounted final : public device::Device {
 public:
  explicit Uncounted(std::unique_ptr<device::Device> inner) : inner_{std::move(inner)} {}

  void rx_burst(packet::Burst& burst) noexcept override { inner_->rx_burst(burst); }
  void tx_burst(packet::Burst& burst) noexcept override {
    const bool was_on = std::exchange(count().is_on, false);
    inner_->tx_burst(burst);
    count().is_on = was_on;
  }
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return inner_->capabilities();
  }

 private:
  std::unique_ptr<device::Device> inner_;
};

/// Echoes, and opens the next connection whenever one is over. It allocates nothing either.
class Busy final : public TcpHandler {
 public:
  explicit Busy(Worker& worker) : worker_{worker} {}

  void open() {
    ++opened;
    static_cast<void>(worker_.connect({.address = address_of(2), .port = Port{9}}, *this));
  }
  void on_accepted(TcpSocket) override { ++accepted; }
  void on_connected(TcpSocket socket) override {
    static constexpr std::array<std::byte, 20'000> kBytes{};
    static_cast<void>(socket.send(kBytes));
    static_cast<void>(socket.shutdown());
  }
  void on_readable(TcpSocket socket) override { pass(socket); }
  void on_writable(TcpSocket socket) override { pass(socket); }
  void on_peer_finished(TcpSocket socket) override { static_cast<void>(socket.close()); }
  void on_closed(TcpSocket, Result<void>) override {
    if (is_opening) {
      static_cast<void>(worker_.after(std::chrono::milliseconds{1}, [this] { open(); }));
    }
  }

  bool is_opening = false;
  unsigned opened = 0;
  unsigned accepted = 0;

 private:
  void pass(TcpSocket socket) {
    while (auto buffer = socket.receive_buffer()) {
      if (!is_opening && !socket.send(std::move(*buffer))) {
        static_cast<void>(socket.abort());
        return;
      }
    }
  }

  Worker& worker_;
};

/// Sends each line back, so that two of them never come to an end.
class Lines final : public TcpHandler {
 public:
  void on_connected(TcpSocket socket) override {
    for (int i = 0; i < 40; ++i) {
      say(socket, std::string_view{"a line that comes back for ever, and again, and again"});
    }
  }
  void on_readable(TcpSocket socket) override {
    while (const auto line = lines_.next(socket)) {
      ++heard;
      say(socket, *line);
    }
  }
  void on_writable(TcpSocket socket) override {
    was_full = true;
    static_cast<void>(queue_.flush(socket));
  }
  void on_peer_finished(TcpSocket socket) override { static_cast<void>(queue_.close(socket)); }

  unsigned heard = 0;
  unsigned refused = 0;
  bool was_full = false;

 private:
  void say(TcpSocket socket, std::string_view line) {
    refused += queue_.send(socket, line) && queue_.send(socket, "\n") ? 0 : 1;
  }

  LineReader lines_{100};
  SendQueue queue_{10'000};
};

sim::HostSetup counted_host(std::uint8_t last) {
  sim::HostSetup setup = host_with(last);
  setup.decorate = [](std::unique_ptr<device::Device> inner) {
    return std::make_unique<Uncounted>(std::move(inner));
  };
  return setup;
}

TEST(Allocation, NoneInsideTurnsAfterStartUp) {
  TestWorld world{4};
  sim::Host& client = world.add_host(counted_host(1));
  sim::Host& server = world.add_host(counted_host(2));
  sim::LinkParameters link = delay_of(1ms);
  link.loss_ppm = 20'000;
  link.reorder_ppm = 20'000;
  world.connect({.host = client}, {.host = server}, link, link);
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  Busy opener{client.worker()};
  Busy echo{server.worker()};
  opener.is_opening = true;
  world.call(server, [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, echo)); });
  world.call(client, [&](Worker&) {
    for (int i = 0; i < 20; ++i) {
      opener.open();
    }
  });
  world.around_turns([](bool begins) { count().is_on = begins; });
  world.run_for(20s);
  opener.is_opening = false;
  EXPECT_EQ(count().allocations, 0U);
  EXPECT_GT(echo.accepted, 100U);
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
  EXPECT_EQ(count().allocations, 0U);
}

TEST(Allocation, NoneInQueuesAndReadersOnceTheyAreMade) {
  TestWorld world{5};
  sim::HostSetup setup = counted_host(1);
  setup.config.tcp.send_buffer_bytes = 4'096;
  sim::Host& client = world.add_host(std::move(setup));
  sim::Host& server = world.add_host(counted_host(2));
  world.connect({.host = client}, {.host = server}, delay_of(1ms), delay_of(1ms));
  ASSERT_TRUE(world.start(client));
  ASSERT_TRUE(world.start(server));
  Lines asks;
  Lines answers;
  world.call(server,
             [&](Worker& worker) { ASSERT_TRUE(worker.listen({.port = Port{9}}, answers)); });
  TcpSocket socket;
  world.call(client, [&](Worker& worker) {
    socket = *worker.connect({.address = address_of(2), .port = Port{9}}, asks);
  });
  world.around_turns([](bool begins) { count().is_on = begins; });
  world.run_for(2s);
  EXPECT_EQ(count().allocations, 0U);
  EXPECT_GT(answers.heard, 500U);
  EXPECT_TRUE(asks.was_full);
  EXPECT_EQ(asks.refused + answers.refused, 0U);
  world.call(client, [&](Worker&) { EXPECT_TRUE(socket.abort()); });
  const auto clean = world.check_clean();
  EXPECT_TRUE(clean) << clean.error();
}

TEST(Allocation, IsCounted) {
  count() = {.is_on = true};
  const auto memory = std::make_unique<int>(1);
  EXPECT_EQ(std::exchange(count(), {}).allocations, 1U);
  EXPECT_EQ(*memory, 1);
}

}  // namespace
}  // namespace millrace::test
