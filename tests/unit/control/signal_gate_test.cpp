// Signals that are held back, let in and counted, all of them the test's own to itself.
#include "control/signal_gate.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

namespace millrace::control {
namespace {

volatile std::sig_atomic_t handled = 0;

void handle(int /*signal*/) { handled = handled + 1; }

void install(int signal, int flags) {
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = flags;
  ASSERT_EQ(::sigaction(signal, &action, nullptr), 0);
}

struct SignalGateTest : testing::Test {
  SignalGateTest() { handled = 0; }
  ~SignalGateTest() override {
    for (const int signal : {SIGUSR1, SIGUSR2, SIGPROF, SIGWINCH}) {
      std::signal(signal, SIG_DFL);
    }
  }
};

TEST_F(SignalGateTest, ASignalWaitsAndIsLetIn) {
  install(SIGUSR1, 0);
  SignalGate gate;
  gate.close();
  EXPECT_FALSE(gate.let_in());
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(handled, 0);
  EXPECT_TRUE(gate.let_in());
  EXPECT_EQ(handled, 1);
  EXPECT_FALSE(gate.let_in()) << "once";
}

TEST_F(SignalGateTest, OpeningLetsInWhatWaits) {
  install(SIGUSR1, 0);
  SignalGate gate;
  gate.close();
  gate.close();
  ASSERT_EQ(::raise(SIGUSR1), 0);
  gate.open();
  EXPECT_EQ(handled, 1);
  EXPECT_FALSE(gate.is_closed());
  EXPECT_EQ(gate.mask_of_sleep(), nullptr);
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(handled, 2);
  EXPECT_FALSE(gate.let_in());
}

TEST_F(SignalGateTest, WhatTheProgramHasBlockedStaysOut) {
  install(SIGUSR1, 0);
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, SIGUSR1);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &own, nullptr), 0);
  SignalGate gate;
  gate.close();
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_FALSE(gate.let_in());
  gate.open();
  EXPECT_EQ(handled, 0);
  ASSERT_EQ(::pthread_sigmask(SIG_UNBLOCK, &own, nullptr), 0);
  EXPECT_EQ(handled, 1);
}

TEST_F(SignalGateTest, WhatNobodyHandlesInterruptsNothing) {
  SignalGate gate;
  gate.close();
  ASSERT_EQ(::raise(SIGWINCH), 0);  // Ignored, as nobody has said otherwise.
  EXPECT_FALSE(gate.let_in());
}

TEST_F(SignalGateTest, ProfilersSeeWhatRuns) {
  install(SIGPROF, SA_RESTART);
  SignalGate gate;
  gate.close();
  ASSERT_EQ(::raise(SIGPROF), 0);
  EXPECT_EQ(handled, 1);
  EXPECT_FALSE(gate.let_in());
}

TEST_F(SignalGateTest, ADriversOwnSignalsAreNobodyElses) {
  install(SIGUSR2, 0);
  const sigset_t drivers = SignalGate::handled();
  EXPECT_EQ(sigismember(&drivers, SIGUSR2), 1);
  EXPECT_EQ(sigismember(&drivers, SIGUSR1), 0);
  install(SIGUSR1, SA_RESTART);
  SignalGate gate;
  gate.leave_alone(drivers);
  gate.close();
  EXPECT_EQ(sigismember(gate.mask_of_sleep(), SIGUSR2), 1) << "it ends no sleep";
  EXPECT_EQ(sigismember(gate.mask_of_sleep(), SIGUSR1), 0);
  ASSERT_EQ(::raise(SIGUSR2), 0);
  EXPECT_EQ(handled, 1) << "the driver hears of it at once";
  EXPECT_FALSE(gate.let_in());
  EXPECT_TRUE(gate.do_calls_restart());
}

TEST_F(SignalGateTest, CallsGoOnWhereAllHandlersAskForIt) {
  SignalGate gate;
  EXPECT_FALSE(gate.do_calls_restart()) << "a handler that was there for one signal only is gone";
  install(SIGUSR1, SA_RESTART);
  EXPECT_TRUE(gate.do_calls_restart());
  install(SIGPROF, 0);
  EXPECT_TRUE(gate.do_calls_restart()) << "it is not held back, so it interrupts nothing";
  install(SIGUSR2, 0);
  EXPECT_FALSE(gate.do_calls_restart());
}

TEST_F(SignalGateTest, ThreadsThatAreStartedMeanwhileGetNone) {
  SignalGate gate;
  gate.close();
  bool is_blocked = false;
  std::thread{[&is_blocked] {
    sigset_t signals;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &signals);
    is_blocked = sigismember(&signals, SIGTERM) == 1;
  }}.join();
  EXPECT_TRUE(is_blocked);
}

}  // namespace
}  // namespace millrace::control
