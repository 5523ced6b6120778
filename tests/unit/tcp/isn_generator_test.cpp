// Initial sequence numbers: RFC 6528 §3, RFC 9293 §3.4.1.
#include "tcp/isn_generator.hpp"

#include <array>
#include <set>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{std::chrono::hours{1}};

base::KeyedHash hash(unsigned key) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> bytes{};
  bytes[3] = static_cast<std::byte>(key);
  return base::KeyedHash{bytes};
}

FourTuple tuple(std::uint8_t local, std::uint16_t local_port, std::uint8_t remote,
                std::uint16_t remote_port) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, local), .port = Port{local_port}},
          .remote = {.address = IpAddress::v4(198, 18, 0, remote), .port = Port{remote_port}}};
}

TEST(IsnGenerator, TicksFasterThanAConnectionSends) {  // RFC 9293 §3.4.1, MUST-8
  test::covers({"RFC 9293 §3.4.1", "MUST-8", "SHLD-1", "RFC 6528 §3"});
  const IsnGenerator isns{hash(1)};
  const FourTuple of = tuple(1, 80, 2, 4'000);
  const wire::SeqNum first = isns.next(of, kStart);
  EXPECT_EQ(isns.next(of, kStart), first);
  EXPECT_EQ(isns.next(of, kStart + 64ns), first + 1);
  EXPECT_EQ(isns.next(of, kStart + 1s), first + 15'625'000);
  EXPECT_EQ(isns.next(of, kStart + 24h) - first,
            static_cast<std::int32_t>(24ULL * 3'600 * 15'625'000));
}

TEST(IsnGenerator, EveryPartOfTheTupleAndTheSecretMatter) {  // RFC 6528 §3
  test::covers({"MUST-9", "SHLD-1", "RFC 6528 §3"});
  const FourTuple tuples[] = {tuple(1, 80, 2, 4'000), tuple(3, 80, 2, 4'000),
                              tuple(1, 81, 2, 4'000), tuple(1, 80, 3, 4'000),
                              tuple(1, 80, 2, 4'001), tuple(2, 4'000, 1, 80)};
  std::set<std::uint32_t> seen;
  for (const FourTuple& of : tuples) {
    seen.insert(IsnGenerator{hash(1)}.next(of, kStart).value());
    seen.insert(IsnGenerator{hash(2)}.next(of, kStart).value());
  }
  EXPECT_EQ(seen.size(), 12U);
}

TEST(IsnGenerator, AConnectionOpenedAgainBeginsBeyondItsPredecessor) {
  test::covers({"MUST-8", "SHLD-1", "RFC 6528 §3"});
  const IsnGenerator isns{hash(1)};
  const FourTuple of = tuple(1, 80, 2, 4'000);
  // Up to 15 MB a second, as long as TIME-WAIT may last.
  for (const Duration later : {Duration{1ms}, Duration{1s}, Duration{60s}, Duration{120s}}) {
    EXPECT_TRUE(isns.next(of, kStart + later).is_after(isns.next(of, kStart)));
  }
}

TEST(IsnGenerator, OneConnectionsNumbersTellNothingOfAnothers) {
  test::covers({"MUST-9", "RFC 6528 §3"});
  const IsnGenerator isns{hash(1)};
  // The difference between neighbors is another one each time.
  std::set<std::uint32_t> differences;
  for (std::uint16_t port = 1; port < 1'000; ++port) {
    const auto difference =
        isns.next(tuple(1, 80, 2, port), kStart) -
        isns.next(tuple(1, 80, 2, static_cast<std::uint16_t>(port + 1)), kStart);
    differences.insert(static_cast<std::uint32_t>(difference));
  }
  EXPECT_GE(differences.size(), 998U);
}

}  // namespace

}  // namespace millrace::tcp
