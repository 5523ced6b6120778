// Names of errors: every one has its own, fit for the middle of a sentence.
#include <millrace/error.hpp>

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Error, EveryValueHasItsOwnLowerCaseText) {
  std::set<std::string_view> seen;
  for (unsigned value = 0; value <= std::to_underlying(Error::NoNameServer); ++value) {
    const std::string_view text = to_string(static_cast<Error>(value));
    EXPECT_NE(text, "unknown error") << value;
    EXPECT_TRUE(seen.insert(text).second) << text;
    for (const char character : text) {
      EXPECT_TRUE(character == ' ' || std::islower(static_cast<unsigned char>(character)) != 0)
          << text;
    }
  }
  EXPECT_EQ(to_string(Error::ConnectionRefused), "connection refused");
}

TEST(Error, ValuesOutsideHaveAText) {
  EXPECT_EQ(to_string(static_cast<Error>(255)), "unknown error");
}

TEST(Result, HoldsAValueOrAReason) {
  const Result<int> value = 7;
  const Result<int> reason = fail(Error::TimedOut);
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 7);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error(), Error::TimedOut);
}

TEST(Result, AReasonMaySayWhatFailed) {
  const auto start = [](bool works) -> Result<void, std::string> {
    return works ? Result<void, std::string>{} : fail("port 80", Error::AddressInUse);
  };
  EXPECT_TRUE(start(true));
  EXPECT_EQ(start(false).error(), "port 80: address in use");
}

TEST(Result, ReasonsOfOtherKindsStayAsTheyAre) {
  const Result<void, std::string> text = fail("no such user");
  EXPECT_EQ(text.error(), "no such user");
  const Result<void, int> number = fail(7);
  EXPECT_EQ(number.error(), 7);
}

}  // namespace
}  // namespace millrace
