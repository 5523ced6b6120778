// KeyedHash against the SipHash-2-4 reference vectors: key 00 01 .. 0f, input 00 01 .. of growing
// length.
#include "base/keyed_hash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

template <std::size_t N>
std::array<std::byte, N> counting() {
  std::array<std::byte, N> bytes;
  for (std::size_t i = 0; i < N; ++i) {
    bytes[i] = static_cast<std::byte>(i);
  }
  return bytes;
}

TEST(KeyedHash, MatchesTheReferenceVectors) {
  struct Case {
    std::size_t length;
    std::uint64_t hash;
  };
  const KeyedHash hash{counting<16>()};
  const auto input = counting<64>();
  for (const Case c : {Case{0, 0x726fdb47dd0e0e31}, Case{1, 0x74f839c593dc67fd},
                       Case{8, 0x93f5f5799a932462}, Case{15, 0xa129ca6149be45e5}}) {
    EXPECT_EQ(hash(std::span{input}.first(c.length)), c.hash) << "length " << c.length;
  }
}

TEST(KeyedHash, DependsOnTheKey) {
  auto other_key = counting<16>();
  other_key[0] ^= std::byte{1};
  const auto input = counting<36>();
  EXPECT_NE(KeyedHash{counting<16>()}(input), KeyedHash{other_key}(input));
}

}  // namespace
}  // namespace millrace::base
