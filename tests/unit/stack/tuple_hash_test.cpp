// TupleHash: what it depends on, and that tuples which come in rows do not lie in rows.
#include "stack/tuple_hash.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace millrace::stack {
namespace {

base::KeyedHash secret_from(base::Random& random) {
  std::array<std::byte, base::KeyedHash::kKeyBytes> key;
  random.fill(key);
  return base::KeyedHash{key};
}

FourTuple tuple_of(std::uint32_t remote, std::uint16_t remote_port) {
  return {.local = {.address = IpAddress::v4(198, 18, 0, 2), .port = Port{443}},
          .remote = {.address = IpAddress::v4(10, static_cast<std::uint8_t>(remote >> 16U),
                                              static_cast<std::uint8_t>(remote >> 8U),
                                              static_cast<std::uint8_t>(remote)),
                     .port = Port{remote_port}}};
}

TEST(TupleHash, IsTheSameOfATupleAndOfItsKey) {
  base::Random random = base::Random::from_seed(1);
  for (int i = 0; i < 100; ++i) {
    const TupleHash hash{secret_from(random)};
    for (std::uint16_t port = 1; port < 100; ++port) {
      const FourTuple tuple = tuple_of(random.next_u32(), port);
      EXPECT_EQ(hash(tuple), hash(wire::TupleKey::of(tuple)));
    }
  }
}

TEST(TupleHash, DependsOnEveryByteOfATuple) {
  base::Random random = base::Random::from_seed(2);
  const TupleHash hash{secret_from(random)};
  for (const FourTuple& tuple :
       {tuple_of(1, 2), FourTuple{.local = {.address = {}, .port = Port{53}}, .remote = {}}}) {
    const auto with_byte = [](const IpAddress& address, std::size_t at) {
      auto bytes = address.bytes();
      bytes[at] ^= 1U;
      return IpAddress{bytes};
    };
    for (std::size_t i = 0; i < IpAddress::kSize; ++i) {
      FourTuple other = tuple;
      other.local.address = with_byte(tuple.local.address, i);
      EXPECT_NE(hash(other), hash(tuple)) << i;
      other = tuple;
      other.remote.address = with_byte(tuple.remote.address, i);
      EXPECT_NE(hash(other), hash(tuple)) << i;
    }
    for (unsigned bit = 0; bit < 16; ++bit) {
      const auto flip = [bit](Port port) {
        return Port{static_cast<std::uint16_t>(port.number() ^ 1U << bit)};
      };
      FourTuple other = tuple;
      other.local.port = flip(tuple.local.port);
      EXPECT_NE(hash(other), hash(tuple)) << bit;
      other = tuple;
      other.remote.port = flip(tuple.remote.port);
      EXPECT_NE(hash(other), hash(tuple)) << bit;
    }
    EXPECT_NE(hash({.local = tuple.remote, .remote = tuple.local}), hash(tuple));
  }
}

/// The places that a search for one of the tuples looks at, on average, when they fill half of a
/// table with linear probing.
double average_search(const TupleHash& hash, const std::vector<FourTuple>& tuples) {
  const std::size_t slots = 2 * tuples.size();
  std::vector<bool> taken(slots);
  std::size_t looked_at = 0;
  for (const FourTuple& tuple : tuples) {
    std::size_t at = hash(tuple) % slots;
    for (++looked_at; taken[at]; ++looked_at) {
      at = (at + 1) % slots;
    }
    taken[at] = true;
  }
  return static_cast<double>(looked_at) / static_cast<double>(tuples.size());
}

struct Row {
  const char* name;
  std::uint32_t address_step;
  std::uint16_t port_step;
};

class TupleHashRows : public ::testing::TestWithParam<Row> {};

TEST_P(TupleHashRows, SpreadsThemUnderEverySecret) {
  // What multiplications alone make of a row is a row: every hundredth secret would put these at
  // places so close to each other that a search took tens of steps.
  constexpr std::uint32_t kTuples = 4'096;
  constexpr int kSecrets = 1'500;
  std::vector<FourTuple> tuples;
  for (std::uint32_t i = 0; i < kTuples; ++i) {
    tuples.push_back(tuple_of(1 + i * GetParam().address_step,
                              static_cast<std::uint16_t>(1'024 + i * GetParam().port_step)));
  }
  base::Random random = base::Random::from_seed(3);
  double worst = 0;
  for (int i = 0; i < kSecrets; ++i) {
    worst = std::max(worst, average_search(TupleHash{secret_from(random)}, tuples));
  }
  // With values drawn at random it is 1.5.
  EXPECT_LT(worst, 3.0);
}

INSTANTIATE_TEST_SUITE_P(
    , TupleHashRows,
    ::testing::Values(Row{"ports_in_turn", 0, 1}, Row{"every_fourth_port", 0, 4},
                      Row{"addresses_in_turn", 1, 0}, Row{"networks_in_turn", 256, 0}),
    [](const ::testing::TestParamInfo<Row>& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace millrace::stack
