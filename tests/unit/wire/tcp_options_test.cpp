// TCP options: reading with every malformation, writing in each combination.
#include "wire/tcp_options.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/covers.hpp"
#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

constexpr SackBlock kBlocks[] = {{SeqNum{0xffff'fff0}, SeqNum{0x10}},
                                 {SeqNum{0x100}, SeqNum{0x200}},
                                 {SeqNum{0x300}, SeqNum{0x400}},
                                 {SeqNum{0x500}, SeqNum{0x600}}};

TcpOptions with_sack(TcpOptions options, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(options.sack.push_back(kBlocks[i]));
  }
  return options;
}

TcpOptions all_of_a_syn() {
  TcpOptions options;
  options.mss = 1460;
  options.window_scale = 7;
  options.sack_permitted = true;
  options.timestamps = TcpTimestamps{.value = 0x0102'0304, .echo = 0xfffe'fdfc};
  return options;
}

constexpr const char* kLinuxSyn = "02 04 05 b4  04 02 08 0a 01 02 03 04 ff fe fd fc  01 03 03 07";

TEST(TcpOptions, ReadsSynOfLinux) {
  millrace::test::covers({"MUST-4", "MUST-14", "MUST-64"});
  const auto options = TcpOptions::parse(from_hex(kLinuxSyn));
  ASSERT_TRUE(options);
  EXPECT_EQ(*options, all_of_a_syn());
}

TEST(TcpOptions, ReadsNothingFromNothing) {
  const auto options = TcpOptions::parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(*options, TcpOptions{});
}

TEST(TcpOptions, ReadsUpToFourSackBlocks) {
  const std::string_view blocks[] = {"ff ff ff f0 00 00 00 10", "00 00 01 00 00 00 02 00",
                                     "00 00 03 00 00 00 04 00", "00 00 05 00 00 00 06 00"};
  std::string body;
  for (std::size_t count = 1; count <= kSackBlocksMax; ++count) {
    body += blocks[count - 1];
    Bytes bytes = from_hex("01 01 05 00" + body);
    bytes[3] = static_cast<std::byte>(2 + 8 * count);
    const auto options = TcpOptions::parse(bytes);
    ASSERT_TRUE(options);
    EXPECT_EQ(*options, with_sack({}, count));
  }
}

TcpOptions mss_only(std::uint16_t mss) {
  TcpOptions options;
  options.mss = mss;
  return options;
}

TcpOptions scale_only(std::uint8_t scale) {
  TcpOptions options;
  options.window_scale = scale;
  return options;
}

TcpOptions user_timeout_only(std::uint16_t bits) {
  TcpOptions options;
  options.user_timeout = UserTimeoutOption{bits};
  return options;
}

TcpOptions timestamps_only() {
  TcpOptions options;
  options.timestamps = TcpTimestamps{.value = 0x0102'0304, .echo = 0x0506'0708};
  return options;
}

struct ReadCase {
  const char* name;
  const char* bytes;
  TcpOptions expected;
};

const ReadCase kReadCases[] = {
    {"padding only", "01 01 01 01", {}},
    {"END stops", "00 02 04 05 b4", {}},
    {"END behind an option", "02 04 05 b4 00 ff ff ff", mss_only(1460)},
    {"unknown option is skipped", "fe 04 00 00 02 04 05 b4", mss_only(1460)},
    {"unknown option without body", "fd 02 02 04 05 b4", mss_only(1460)},
    {"unknown option that fills the rest", "02 04 05 b4 fe 06 01 02 03 04", mss_only(1460)},
    {"smallest MSS", "02 04 00 00", mss_only(0)},
    {"largest MSS", "02 04 ff ff", mss_only(65'535)},
    {"the last MSS counts", "02 04 05 b4 02 04 02 18", mss_only(536)},
    {"MSS too short", "02 03 05 03 03 02", scale_only(2)},
    {"MSS too long", "02 05 05 b4 00 03 03 02", scale_only(2)},
    {"MSS without body", "02 02 03 03 02", scale_only(2)},
    {"window scale zero", "03 03 00", scale_only(0)},
    {"window scale 14", "03 03 0e", scale_only(14)},
    {"window scale above 14 is 14", "03 03 0f", scale_only(14)},
    {"window scale 255 is 14", "03 03 ff", scale_only(14)},
    {"window scale too long", "03 04 01 01", {}},
    {"SACK permitted with a body", "04 03 00", {}},
    {"timestamps too short", "08 09 01 02 03 04 05 06 07", {}},
    {"timestamps too long", "08 0b 01 02 03 04 05 06 07 08 09", {}},
    {"Fast Open cookie of an odd size", "22 07 01 02 03 04 05", {}},
    {"Fast Open cookie too short", "22 04 01 02", {}},
    {"Fast Open cookie too long",
     "22 14 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12",
     {}},
    {"user timeout in seconds", "1c 04 01 2c", user_timeout_only(300)},
    {"user timeout in minutes", "1c 04 80 0a", user_timeout_only(0x800a)},
    {"user timeout too short", "1c 03 01", {}},
    {"user timeout too long", "1c 05 01 2c 00", {}},
    {"timestamps behind two fillers", "01 01 08 0a 01 02 03 04 05 06 07 08", timestamps_only()},
    {"timestamps behind two fillers, then END and noise",
     "01 01 08 0a 01 02 03 04 05 06 07 08 00 ff ff ff", timestamps_only()},
    {"of repeated timestamps the last count",
     "01 01 08 0a ff ff ff ff ff ff ff ff 08 0a 01 02 03 04 05 06 07 08 01 01", timestamps_only()},
    {"SACK without blocks", "05 02", {}},
    {"SACK with half a block", "05 06 00 00 00 01", {}},
    {"SACK with a block and a half", "05 0e 00 00 00 01 00 00 00 02 00 00 00 03", {}},
};

TEST(TcpOptions, SkipsWhatItDoesNotKnow) {
  millrace::test::covers({"MUST-4", "MUST-6", "MUST-68"});
  for (const ReadCase& c : kReadCases) {
    SCOPED_TRACE(c.name);
    const auto options = TcpOptions::parse(from_hex(c.bytes));
    ASSERT_TRUE(options);
    EXPECT_EQ(*options, c.expected);
  }
}

struct BadCase {
  const char* name;
  const char* bytes;
};

constexpr BadCase kBadCases[] = {
    {"kind without length", "02"},
    {"unknown kind without length", "fe"},
    {"length zero", "02 00 05 b4"},
    {"length one", "02 01 05 b4"},
    {"unknown kind with length zero", "fe 00"},
    {"length one past the end", "02 05 05 b4"},
    {"length far past the end", "fe ff 00 00"},
    {"second option past the end", "02 04 05 b4 03 03"},
    {"SACK past the end", "05 0a 00 00 00 01 00 00 00"},
    {"timestamps behind two fillers, cut short", "01 01 08 0a 01 02 03 04 05 06 07"},
    {"impossible behind the usual", "01 01 08 0a 01 02 03 04 05 06 07 08 02"},
};

TEST(TcpOptions, RefusesImpossibleLengths) {
  millrace::test::covers({"MUST-7"});
  for (const BadCase& c : kBadCases) {
    SCOPED_TRACE(c.name);
    const auto options = TcpOptions::parse(from_hex(c.bytes));
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error(), DropReason::TcpBadOptions);
  }
}

TEST(TcpOptions, EveryTruncationFallsBetweenOptionsOrIsRefused) {
  millrace::test::covers({"MUST-7", "MUST-68"});
  test::for_each_truncation(from_hex(kLinuxSyn), [](auto bytes) {
    const auto options = TcpOptions::parse(bytes);
    constexpr std::size_t kBoundaries[] = {0, 4, 6, 16, 17};
    const bool is_boundary = std::ranges::find(kBoundaries, bytes.size()) != std::end(kBoundaries);
    ASSERT_EQ(options.has_value(), is_boundary) << bytes.size();
    if (!options) {
      EXPECT_EQ(options.error(), DropReason::TcpBadOptions);
    }
  });
}

// Writing and reading again keeps what the kind of segment carries.
void expect_survives(const TcpOptions& options, bool is_syn) {
  Bytes out(kTcpOptionsSizeMax);
  const std::size_t size = emit_tcp_options(out, options, is_syn);
  ASSERT_EQ(size % 4, 0);
  ASSERT_EQ(size, tcp_options_size(options, is_syn));
  const auto read = TcpOptions::parse(std::span{out}.first(size));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->timestamps, options.timestamps);
  if (is_syn) {
    ASSERT_EQ(read->mss, options.mss);
    ASSERT_EQ(read->window_scale, options.window_scale);
    ASSERT_EQ(read->sack_permitted, options.sack_permitted);
    ASSERT_TRUE(read->sack.empty());
  } else {
    ASSERT_EQ(read->sack.size(),
              std::min<std::size_t>(options.sack.size(),
                                    options.timestamps ? (options.user_timeout ? 2 : 3) : 4));
    ASSERT_TRUE(std::equal(read->sack.begin(), read->sack.end(), options.sack.begin()));
  }
}

TEST(TcpOptions, RandomInputSurvivesWriting) {
  millrace::test::covers({"MUST-7"});
  const Bytes valid =
      from_hex("02 04 05 b4 04 02 03 03 07 05 12 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04");
  test::for_each_random_input(valid, [](auto bytes) {
    if (const auto options = TcpOptions::parse(bytes)) {
      expect_survives(*options, true);
      expect_survives(*options, false);
    }
  });
}

struct WriteCase {
  const char* name;
  bool is_syn;
  bool mss;
  bool sack_permitted;
  bool timestamps;
  bool window_scale;
  std::size_t blocks;
  const char* bytes;
};

constexpr WriteCase kWriteCases[] = {
    {"SYN, everything", true, true, true, true, true, 0, kLinuxSyn},
    {"SYN, nothing", true, false, false, false, false, 0, ""},
    {"SYN, MSS", true, true, false, false, false, 0, "02 04 05 b4"},
    {"SYN without timestamps", true, true, true, false, true, 0,
     "02 04 05 b4 01 01 04 02 01 03 03 07"},
    {"SYN without SACK", true, true, false, true, true, 0,
     "02 04 05 b4 01 01 08 0a 01 02 03 04 ff fe fd fc 01 03 03 07"},
    {"SYN with scale alone", true, false, false, false, true, 0, "01 03 03 07"},
    {"SYN never carries blocks", true, true, false, false, false, 2, "02 04 05 b4"},
    {"later, nothing", false, false, false, false, false, 0, ""},
    {"later, what only a SYN carries", false, true, true, false, true, 0, ""},
    {"later, timestamps", false, false, false, true, false, 0,
     "01 01 08 0a 01 02 03 04 ff fe fd fc"},
    {"later, one block", false, false, false, false, false, 1,
     "01 01 05 0a ff ff ff f0 00 00 00 10"},
    {"later, timestamps and a block", false, false, false, true, false, 1,
     "01 01 08 0a 01 02 03 04 ff fe fd fc 01 01 05 0a ff ff ff f0 00 00 00 10"},
    {"later, four blocks", false, false, false, false, false, 4,
     "01 01 05 22 ff ff ff f0 00 00 00 10 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 05 "
     "00 00 00 06 00"},
    {"later, timestamps leave room for three", false, false, false, true, false, 4,
     "01 01 08 0a 01 02 03 04 ff fe fd fc 01 01 05 1a ff ff ff f0 00 00 00 10 00 00 01 00 00 00 02 "
     "00"
     "00 00 03 00 00 00 04 00"},
};

TEST(TcpOptions, WritesInLinuxOrderAndPadding) {
  millrace::test::covers({"MUST-4", "MUST-65", "MUST-69"});
  for (const WriteCase& c : kWriteCases) {
    SCOPED_TRACE(c.name);
    TcpOptions options = with_sack(all_of_a_syn(), c.blocks);
    options.mss = c.mss ? options.mss : std::nullopt;
    options.sack_permitted = c.sack_permitted;
    options.timestamps = c.timestamps ? options.timestamps : std::nullopt;
    options.window_scale = c.window_scale ? options.window_scale : std::nullopt;
    const Bytes expected = from_hex(c.bytes);
    EXPECT_EQ(tcp_options_size(options, c.is_syn), expected.size());
    Bytes out(expected.size());
    EXPECT_EQ(emit_tcp_options(out, options, c.is_syn), expected.size());
    EXPECT_EQ(out, expected);
  }
}

TcpOptions with_cookie(std::size_t size) {
  TcpOptions options = all_of_a_syn();
  options.fast_open.emplace();
  for (std::size_t i = 0; i < size; ++i) {
    EXPECT_TRUE(options.fast_open->push_back(static_cast<std::byte>(0xa0 + i)));
  }
  return options;
}

TEST(TcpOptions, FastOpenCookiesOfEverySizeSurvive) {  // RFC 7413 §4.1.1
  for (const std::size_t size : {0U, 4U, 6U, 8U, 10U, 12U, 14U, 16U}) {
    Bytes out(kTcpOptionsSizeMax);
    const std::size_t written = emit_tcp_options(out, with_cookie(size), true);
    EXPECT_EQ(written % 4, 0U);
    EXPECT_LE(written, kTcpOptionsSizeMax);
    const auto read = TcpOptions::parse(std::span{out}.first(written));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, with_cookie(size)) << size;
  }
}

