// BigEndian: octets in network order at any address.
#include "base/big_endian.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

template <std::size_t N>
constexpr std::array<std::byte, N> bytes_of(const std::array<unsigned, N>& values) {
  std::array<std::byte, N> bytes{};
  for (std::size_t i = 0; i < N; ++i) {
    bytes[i] = static_cast<std::byte>(values[i]);
  }
  return bytes;
}

static_assert(sizeof(BigEndian<std::uint16_t>) == 2 && alignof(BigEndian<std::uint16_t>) == 1);
static_assert(sizeof(BigEndian<std::uint32_t>) == 4 && alignof(BigEndian<std::uint32_t>) == 1);
static_assert(sizeof(BigEndian<std::uint64_t>) == 8 && alignof(BigEndian<std::uint64_t>) == 1);
static_assert(std::is_trivially_copyable_v<BigEndian<std::uint32_t>>);
static_assert(!std::is_convertible_v<std::uint32_t, BigEndian<std::uint32_t>>);

TEST(BigEndian, StoresTheHighestOctetFirst) {
  using Octets2 = std::array<std::byte, 2>;
  using Octets4 = std::array<std::byte, 4>;
  using Octets8 = std::array<std::byte, 8>;
  EXPECT_EQ(std::bit_cast<Octets2>(BigEndian<std::uint16_t>{0x1234}), bytes_of<2>({0x12, 0x34}));
  EXPECT_EQ(std::bit_cast<Octets4>(BigEndian<std::uint32_t>{0x12345678}),
            bytes_of<4>({0x12, 0x34, 0x56, 0x78}));
  EXPECT_EQ(std::bit_cast<Octets8>(BigEndian<std::uint64_t>{0x0102030405060708}),
            bytes_of<8>({1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(BigEndian, GivesBackWhatItWasGiven) {
  for (const std::uint32_t value :
       {0U, 1U, 0x80000000U, std::numeric_limits<std::uint32_t>::max()}) {
    EXPECT_EQ(BigEndian<std::uint32_t>{value}.value(), value);
  }
  EXPECT_EQ(BigEndian<std::uint8_t>{0xa5}.value(), 0xa5);
}

TEST(BigEndian, AssignsAndCompares) {
  BigEndian<std::uint16_t> field;
  EXPECT_EQ(field.value(), 0);
  field = 443;
  EXPECT_EQ(field.value(), 443);
  EXPECT_EQ(field, BigEndian<std::uint16_t>{443});
  EXPECT_NE(field, BigEndian<std::uint16_t>{444});
}

TEST(BigEndian, IsUsableInConstantExpressions) {
  static_assert(BigEndian<std::uint32_t>{0xdeadbeef}.value() == 0xdeadbeef);
}

}  // namespace
}  // namespace millrace::base
