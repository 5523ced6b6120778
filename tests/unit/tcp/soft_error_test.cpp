// SoftError: told once, the last one wins, silence on request.
#include "tcp/soft_error.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {
namespace {

using test::covers;

TEST(SoftError, IsTakenOnceAndTheLastOneCounts) {
  covers({"MUST-47"});
  SoftError error;
  EXPECT_EQ(error.take(), std::nullopt);
  EXPECT_TRUE(error.note(Error::HostUnreachable));
  EXPECT_TRUE(error.note(Error::NetworkUnreachable));
  EXPECT_EQ(error.take(), Error::NetworkUnreachable);
  EXPECT_EQ(error.take(), std::nullopt);
  EXPECT_EQ(error.reason_for_timeout(), Error::NetworkUnreachable);
}

TEST(SoftError, ProgressForgetsTheReasonButNotTheReport) {
  SoftError error;
  static_cast<void>(error.note(Error::HostUnreachable));
  error.on_progress();
  EXPECT_EQ(error.reason_for_timeout(), Error::TimedOut);
  EXPECT_EQ(error.take(), Error::HostUnreachable);
}

TEST(SoftError, SilenceKeepsTheReasonAlone) {
  covers({"SHLD-20"});
  SoftError error;
  error.set_silent(true);
  EXPECT_FALSE(error.note(Error::HostUnreachable));
  EXPECT_EQ(error.take(), std::nullopt);
  EXPECT_EQ(error.reason_for_timeout(), Error::HostUnreachable);
  error.set_silent(false);
  EXPECT_EQ(error.take(), std::nullopt);
  EXPECT_TRUE(error.note(Error::TimedOut));
  error.set_silent(true);
  EXPECT_EQ(error.take(), std::nullopt);
}

}  // namespace
}  // namespace millrace::tcp
