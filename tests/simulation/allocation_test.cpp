// The library takes no memory on a worker after start-up: operator new is replaced and counted
// inside turns, with the simulator's own cables left out.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

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

TEST(Allocation, IsCounted) {
  count() = {.is_on = true};
  const auto memory = std::make_unique<int>(1);
  EXPECT_EQ(std::exchange(count(), {}).allocations, 1U);
  EXPECT_EQ(*memory, 1);
}

}  // namespace
}  // namespace millrace::test