TEST(TcpOptions, FastOpenOfTheDraftsSurvives) {  // RFC 6994 §3
  for (const std::size_t size : {0U, 4U, 8U, 16U}) {
    TcpOptions options = with_cookie(size);
    options.fast_open_is_experimental = true;
    Bytes out(kTcpOptionsSizeMax);
    const std::size_t written = emit_tcp_options(out, options, true);
    EXPECT_EQ(written, tcp_options_size(options, true));
    const auto read = TcpOptions::parse(std::span{out}.first(written));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, options) << size;
  }
}

TEST(TcpOptions, OtherExperimentsAreNotFastOpen) {
  for (const char* const other : {"fe 04 f9 88", "fe 03 f9 01", "fe 02 01 01"}) {
    const auto read = TcpOptions::parse(from_hex(other));
    ASSERT_TRUE(read) << other;
    EXPECT_FALSE(read->fast_open) << other;
  }
}

TEST(TcpOptions, FastOpenStandsLastAndPaddedBehind) {  // as Linux writes it
  Bytes expected = from_hex(std::string{kLinuxSyn} + "22 0a a0 a1 a2 a3 a4 a5 a6 a7 01 01");
  Bytes out(kTcpOptionsSizeMax);
  out.resize(emit_tcp_options(out, with_cookie(8), true));
  EXPECT_EQ(out, expected);
  TcpOptions of_draft = with_cookie(8);
  of_draft.fast_open_is_experimental = true;
  expected = from_hex(std::string{kLinuxSyn} + "fe 0c f9 89 a0 a1 a2 a3 a4 a5 a6 a7");
  out.resize(kTcpOptionsSizeMax);
  out.resize(emit_tcp_options(out, of_draft, true));
  EXPECT_EQ(out, expected);
  expected = from_hex(std::string{kLinuxSyn} + "22 02 01 01");
  out.resize(kTcpOptionsSizeMax);
  out.resize(emit_tcp_options(out, with_cookie(0), true));
  EXPECT_EQ(out, expected);
}

