// Dates, entity tags, preconditions and ranges: from fields of a request to what is sent of a file.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpd/byte_ranges.hpp"
#include "httpd/entity_tag.hpp"
#include "httpd/http_date.hpp"
#include "httpd/preconditions.hpp"

namespace httpd {
namespace {

constexpr std::time_t kExample = 784'111'777;  // RFC 9110's, Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::time_t kNow = 1'795'000'000;    // In 2026.

TEST(HttpDate, IsReadInAllThreeForms) {
  const struct {
    std::string_view text;
    std::optional<std::time_t> seconds;
  } cases[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", kExample},
      {"Sunday, 06-Nov-94 08:49:37 GMT", kExample},
      {"Sun Nov  6 08:49:37 1994", kExample},
      {"Wed Nov 16 08:49:37 1994", kExample + 10 * 86'400},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Mon, 29 Feb 2016 00:00:00 GMT", 1'456'704'000},
      {"Friday, 13-Nov-76 00:00:00 GMT", 3'372'451'200},  // Fifty years ahead at most.
      {"Sunday, 13-Nov-77 00:00:00 GMT", 248'227'200},
      {"", std::nullopt},
      {"yesterday", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:37", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:37 GMT ", std::nullopt},
      {"Sun, 6 Nov 1994 08:49:37 GMT", std::nullopt},
      {"Sun, 06 nov 1994 08:49:37 GMT", std::nullopt},
      {"Sun, 06 Nov 1994 24:49:37 GMT", std::nullopt},
      {"Sun, 00 Nov 1994 08:49:37 GMT", std::nullopt},
      {"Sun, -6 Nov 1994 08:49:37 GMT", std::nullopt},
      {"Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
      {"Sun Nov  6 08:49:37 19", std::nullopt},
      {"Sun, ", std::nullopt},
      {",", std::nullopt},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(parse_http_date(c.text, kNow), c.seconds) << c.text;
  }
}

TEST(HttpDate, IsWrittenAsItIsRead) {
  for (const std::time_t seconds : {std::time_t{0}, kExample, kNow, std::time_t{4'102'444'799}}) {
    std::string text;
    append_http_date(text, seconds);
    EXPECT_EQ(parse_http_date(text, kNow), seconds) << text;
  }
}

TEST(HttpDate, SecondTextChangesWithTheSecond) {
  SecondText text{&append_http_date};
  EXPECT_EQ(text.at(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text.at(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text.at(kExample + 1), "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST(EntityTag, SurvivesTheWay) {
  const EntityTag tags[] = {{.size = 0, .changed_at_ns = 0},
                            {.size = ~std::uint64_t{0}, .changed_at_ns = kNow * 1'000'000'000},
                            {.size = 1, .changed_at_ns = -5}};
  for (const EntityTag& tag : tags) {
    std::string text;
    append_entity_tag(text, tag);
    TagList list;
    list.add(text);
    EXPECT_TRUE(list.matches_strongly(tag)) << text;
  }
}

TEST(EntityTag, ListsAreSearched) {
  const EntityTag tag{.size = 0x10, .changed_at_ns = 0x20};
  const struct {
    std::string_view field;
    bool weakly;
    bool strongly;
  } cases[] = {
      {"\"10-20\"", true, true},
      {"W/\"10-20\"", true, false},
      {"\"x\", \"10-20\"", true, true},
      {"\"a,b\",W/\"y\",,  \"10-20\"", true, true},
      {"*", true, true},
      {"\"10-21\"", false, false},
      {"\"10-20", false, false},
      {"10-20", false, false},
      {"\"10-20z\"", false, false},
      {"\"-\"", false, false},
      {"nonsense \"10-20\"", false, false},
      {"", false, false},
  };
  for (const auto& c : cases) {
    TagList list;
    list.add(c.field);
    EXPECT_TRUE(list.is_present());
    EXPECT_EQ(list.matches_weakly(tag), c.weakly) << c.field;
    EXPECT_EQ(list.matches_strongly(tag), c.strongly) << c.field;
  }
  TagList list;
  list.add("\"10-20\"");
  EXPECT_FALSE(list.matches_strongly({.size = 0x10, .changed_at_ns = 0x20, .is_weak = true}));
}

TEST(EntityTag, ListsHaveALimit) {
  TagList list;
  for (int i = 0; i < 100; ++i) {
    list.add("\"1-" + std::to_string(i) + "\"");
  }
  EXPECT_TRUE(list.matches_weakly({.size = 1, .changed_at_ns = 7}));
  EXPECT_FALSE(list.matches_weakly({.size = 1, .changed_at_ns = 8}));
}

// "0+10 20+1", "none", or "whole".
std::string ranges_of(std::string_view field, std::uint64_t size) {
  RangeRequest request;
  request.assign(field);
  if (!request.is_present()) {
    return "ignored";
  }
  const RangeSet set = RangeSet::resolve(request, size);
  if (!set.is_partial()) {
    return "whole";
  }
  std::string text;
  for (const ByteRange& range : set.ranges()) {
    text += (text.empty() ? "" : " ") + std::to_string(range.offset) + "+" +
            std::to_string(range.length);
  }
  return text.empty() ? "none" : text;
}

TEST(ByteRanges, MeanBytesOfTheFile) {
  const struct {
    std::string_view field;
    std::uint64_t size;
    std::string_view ranges;
  } cases[] = {
      {"bytes=0-9", 100, "0+10"},
      {"bytes=0-0", 100, "0+1"},
      {"bytes=90-", 100, "90+10"},
      {"bytes=90-200", 100, "90+10"},
      {"bytes=-1", 100, "99+1"},
      {"bytes=-200", 100, "0+100"},
      {"BYTES=5-5", 100, "5+1"},
      {"bytes= 1-2 , 5-6", 100, "1+2 5+2"},
      {"bytes=5-6,1-2", 100, "5+2 1+2"},
      {"bytes=,,1-2,", 100, "1+2"},
      {"bytes=100-", 100, "none"},
      {"bytes=-0", 100, "none"},
      {"bytes=100-,200-300", 100, "none"},
      {"bytes=100-,0-1", 100, "0+2"},
      {"bytes=0-18446744073709551615", 100, "0+100"},
      {"bytes=99999999999999999999999-", 100, "none"},
      {"bytes=-99999999999999999999999", 100, "0+100"},
      {"bytes=0-1,1-2", 100, "whole"},
      {"bytes=0-,-1", 100, "whole"},
      {"bytes=0-99,0-99", 100, "whole"},
      {"bytes=0-", 0, "none"},
      {"bytes=-5", 0, "whole"},
      {"bytes=2-1", 100, "ignored"},
      {"bytes=a-", 100, "ignored"},
      {"bytes=-", 100, "ignored"},
      {"bytes=1", 100, "ignored"},
      {"bytes=", 100, "ignored"},
      {"bytes=+1-2", 100, "ignored"},
      {"bytes=1--2", 100, "ignored"},
      {"bytes=0-1,x", 100, "ignored"},
      {"lines=0-1", 100, "ignored"},
      {"bytes 0-1", 100, "ignored"},
      {"", 100, "ignored"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ranges_of(c.field, c.size), c.ranges) << c.field;
  }
}

TEST(ByteRanges, MoreThanSixteenAreIgnored) {
  std::string field = "bytes=0-0";
  for (std::size_t i = 1; i < kRangesMax; ++i) {
    field += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  }
  EXPECT_NE(ranges_of(field, 100), "ignored");
  EXPECT_EQ(ranges_of(field + ",50-50", 100), "ignored");
}

TEST(ByteRanges, MultipartKnowsItsLength) {
  RangeRequest request;
  request.assign("bytes=0-4,10-10,-100");
  const RangeSet set = RangeSet::resolve(request, 1000);
  ASSERT_TRUE(set.is_multipart());
  const Multipart multipart{0xABC};
  std::string text;
  for (const ByteRange& range : set.ranges()) {
    multipart.append_part_head(text, "text/plain", range, 1000);
    text.append(range.length, 'x');
  }
  multipart.append_end(text);
  EXPECT_EQ(multipart.length("text/plain", set, 1000), text.size());
  EXPECT_TRUE(
      text.starts_with("\r\n--0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes "
                       "0-4/1000\r\n\r\nxxxxx\r\n--"));
  EXPECT_TRUE(text.ends_with("x\r\n--0000000000000abc--\r\n"));
  std::string type;
  multipart.append_content_type(type);
  EXPECT_EQ(type, "multipart/byteranges; boundary=0000000000000abc");
}

constexpr FileFacts kFile{.size = 1000, .changed_at_ns = kExample * 1'000'000'000 + 5};

Verdict verdict_of(const Conditions& conditions, bool is_get = true, std::time_t now = kNow) {
  RangeSet ranges;
  return judge(conditions, kFile, now, is_get, ranges);
}

TagList tags(std::string_view field) {
  TagList list;
  list.add(field);
  return list;
}

std::string own_tag() {
  std::string text;
  append_entity_tag(text, kFile.tag(kNow));
  return text;
}

RangeRequest range(std::string_view field) {
  RangeRequest request;
  request.assign(field);
  return request;
}

TEST(Preconditions, AreJudgedInTheOrderOfTheRfc) {
  const std::string own = own_tag();
  const struct {
    const char* name;
    Conditions conditions;
    Verdict verdict;
  } cases[] = {
      {"nothing", {}, Verdict::Whole},
      {"if-match other", {.if_match = tags("\"1-1\"")}, Verdict::Failed},
      {"if-match own", {.if_match = tags(own)}, Verdict::Whole},
      {"if-match weak", {.if_match = tags("W/" + own)}, Verdict::Failed},
      {"unmodified since before", {.if_unmodified_since = kExample - 1}, Verdict::Failed},
      {"unmodified since", {.if_unmodified_since = kExample}, Verdict::Whole},
      {"if-match goes before the date",
       {.if_match = tags(own), .if_unmodified_since = kExample - 1},
       Verdict::Whole},
      {"if-none-match own", {.if_none_match = tags(own)}, Verdict::NotModified},
      {"if-none-match weak", {.if_none_match = tags("W/" + own)}, Verdict::NotModified},
      {"if-none-match any", {.if_none_match = tags("*")}, Verdict::NotModified},
      {"if-none-match other", {.if_none_match = tags("\"x\"")}, Verdict::Whole},
      {"if-none-match goes before the date",
       {.if_none_match = tags("\"x\""), .if_modified_since = kExample},
       Verdict::Whole},
      {"modified since", {.if_modified_since = kExample}, Verdict::NotModified},
      {"modified since before", {.if_modified_since = kExample - 1}, Verdict::Whole},
      {"range", {.range = range("bytes=0-1")}, Verdict::Part},
      {"range beyond", {.range = range("bytes=1000-")}, Verdict::NotSatisfiable},
      {"range of the same", {.if_range = tags(own), .range = range("bytes=0-1")}, Verdict::Part},
      {"range of a weak one",
       {.if_range = tags("W/" + own), .range = range("bytes=0-1")},
       Verdict::Whole},
      {"range of another",
       {.if_range = tags("\"x\""), .range = range("bytes=1000-")},
       Verdict::Whole},
      {"range of the date",
       {.if_range_date = kExample, .range = range("bytes=0-1")},
       Verdict::Part},
      {"range of a later date",
       {.if_range_date = kExample + 1, .range = range("bytes=0-1")},
       Verdict::Whole},
      {"not modified goes before range",
       {.if_none_match = tags(own), .range = range("bytes=0-1")},
       Verdict::NotModified},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(verdict_of(c.conditions), c.verdict) << c.name;
  }
}

TEST(Preconditions, HeadKnowsNoRanges) {
  EXPECT_EQ(verdict_of({.range = range("bytes=0-1")}, false), Verdict::Whole);
}

TEST(Preconditions, FreshFilesHaveNoStrongValidator) {
  EXPECT_TRUE(kFile.tag(kExample + 1).is_weak);
  EXPECT_FALSE(kFile.tag(kExample + 2).is_weak);
  const Conditions by_tag{.if_range = tags(own_tag()), .range = range("bytes=0-1")};
  EXPECT_EQ(verdict_of(by_tag, true, kExample), Verdict::Whole);
  const Conditions by_date{.if_range_date = kExample, .range = range("bytes=0-1")};
  EXPECT_EQ(verdict_of(by_date, true, kExample), Verdict::Whole);
}

}  // namespace
}  // namespace httpd
