// Hashes for tables: how often values meet, over many keys, and what the values of tabulation do
// not have in common with multiplications.
#include "base/universal_hash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

/// A secret for each number.
KeyStream keys_of(std::uint32_t number) {
  std::array<std::byte, KeyedHash::kKeyBytes> key{};
  const auto bytes = std::as_bytes(std::span{&number, 1});
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return KeyStream{KeyedHash{key}};
}

TEST(KeyStream, RepeatsItselfForASecretAndNeverAWord) {
  std::set<std::uint64_t> seen;
  for (std::uint32_t secret = 0; secret < 8; ++secret) {
    KeyStream keys = keys_of(secret);
    KeyStream again = keys_of(secret);
    for (int i = 0; i < 1'000; ++i) {
      const std::uint64_t word = keys.next();
      EXPECT_EQ(word, again.next());
      EXPECT_TRUE(seen.insert(word).second);
    }
  }
}

TEST(UniversalHash, MayBeAddedUpPieceByPiece) {
  KeyStream keys = keys_of(1);
  const UniversalHash<6> hash{keys};
  const std::array<std::uint32_t, 6> words{1, 0xffff'ffff, 3, 0x8000'0000, 0, 6};
  const std::uint64_t front = hash.add(hash.start(), 0, std::array{words[0], words[1]});
  const std::uint64_t all = hash.add(front, 2, std::array{words[2], words[3], words[4], words[5]});
  EXPECT_EQ(hash.finish(all), hash(words));
}

TEST(UniversalHash, LetsValuesMeetAsOftenAsChanceDoes) {
  // The closer two inputs are, the harder it is.
  constexpr std::array<std::array<std::uint32_t, 2>, 4> kDifferent{
      {{0, 1}, {1, 0}, {0x8000'0000, 0}, {0xffff'ffff, 0xffff'ffff}}};
  constexpr std::uint32_t kKeys = 20'000;
  constexpr std::uint32_t kValues = 64;
  for (const auto& difference : kDifferent) {
    std::uint32_t meetings = 0;
    std::uint32_t low_meetings = 0;
    for (std::uint32_t secret = 0; secret < kKeys; ++secret) {
      KeyStream keys = keys_of(secret);
      const UniversalHash<2> hash{keys};
      const std::uint32_t one = hash({0x1234'5678, 0x9abc'def0});
      const std::uint32_t other = hash({0x1234'5678 ^ difference[0], 0x9abc'def0 ^ difference[1]});
      meetings += one / (0xffff'ffffU / kValues + 1) == other / (0xffff'ffffU / kValues + 1);
      low_meetings += one % kValues == other % kValues;
    }
    // Six standard deviations: fewer than one key in a hundred million sees more by chance.
    constexpr double kExpected = double{kKeys} / kValues;
    EXPECT_NEAR(meetings, kExpected, 6 * 17.6);
    EXPECT_NEAR(low_meetings, kExpected, 6 * 17.6);
  }
}

TEST(UniversalHash, DependsOnEachWordAndOnTheKey) {
  KeyStream keys = keys_of(2);
  const UniversalHash<4> hash{keys};
  const UniversalHash<4> other{keys};
  const std::array<std::uint32_t, 4> words{7, 8, 9, 10};
  EXPECT_NE(hash(words), other(words));
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto changed = words;
    ++changed[i];
    EXPECT_NE(hash(changed), hash(words)) << i;
  }
}

TEST(TabulationHash, HasATableForEachOctet) {
  KeyStream keys = keys_of(3);
  const TabulationHash hash{keys};
  for (const std::uint32_t input : {0U, 0x0102'0304U, 0xffff'ffffU}) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      std::set<std::uint32_t> values;
      for (std::uint32_t octet = 0; octet < 256; ++octet) {
        values.insert(hash((input & ~(0xffU << shift)) | octet << shift));
      }
      EXPECT_EQ(values.size(), 256U) << shift;
    }
  }
  // What makes it one: the rest of the input does not matter to what an octet does.
  EXPECT_EQ(hash(0x1100'0000) ^ hash(0x2200'0000), hash(0x1133'4455) ^ hash(0x2233'4455));
}

}  // namespace
}  // namespace millrace::base
