// this_thread: the same for one thread at all times, another one for each that runs.
#include "base/this_thread.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(ThisThread, TellsThreadsApart) {
  const ThreadMark here = this_thread();
  EXPECT_NE(here, 0U);
  ThreadMark there = 0;
  ThreadMark there_again = 0;
  std::thread{[&] {
    there = this_thread();
    there_again = this_thread();
  }}.join();
  EXPECT_NE(there, 0U);
  EXPECT_NE(there, here);
  EXPECT_EQ(there, there_again);
  EXPECT_EQ(here, this_thread());
}

}  // namespace
}  // namespace millrace::base
