#include "posix/words.hpp"

#include <gtest/gtest.h>

namespace millrace::posix {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWords, SpacesSeparateAndQuotesHoldTogether) {
  EXPECT_EQ(split_words(""), Words{});
  EXPECT_EQ(split_words("  \t\n"), Words{});
  EXPECT_EQ(split_words(" --device ring\t--log off\n"),
            (Words{"--device", "ring", "--log", "off"}));
  EXPECT_EQ(split_words("--eal='-m 512' \"it's\""), (Words{"--eal=-m 512", "it's"}));
  EXPECT_EQ(split_words("'' a''b"), (Words{"", "ab"}));
}

TEST(SplitWords, AQuoteMustEnd) {
  EXPECT_FALSE(split_words("--eal='-m 512"));
  EXPECT_FALSE(split_words("\"'"));
}

}  // namespace
}  // namespace millrace::posix
