// Sleeping and waking, on descriptors that the test holds: a sleep that should not end would hang,
// so each has a limit that is much longer than the test may take.
#include "control/idle_sleep.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>

#include <gtest/gtest.h>

#include "control/signal_gate.hpp"
#include "control/stop_signals.hpp"
#include "control/wake_event.hpp"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;

/// A device that only wakes.
class WakingDevice final : public device::Device {
 public:
  explicit WakingDevice(int descriptor) : descriptor_{descriptor} {}

  void rx_burst(packet::Burst&) noexcept override {}
  void tx_burst(packet::Burst&) noexcept override {}
  [[nodiscard]] const device::Capabilities& capabilities() const noexcept override {
    return capabilities_;
  }
  [[nodiscard]] int wake_descriptor() const noexcept override { return descriptor_; }
  [[nodiscard]] bool arm_wake() noexcept override {
    ++arms;
    is_armed = !has_packets;
    return is_armed;
  }
  void disarm_wake() noexcept override { is_armed = false; }

  bool has_packets = false;
  bool is_armed = false;
  int arms = 0;

 private:
  device::Capabilities capabilities_;
  int descriptor_;
};

class IdleSleepTest : public testing::Test {
 protected:
  WakeEvent device_event_ = *WakeEvent::make();
  WakeEvent other_event_ = *WakeEvent::make();
  WakingDevice first_{device_event_.descriptor()};
  WakingDevice second_{device_event_.descriptor()};
  std::array<device::Device*, 2> devices_{&first_, &second_};
  std::array<int, 2> descriptors_{-1, other_event_.descriptor()};
};

TEST_F(IdleSleepTest, ADescriptorBesideWakesTheOneSleepThatItWasGivenTo) {
  IdleSleep sleep{devices_, descriptors_};
  WakeEvent beside = *WakeEvent::make();
  beside.raise();
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(sleep.sleep(Duration{60s}, beside.descriptor()));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 30s);
  const auto alone = std::chrono::steady_clock::now();
  EXPECT_FALSE(sleep.sleep(Duration{20ms}));
  EXPECT_GE(std::chrono::steady_clock::now() - alone, 20ms);
}

TEST_F(IdleSleepTest, DeadDescriptorIsToldOfOnceAndWakesNobodyAgain) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ::close(pipe[0]);  // The end that is left reports POLLERR from now on, as a deleted TAP does.
  WakingDevice dead{pipe[1]};
  const std::array<device::Device*, 2> devices{&first_, &dead};
  IdleSleep sleep{devices, descriptors_};
  sleep.sleep(std::nullopt);
  EXPECT_EQ(sleep.take_failed_device(), std::optional<std::size_t>{1});
  EXPECT_EQ(sleep.take_failed_device(), std::nullopt);
  const auto before = std::chrono::steady_clock::now();
  sleep.sleep(Duration{20ms});
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  EXPECT_EQ(sleep.take_failed_device(), std::nullopt);
  ::close(pipe[1]);
}

TEST_F(IdleSleepTest, EndsWithTheLimit) {
  IdleSleep sleep{devices_, descriptors_};
  ASSERT_TRUE(sleep.is_possible());
  sleep.sleep(Duration{1us});
  EXPECT_EQ(first_.arms, 1);
  EXPECT_FALSE(first_.is_armed);
  EXPECT_FALSE(second_.is_armed);
}

TEST_F(IdleSleepTest, EndsWithADevice) {
  IdleSleep sleep{devices_, descriptors_};
  device_event_.raise();
  sleep.sleep(1h);
  EXPECT_FALSE(first_.is_armed);
}

TEST_F(IdleSleepTest, EndsWithAnotherDescriptorEvenWithoutLimit) {
  IdleSleep sleep{devices_, descriptors_};
  other_event_.raise();
  other_event_.raise();
  sleep.sleep(std::nullopt);
  other_event_.lower();
  sleep.sleep(Duration{1us});
  EXPECT_EQ(first_.arms, 2);
}

TEST_F(IdleSleepTest, DoesNotSleepWhenADeviceHasPackets) {
  IdleSleep sleep{devices_, descriptors_};
  second_.has_packets = true;
  sleep.sleep(std::nullopt);
  EXPECT_EQ(second_.arms, 1);
  EXPECT_FALSE(first_.is_armed) << "armed before the second one refused";
}

TEST_F(IdleSleepTest, EndsWithASignalThatCameBeforeItAndWasHeldBack) {
  IdleSleep sleep{devices_, descriptors_};
  const auto before = std::signal(SIGUSR1, [](int) {});
  SignalGate gate;
  gate.close();
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_TRUE(sleep.sleep(Duration{60s}, -1, gate.mask_of_sleep()));
  gate.open();
  std::signal(SIGUSR1, before);
}

TEST_F(IdleSleepTest, DoesNotSleepPastADeadline) {
  IdleSleep sleep{devices_, descriptors_};
  sleep.sleep(Duration{0ns});
  sleep.sleep(Duration{-5s});
  EXPECT_EQ(first_.arms, 0);
}

TEST_F(IdleSleepTest, IsImpossibleIfOneDeviceCannotWake) {
  WakingDevice deaf{-1};
  const std::array<device::Device*, 2> devices{&first_, &deaf};
  EXPECT_FALSE((IdleSleep{devices, descriptors_}.is_possible()));
}

TEST(StopSignals, TurnsSignalsIntoSomethingToRead) {
  auto signals = StopSignals::block();
  ASSERT_TRUE(signals) << signals.error();
  EXPECT_FALSE(signals->take());
  ASSERT_EQ(::raise(SIGTERM), 0);
  ASSERT_EQ(::raise(SIGINT), 0);
  EXPECT_TRUE(signals->take());
  EXPECT_TRUE(signals->take());
  EXPECT_FALSE(signals->take());
  ASSERT_EQ(::raise(SIGINT), 0) << "left pending: must not end the process when the mask returns";
}

TEST(StopSignals, ATerminalThatGoesAsksForTheEnd) {
  ASSERT_NE(::signal(SIGHUP, SIG_DFL), SIG_ERR) << "this test may run under nohup";
  auto signals = StopSignals::block();
  ASSERT_TRUE(signals) << signals.error();
  ASSERT_EQ(::raise(SIGHUP), 0);
  EXPECT_EQ(signals->take(), SIGHUP);
}

TEST(StopSignals, ButNotWhereNohupHasItIgnored) {
  ASSERT_NE(::signal(SIGHUP, SIG_IGN), SIG_ERR);
  auto signals = StopSignals::block();
  ASSERT_TRUE(signals) << signals.error();
  ASSERT_EQ(::raise(SIGHUP), 0);
  EXPECT_FALSE(signals->take());
  ASSERT_NE(::signal(SIGHUP, SIG_DFL), SIG_ERR);
}

}  // namespace
}  // namespace millrace::control
