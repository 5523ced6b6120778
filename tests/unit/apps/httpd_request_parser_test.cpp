// RequestParser: what it takes, what it refuses and with which status, in one piece and byte by
// byte.
#include "httpd/request_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace httpd {
namespace {

struct Parsed {
  Status status = Status::Ok;  // Ok: complete, or waiting for more.
  bool is_complete = false;
  std::string body;
  std::size_t consumed = 0;
};

// Feeds `text` in pieces of `piece` bytes, as a connection does: what is not consumed comes again,
// with more behind it.
Parsed parse(RequestParser& parser, std::string_view text, std::size_t piece) {
  Parsed parsed;
  std::size_t arrived = 0;
  while (!parser.is_complete()) {
    const std::string_view waiting = text.substr(parsed.consumed, arrived - parsed.consumed);
    const RequestParser::Step step = parser.parse(std::as_bytes(std::span{waiting}));
    parsed.consumed += step.consumed;
    for (const std::byte byte : step.body) {
      parsed.body += std::to_integer<char>(byte);
    }
    if (step.outcome == RequestParser::Outcome::Failed) {
      parsed.status = step.status;
      return parsed;
    }
    if (step.outcome == RequestParser::Outcome::NeedMore) {
      if (arrived == text.size()) {
        return parsed;
      }
      arrived = std::min(arrived + piece, text.size());
    }
  }
  parsed.is_complete = true;
  return parsed;
}

struct RefusalCase {
  const char* name;
  std::string text;
  Status status;
};

class Refusals : public testing::TestWithParam<RefusalCase> {};

TEST_P(Refusals, HaveTheirStatusHoweverTheBytesArrive) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    RequestParser parser;
    EXPECT_EQ(parse(parser, GetParam().text, piece).status, GetParam().status) << piece;
  }
}

const std::string kHost = "Host: a\r\n";

