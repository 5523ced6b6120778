// CoreWorker: timers, background work, stop, and what it tells of its core.
#include <chrono>
#include <thread>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

class CoreWorkerTest : public RingWorld {
 protected:
  Worker& worker() { return client->worker; }
};

TEST_F(CoreWorkerTest, ATimerFiresOnceAndNotBeforeTime) {
  start();
  int calls = 0;
  auto timer = worker().after(5ms, [&calls] { ++calls; });
  ASSERT_TRUE(timer.has_value());
  wait(4ms);
  EXPECT_EQ(calls, 0);
  wait(2ms);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(timer->cancel().error(), Error::StaleHandle);
  wait(1s);
  EXPECT_EQ(calls, 1);
}

TEST_F(CoreWorkerTest, ACancelledTimerDoesNotFire) {
  start();
  const auto timer = worker().after(5ms, [] { ADD_FAILURE() << "cancelled"; });
  ASSERT_TRUE(timer.has_value());
  EXPECT_TRUE(timer->cancel().has_value());
  EXPECT_EQ(timer->cancel().error(), Error::StaleHandle);
  wait(1s);
}

TEST_F(CoreWorkerTest, ATimerMayBeSetAgainInsideItself) {
  start();
  int calls = 0;
  struct Tick {
    Worker& worker;
    int& calls;
    void operator()() {
      if (++calls < 5) {
        EXPECT_TRUE(worker.after(1ms, Tick{worker, calls}).has_value());
      }
    }
  };
  ASSERT_TRUE(worker().after(1ms, Tick{worker(), calls}).has_value());
  wait(3ms);
  EXPECT_EQ(calls, 2);
  wait(100ms);
  EXPECT_EQ(calls, 5);
}

TEST_F(CoreWorkerTest, ADelayBelowZeroIsNone) {
  start();
  int calls = 0;
  ASSERT_TRUE(worker().after(-5s, [&calls] { ++calls; }).has_value());
  wait(1ms);
  EXPECT_EQ(calls, 1);
}

TEST_F(CoreWorkerTest, TimersAreBounded) {
  start();
  for (std::uint32_t i = 0; i < config.max_timers; ++i) {
    EXPECT_TRUE(worker().after(1h, [] {}).has_value());
  }
  EXPECT_EQ(worker().after(1h, [] {}).error(), Error::OutOfTimers);
  EXPECT_EQ(worker().usage().timers_armed, config.max_timers);
}

TEST_F(CoreWorkerTest, WithoutThreadsWorkRunsAtOnceAndCompletesInTheNextTurn) {
  start(shared_pools(), 0);
  bool is_worked = false;
  bool is_done = false;
  ASSERT_TRUE(
      worker().background([&is_worked] { is_worked = true; }, [&is_done] { is_done = true; }));
  EXPECT_TRUE(is_worked);
  EXPECT_FALSE(is_done);
  turn();
  EXPECT_TRUE(is_done);
}

TEST_F(CoreWorkerTest, WorkRunsElsewhereAndCompletesHere) {
  start(shared_pools(), 4);
  const std::thread::id here = std::this_thread::get_id();
  std::thread::id worked_on;
  std::thread::id done_on;
  ASSERT_TRUE(worker().background([&] { worked_on = std::this_thread::get_id(); },
                                  [&] { done_on = std::this_thread::get_id(); }));
  for (int i = 0; i < 100'000 && done_on == std::thread::id{}; ++i) {
    turn();
    std::this_thread::yield();
  }
  EXPECT_EQ(done_on, here);
  EXPECT_NE(worked_on, std::thread::id{});
  EXPECT_NE(worked_on, here);
}

TEST_F(CoreWorkerTest, ACompletionMayUseSockets) {
  start(shared_pools(), 0);
  Recorder at_client;
  Recorder at_server;
  listen(at_server);
  ASSERT_TRUE(worker().background([] {}, [&] { connect(at_client); }).has_value());
  settle();
  EXPECT_EQ(at_client.heard, (std::vector<std::string>{"connected"}));
}

TEST_F(CoreWorkerTest, StopIsPassedOn) {
  start();
  worker().stop();
  EXPECT_EQ(client->stops, 1);
  EXPECT_EQ(server->stops, 0);
  EXPECT_EQ(client->core_worker.exit_status(), 0);
}

TEST_F(CoreWorkerTest, TheFirstExitStatusDecides) {
  start();
  for (const int status : {3, 0, 4}) {
    worker().stop(status);
  }
  EXPECT_EQ(client->core_worker.exit_status(), 3);
}

TEST_F(CoreWorkerTest, KnowsItsAddresses) {
  start();
  const auto addresses = worker().addresses();
  ASSERT_EQ(addresses.size(), 1U);
  EXPECT_EQ(addresses.front().prefix, *IpPrefix::parse("198.18.0.1/24"));
  EXPECT_EQ(addresses.front().address(), client->address);
  EXPECT_EQ(addresses.front().device, 0U);
}

TEST_F(CoreWorkerTest, TellsOfItsCore) {
  start();
  Recorder recorder;
  ASSERT_TRUE(worker().listen({.port = Port{1}}, recorder).has_value());
  turn();
  EXPECT_EQ(worker().now(), clock.time);
  EXPECT_EQ(worker().index(), 1U);
  EXPECT_EQ(worker().usage().listeners, 1U);
  EXPECT_EQ(worker().stats().turns, 1U);
  EXPECT_GT(worker().usage().packets_capacity, 0U);
}

}  // namespace
}  // namespace millrace::socket