TEST(TcpOptions, UserTimeoutRoundsUpAndChangesToMinutes) {  // RFC 5482 §2
  using namespace std::chrono_literals;
  EXPECT_EQ(UserTimeoutOption::from(0s), std::nullopt);
  EXPECT_EQ(UserTimeoutOption::from(-1s), std::nullopt);
  EXPECT_EQ(UserTimeoutOption::from(1ns)->bits, 1);
  EXPECT_EQ(UserTimeoutOption::from(32'767s)->bits, 32'767);
  EXPECT_EQ(UserTimeoutOption::from(32'767s + 1ns)->bits, 0x8000 | 547);
  EXPECT_EQ(UserTimeoutOption::from(32'767min)->bits, 0xffff);
  EXPECT_EQ(UserTimeoutOption::from(32'767min + 1ns), std::nullopt);
  EXPECT_EQ(UserTimeoutOption{300}.time(), 300s);
  EXPECT_EQ(UserTimeoutOption{0x800a}.time(), 10min);
  EXPECT_FALSE(UserTimeoutOption{0x8000}.is_given());
  EXPECT_FALSE(UserTimeoutOption{0}.is_given());
}

TEST(TcpOptions, UserTimeoutComesLastAndTakesRoomFromSackBlocks) {
  TcpOptions options;
  options.user_timeout = UserTimeoutOption{300};
  options.timestamps = TcpTimestamps{.value = 1, .echo = 2};
  for (std::uint32_t i = 0; i < 3; ++i) {
    static_cast<void>(options.sack.push_back({SeqNum{10 * i}, SeqNum{10 * i + 5}}));
  }
  std::array<std::byte, kTcpOptionsSizeMax> out{};
  const std::size_t size = emit_tcp_options(out, options, false);
  EXPECT_EQ(size, 12U + 4U + 2 * 8U + 4U);
  const auto read = TcpOptions::parse(std::span{out}.first(size));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->user_timeout, options.user_timeout);
  EXPECT_EQ(read->sack.size(), 2U);
  EXPECT_EQ(std::to_integer<int>(out[size - 4]), 28);
  options.sack.clear();
  EXPECT_EQ(emit_tcp_options(out, options, true), 16U);
  EXPECT_EQ(TcpOptions::parse(std::span{out}.first(16))->user_timeout, options.user_timeout);
}

TEST(TcpOptionsDeathTest, NeedsRoom) {
  Bytes out(19);
  EXPECT_DEATH(static_cast<void>(emit_tcp_options(out, all_of_a_syn(), true)), "contract violated");
}

}  // namespace
}  // namespace millrace::wire
