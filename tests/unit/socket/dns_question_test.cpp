// What a question and its answer have in common, and what is no question: RFC 1035 §4.1.
#include "socket/dns_question.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::socket {

namespace {

using namespace std::literals;

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes;
  for (const char letter : text) {
    bytes.push_back(static_cast<std::byte>(letter));
  }
  return bytes;
}

constexpr std::string_view kHeader = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"sv;
constexpr std::string_view kAnswered = "\x12\x34\x81\x83\x00\x01\x00\x02\x00\x01\x00\x00"sv;
constexpr std::string_view kName = "\x03Www\x04Test\x00"sv;
constexpr std::string_view kTypeA = "\x00\x01\x00\x01"sv;

std::vector<std::byte> question(std::string_view header, std::string_view name,
                                std::string_view type) {
  return question_of(bytes_of(std::string{header} + std::string{name} + std::string{type}));
}

TEST(DnsQuestion, IsTheSameInTheAnswerWhateverItsCaseAndWhatFollows) {
  const auto asked = question(kHeader, kName, kTypeA);
  EXPECT_EQ(asked, bytes_of("\x12\x34\x03www\x04test\x00\x00\x01\x00\x01"sv));
  EXPECT_EQ(question(kAnswered, "\x03wWw\x04tESt\x00"sv, "\x00\x01\x00\x01records"sv), asked);
}

TEST(DnsQuestion, IsAnotherWithAnotherNumberNameOrType) {
  const auto asked = question(kHeader, kName, kTypeA);
  EXPECT_NE(question("\x12\x35\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"sv, kName, kTypeA), asked);
  EXPECT_NE(question(kHeader, "\x03vww\x04test\x00"sv, kTypeA), asked);
  EXPECT_NE(question(kHeader, kName, "\x00\x1c\x00\x01"sv), asked);
}

TEST(DnsQuestion, IsNoneWhereTheMessageIsShortHasSeveralOrAbbreviates) {
  for (const std::string& message : {
           std::string{},
           std::string{kHeader},
           std::string{kHeader} + std::string{kName},
           std::string{kHeader} + std::string{kName} + "\x00\x01\x00"s,
           std::string{kHeader} + "\x3f too short"s,
           std::string{kHeader} + "\xc0\x0c\x00\x01\x00\x01"s,
           "\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00"s + std::string{kName} +
               std::string{kTypeA},
           "\x12\x34\x01\x00\x01\x01\x00\x00\x00\x00\x00\x00"s + std::string{kName} +
               std::string{kTypeA},
       }) {
    EXPECT_TRUE(question_of(bytes_of(message)).empty()) << message.size();
  }
  // RFC 1035 §2.3.4: a name has 255 octets at most.
  std::string labels;
  for (unsigned i = 0; i < 4; ++i) {
    labels += "\x3f"s + std::string(63, 'a');
  }
  EXPECT_TRUE(question(kHeader, labels + "\x00"s, kTypeA).empty());
}

}  // namespace

}  // namespace millrace::socket
