// Each code that sums against one too simple to be wrong, for every length up to 2 KiB at every
// place in a cache line, with and without copying.
#include "wire/word_sum.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "test_bytes.hpp"
#include "wire/checksum.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::random_bytes;

constexpr std::size_t kLengthMax = 2'048;
constexpr std::size_t kAlignments = 64;

/// Every byte at its place in a 32-bit word.
std::uint64_t naive_sum(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t place = std::endian::native == std::endian::little ? i % 4 : 3 - i % 4;
    sum += std::to_integer<std::uint64_t>(bytes[i]) << 8U * place;
  }
  return sum;
}

/// Memory whose first byte starts a cache line.
class Lines {
 public:
  explicit Lines(std::size_t bytes) : lines_((bytes + 63) / 64) {}
  [[nodiscard]] std::byte* data() { return lines_.front().bytes.data(); }
  [[nodiscard]] std::size_t size() const { return lines_.size() * 64; }

 private:
  struct alignas(64) Line {
    std::array<std::byte, 64> bytes{};
  };
  std::vector<Line> lines_;
};

TEST(FoldWords, AddsUpTheWordsUntilOneIsLeft) {
  constexpr std::array<std::uint64_t, 8> kEdges{
      0, 1, 0xffff, 0x1'0000, 0x1'0000'ffff'ffff, 0xffff'ffff'0000'0000, ~0ULL - 1, ~0ULL};
  std::mt19937_64 random{3};
  for (std::size_t i = 0; i < 10'000; ++i) {
    const std::uint64_t sum = i < kEdges.size() ? kEdges[i] : random() >> i % 64;
    std::uint64_t expected = sum;
    while (expected > 0xffff) {
      expected = (expected & 0xffff) + (expected >> 16U);
    }
    ASSERT_EQ(fold_words(sum), expected) << sum;
  }
}

class EachSumCode : public testing::TestWithParam<SumCode> {
 protected:
  void SetUp() override {
    if (!has_sum_code(GetParam())) {
      GTEST_SKIP() << "this processor does not have it";
    }
    use_sum_code(GetParam());
    ASSERT_EQ(sum_code(), GetParam());
  }
  void TearDown() override { use_sum_code(before_); }

 private:
  SumCode before_ = sum_code();
};

TEST_P(EachSumCode, EqualsReferenceForEveryLengthAndAlignment) {
  std::mt19937 random{1};
  Lines memory{kAlignments + kLengthMax};
  std::ranges::copy(random_bytes(random, memory.size()), memory.data());
  for (std::size_t offset = 0; offset < kAlignments; ++offset) {
    for (std::size_t size = 0; size <= kLengthMax; ++size) {
      const std::span<const std::byte> bytes{memory.data() + offset, size};
      ASSERT_EQ(sum_words(bytes), naive_sum(bytes)) << size << " at " << offset;
    }
  }
}

TEST_P(EachSumCode, CopiesWhatItSumsAndNothingElse) {
  constexpr std::byte kUntouched{0xa5};
  std::mt19937 random{2};
  Lines memory{kAlignments + kLengthMax};
  Lines copy{2 * kAlignments + kLengthMax};
  std::ranges::copy(random_bytes(random, memory.size()), memory.data());
  std::fill_n(copy.data(), copy.size(), kUntouched);
  for (std::size_t offset = 0; offset < kAlignments; ++offset) {
    const std::size_t to_offset = 1 + offset * 37 % kAlignments;
    for (std::size_t size = 0; size <= kLengthMax; ++size) {
      const std::span<const std::byte> bytes{memory.data() + offset, size};
      std::byte* const to = copy.data() + to_offset;
      ASSERT_EQ(copy_and_sum_words(to, bytes), naive_sum(bytes)) << size << " at " << offset;
      ASSERT_TRUE(std::ranges::equal(bytes, std::span{to, size})) << size << " at " << offset;
      ASSERT_TRUE(to[-1] == kUntouched && to[size] == kUntouched) << size << " at " << offset;
      std::fill_n(to, size, kUntouched);
    }
  }
}

TEST_P(EachSumCode, EqualsReferenceWhereCarriesPileUp) {
  for (const std::size_t size : {std::size_t{63}, std::size_t{4'096}, std::size_t{65'535}}) {
    const Bytes bytes(size, std::byte{0xff});
    EXPECT_EQ(sum_words(bytes), naive_sum(bytes)) << size;
  }
}

TEST_P(EachSumCode, PiecesOfAnyLengthSumAsOne) {
  std::mt19937 random{3};
  const Bytes bytes = random_bytes(random, 1'461);
  const std::span<const std::byte> all{bytes};
  const std::uint16_t expected = internet_checksum(all);
  Bytes copy(bytes.size());
  for (int i = 0; i < 5'000; ++i) {
    // Three pieces of a chain, the one in the middle copied.
    const std::size_t first = random() % (all.size() + 1);
    const std::size_t second = first + random() % (all.size() - first + 1);
    Checksum checksum;
    checksum.add(all.first(first));
    checksum.add_copied(copy.data() + first, all.subspan(first, second - first));
    checksum.add(all.subspan(second));
    ASSERT_EQ(checksum.finish(), expected) << first << ' ' << second;
    ASSERT_TRUE(std::ranges::equal(std::span{copy}.subspan(first, second - first),
                                   all.subspan(first, second - first)));
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, EachSumCode, testing::Values(SumCode::Plain, SumCode::Avx2),
                         [](const auto& code) {
                           return std::string{code.param == SumCode::Plain ? "Plain" : "Avx2"};
                         });

TEST(SumCode, IsTheBestThatThereIs) {
  EXPECT_EQ(sum_code(), has_sum_code(SumCode::Avx2) ? SumCode::Avx2 : SumCode::Plain);
  EXPECT_TRUE(has_sum_code(SumCode::Plain));
}

TEST(SumCodeDeathTest, IsNeverOneThatTheProcessorLacks) {
  if (has_sum_code(SumCode::Avx2)) {
    GTEST_SKIP() << "this processor has all";
  }
  EXPECT_DEATH(use_sum_code(SumCode::Avx2), "contract violated");
}

}  // namespace
}  // namespace millrace::wire