INSTANTIATE_TEST_SUITE_P(
    Table, Refusals,
    testing::Values(
        RefusalCase{"NoHost", "GET / HTTP/1.1\r\n\r\n", Status::BadRequest},
        RefusalCase{"TwoHosts", "GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n", Status::BadRequest},
        RefusalCase{"TwoHostsOld", "GET / HTTP/1.0\r\n" + kHost + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"Garbage", "\x16\x03\x01\x02\r\n\r\n", Status::BadRequest},
        RefusalCase{"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", Status::BadRequest},
        RefusalCase{"Http2", "GET / HTTP/2.0\r\n" + kHost + "\r\n", Status::VersionNotSupported},
        RefusalCase{"Expectation", "PUT / HTTP/1.1\r\nExpect: tea\r\n" + kHost + "\r\n",
                    Status::ExpectationFailed},
        RefusalCase{"UnknownCoding",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" + kHost + "\r\n",
                    Status::NotImplemented},
        RefusalCase{"CodingBeforeChunked",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" + kHost + "\r\n",
                    Status::NotImplemented},
        RefusalCase{"ChunkedInOldVersion",
                    "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"LengthAndChunked",
                    "PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"ChunkedAndLength",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"TwoLengths",
                    "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"SameLengthTwice",
                    "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"ListOfLengths", "PUT / HTTP/1.1\r\nContent-Length: 1, 1\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"SignedLength", "PUT / HTTP/1.1\r\nContent-Length: +1\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"NegativeLength", "PUT / HTTP/1.1\r\nContent-Length: -1\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"HexadecimalLength",
                    "PUT / HTTP/1.1\r\nContent-Length: 0x1\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"EmptyLength", "PUT / HTTP/1.1\r\nContent-Length:\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"LengthWithSpaceInside",
                    "PUT / HTTP/1.1\r\nContent-Length: 1 2\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"LengthBeyond64Bits",
                    "PUT / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{
            "ChunkedTwice",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" +
                kHost + "\r\n",
            Status::BadRequest},
        RefusalCase{"ChunkedTwiceInOneField",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n" + kHost + "\r\n",
                    Status::NotImplemented},
        RefusalCase{"NearlyChunked",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" + kHost + "\r\n",
                    Status::NotImplemented},
        RefusalCase{"ChunkedBehindVerticalTab",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n" + kHost + "\r\n",
                    Status::NotImplemented},
        RefusalCase{"Nul",
                    "GET / HTTP/1.1\r\nX: a" + std::string(1, '\0') + "b\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"FoldedField", "PUT / HTTP/1.1\r\nField: a\r\n b\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"FoldedByTab", "PUT / HTTP/1.1\r\nField: a\r\n\tb\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"FoldedChunked",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"FoldBeforeTheFirstField", "PUT / HTTP/1.1\r\n Field: a\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"BareLineFeed",
                    "PUT / HTTP/1.1\r\nField: a\nContent-Length: 5\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"BareCarriageReturn", "PUT / HTTP/1.1\r\nField: a\rb\r\n" + kHost + "\r\n",
                    Status::BadRequest},
        RefusalCase{"ControlCharacterInAField",
                    "PUT / HTTP/1.1\r\nField: a\x01b\r\n" + kHost + "\r\n", Status::BadRequest},
        RefusalCase{"HostWithASlash", "PUT / HTTP/1.1\r\nHost: a/b\r\n\r\n", Status::BadRequest},
        RefusalCase{"HostWithASpace", "PUT / HTTP/1.1\r\nHost: a b\r\n\r\n", Status::BadRequest},
        RefusalCase{"TrailingSpaceInTheRequestLine", "PUT / HTTP/1.1 \r\n" + kHost + "\r\n",
                    Status::VersionNotSupported},
        RefusalCase{"SizeEndsInABareLineFeed",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n5\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"SizeBeyond64Bits",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n10000000000000000\r\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"SizeWithPrefix",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n0x5\r\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"SignedSize",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n+5\r\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"DataLongerThanItsSize",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n4\r\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"ExtensionWithABareLineFeed",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{"LengthInTheTrailer",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost +
                        "\r\n5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
                    Status::BadRequest},
        RefusalCase{
            "BadChunkSize",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost + "\r\nxyz\r\nabc\r\n",
            Status::BadRequest},
        RefusalCase{"EndlessChunkHeader",
                    "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kHost + "\r\n1;" +
                        std::string(9000, 'x'),
                    Status::BadRequest},
        RefusalCase{"LongTarget",
                    "GET /" + std::string(2047, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n",
                    Status::UriTooLong},
        RefusalCase{"EndlessRequestLine", "GET /" + std::string(9000, 'a'),
                    Status::HeaderFieldsTooLarge},
        RefusalCase{"EndlessEmptyLines",
                    [] {
                      std::string lines;
                      for (int i = 0; i < 5000; ++i) {
                        lines += "\r\n";
                      }
                      return lines;
                    }(),
                    Status::HeaderFieldsTooLarge},
        RefusalCase{"ManyFields",
                    [] {
                      std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
                      for (int i = 0; i < 1000; ++i) {
                        text += "Field: value\r\n";
                      }
                      return text;
                    }(),
                    Status::HeaderFieldsTooLarge}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(RequestParser, ReadsAPlainRequest) {
  for (std::size_t piece = 1; piece < 60; ++piece) {
    RequestParser parser;
    const std::string text = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";
    const Parsed parsed = parse(parser, text + "NEXT", piece);
    ASSERT_TRUE(parsed.is_complete);
    EXPECT_EQ(parsed.consumed, text.size());
    EXPECT_EQ(parser.request().method, Method::Get);
    EXPECT_EQ(parser.request().target(), "/a?b");
    EXPECT_TRUE(parser.request().keeps_alive);
    EXPECT_FALSE(parser.request().has_body());
  }
}

TEST(RequestParser, KeepsAliveByVersionAndField) {
  const struct {
    const char* text;
    bool keeps_alive;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const auto& c : cases) {
    RequestParser parser;
    ASSERT_TRUE(parse(parser, c.text, 1000).is_complete) << c.text;
    EXPECT_EQ(parser.request().keeps_alive, c.keeps_alive) << c.text;
  }
}

TEST(RequestParser, KeepsWhatConditionsAndLogsNeed) {
  RequestParser parser{784'111'777};
  ASSERT_TRUE(parse(parser,
                    "GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: " + std::string(300, 'u') +
                        "\r\nReferer: http://r/\r\nRange: bytes=1-2\r\n"
                        "If-None-Match: \"1-2\"\r\nIf-None-Match: W/\"3-4\"\r\n"
                        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "If-Unmodified-Since: nonsense\r\nIf-Range: \"x\"\r\n\r\n",
                    1000)
                  .is_complete);
  const Request& request = parser.request();
  EXPECT_EQ(request.method_name.view(), "GET");
  EXPECT_EQ(request.user_agent.view(), std::string(256, 'u'));
  EXPECT_EQ(request.referer.view(), "http://r/");
  EXPECT_TRUE(request.conditions.range.is_present());
  EXPECT_TRUE(request.conditions.if_none_match.matches_weakly({.size = 1, .changed_at_ns = 2}));
  EXPECT_TRUE(request.conditions.if_none_match.matches_weakly({.size = 3, .changed_at_ns = 4}));
  EXPECT_EQ(request.conditions.if_modified_since, 784'111'777);
  EXPECT_FALSE(request.conditions.if_unmodified_since.has_value());
  EXPECT_TRUE(request.conditions.if_range.is_present());
  EXPECT_FALSE(request.conditions.if_match.is_present());
}

TEST(RequestParser, SkipsEmptyLinesBeforeTheRequest) {
  RequestParser parser;
  EXPECT_TRUE(parse(parser, "\r\n\r\nGET / HTTP/1.0\r\n\r\n", 1).is_complete);
}

TEST(RequestParser, ReadsABodyByLength) {
  for (const std::size_t piece : {1, 3, 1000}) {
    RequestParser parser;
    const Parsed parsed =
        parse(parser, "PUT /s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET", piece);
    EXPECT_TRUE(parsed.is_complete);
    EXPECT_EQ(parsed.body, "hello");
    EXPECT_EQ(parser.request().content_length, 5U);
  }
}

TEST(RequestParser, TakesLengthsBeyondMemory) {
  RequestParser parser;
  EXPECT_EQ(parse(parser,
                  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", 100)
                .status,
            Status::Ok);
  EXPECT_EQ(parser.request().content_length, ~std::uint64_t{0});
}

TEST(RequestParser, ReadsChunksHoweverTheyArrive) {
  const std::string head = "PUT /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const struct {
    const char* chunks;
    const char* body;
  } cases[] = {
      {"0\r\n\r\n", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nHost: trailer\r\nExpect: tea\r\n\r\n", "abc"},
  };
  for (const auto& c : cases) {
    for (std::size_t piece = 1; piece < 30; ++piece) {
      RequestParser parser;
      const Parsed parsed = parse(parser, head + c.chunks, piece);
      EXPECT_TRUE(parsed.is_complete) << c.chunks << piece;
      EXPECT_EQ(parsed.body, c.body);
    }
  }
}

}  // namespace
}  // namespace httpd
