// Names and counters of drop reasons: every one has its own.
#include <millrace/stats.hpp>

#include <cctype>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace {
namespace {

bool is_snake_case(std::string_view text) {
  for (const char character : text) {
    const auto octet = static_cast<unsigned char>(character);
    if (character != '_' && std::islower(octet) == 0 && std::isdigit(octet) == 0) {
      return false;
    }
  }
  return !text.empty() && text.front() != '_' && text.back() != '_' && !text.contains("__");
}

TEST(DropReason, EveryValueHasItsOwnSnakeCaseName) {
  std::set<std::string_view> seen;
  for (std::size_t value = 0; value < kDropReasonCount; ++value) {
    const std::string_view name = to_string(static_cast<DropReason>(value));
    EXPECT_NE(name, "unknown") << value;
    EXPECT_TRUE(is_snake_case(name)) << name;
    EXPECT_TRUE(seen.insert(name).second) << name;
  }
  EXPECT_EQ(to_string(DropReason::TcpBadChecksum), "tcp_bad_checksum");
  EXPECT_EQ(to_string(DropReason::Ipv4NotForUs), "ipv4_not_for_us");
}

TEST(DropReason, CountIsNoReason) { EXPECT_EQ(to_string(DropReason::Count_), "unknown"); }

TEST(CoreStats, CountsEachReasonAlone) {
  CoreStats stats;
  stats.count(DropReason::TransmitQueueFull);
  stats.count(DropReason::TransmitQueueFull);
  stats.count(DropReason::EthernetTooShort);
  EXPECT_EQ(stats.dropped(DropReason::TransmitQueueFull), 2);
  EXPECT_EQ(stats.dropped(DropReason::EthernetTooShort), 1);
  EXPECT_EQ(stats.dropped(DropReason::NoRoute), 0);
}

}  // namespace
}  // namespace millrace
