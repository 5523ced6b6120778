// What is added to the clock of timestamps: by addresses and secret alone.
#include "tcp/timestamp_offsets.hpp"

#include <set>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

base::KeyedHash key(std::uint8_t number) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> bytes{};
  bytes[3] = std::byte{number};
  return base::KeyedHash{bytes};
}

FourTuple tuple(std::uint8_t local, std::uint8_t remote, std::uint16_t port) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, local), .port = Port{80}},
          .remote = {.address = IpAddress::v4(198, 18, 0, remote), .port = Port{port}}};
}

TEST(TimestampOffsets, AreThoseOfTheHostsWhateverThePorts) {
  covers({"RFC 7323 §7.1", "RFC 6191 §2"});
  const TimestampOffsets offsets{key(1)};
  EXPECT_EQ(offsets.of(tuple(1, 2, 1'000)), offsets.of(tuple(1, 2, 1'001)));
}

TEST(TimestampOffsets, DifferByPeerDirectionAndSecret) {
  covers({"RFC 7323 §7.1"});
  std::set<std::uint32_t> seen;
  for (std::uint8_t peer = 2; peer < 250; ++peer) {
    seen.insert(TimestampOffsets{key(1)}.of(tuple(1, peer, 9)));
    seen.insert(TimestampOffsets{key(1)}.of(tuple(peer, 1, 9)));
    seen.insert(TimestampOffsets{key(2)}.of(tuple(1, peer, 9)));
  }
  EXPECT_EQ(seen.size(), 3U * 248);
}

}  // namespace

}  // namespace millrace::tcp
