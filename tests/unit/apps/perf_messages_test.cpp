// What millrace-perf reads from others: control messages, also hostile ones, and replies of web
// servers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/control_message.hpp"
#include "perf/http_reply.hpp"

namespace perf {
namespace {

using message::Any;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

std::vector<Any> one_of_each() {
  Plan plan{.mode = Mode::Idle,
            .verify = Verify::All,
            .client_sends = false,
            .server_sends = true,
            .connections = 4'000'000'000U,
            .depth = 7,
            .request_bytes = 1'000,
            .response_bytes = 2,
            .buffer_bytes = 99,
            .data_ports = 65'535,
            .seed = ~std::uint64_t{0}};
  EndResult result{.backend = "kernel",
                   .seconds = 1.5,
                   .processor_seconds = 0.25,
                   .measured = {.bytes_in = 1, .bytes_out = 2, .exchanges = 3, .opened = 4},
                   .total = {.closed = 5, .failed = 6, .lost = 7, .corrupt = 8},
                   .problems = {"one", "two"}};
  return {message::Test{plan},    message::Ready{millrace::Port{5'211}},
          message::Refusal{"no"}, message::Start{},
          message::Measure{},     message::Stop{},
          message::Finish{},      message::Outcome{result}};
}

TEST(PerfControlMessage, EveryMessageComesBackAsItWas) {
  for (const auto& message : one_of_each()) {
    const std::string sent = message::encode(message);
    const auto read = message::decode(std::string_view{sent}.substr(4));
    ASSERT_TRUE(read.has_value()) << read.error();
    EXPECT_EQ(*read, message);
  }
}

TEST(PerfControlMessage, ReaderPutsThemTogetherFromBytes) {
  std::string stream;
  for (const auto& message : one_of_each()) {
    stream += message::encode(message);
  }
  message::Reader reader;
  std::vector<Any> read;
  for (const char& byte : stream) {
    reader.add(bytes_of({&byte, 1}));
    const auto next = reader.next();
    ASSERT_TRUE(next.has_value()) << next.error();
    if (*next) {
      read.push_back(**next);
    }
  }
  EXPECT_EQ(read, one_of_each());
}

TEST(PerfControlMessage, WhatIsWrongIsRefusedWithASentence) {
  struct Case {
    const char* name;
    std::string text;
    const char* sentence;
  };
  const std::string test = message::encode(message::Test{}).substr(4);
  const auto with = [&test](const std::string& from, const std::string& to) {
    std::string changed = test;
    const auto at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  };
  for (const auto& [name, text, sentence] : std::vector<Case>{
           {"empty", "", "no JSON object"},
           {"no JSON", "hello", "no JSON object"},
           {"cut off", "{\"type\":\"st", "no JSON object"},
           {"array", "[]", "no JSON object"},
           {"no type", "{}", "\"type\""},
           {"type is a number", "{\"type\":7}", "\"type\""},
           {"unknown type", "{\"type\":\"dance\"}", "unknown type"},
           {"missing field", "{\"type\":\"ready\"}", "\"first_port\""},
           {"port too large", "{\"type\":\"ready\",\"first_port\":65536}", "\"first_port\""},
           {"negative", "{\"type\":\"ready\",\"first_port\":-1}", "\"first_port\""},
           {"fraction", "{\"type\":\"ready\",\"first_port\":1.5}", "\"first_port\""},
           {"other protocol", with("\"protocol\":1", "\"protocol\":2"), "\"protocol\""},
           {"other byte order", with("\"byte_order\":", "\"byte_order\":9"), "\"byte_order\""},
           {"unknown mode", with("\"stream\"", "\"strom\""), "\"mode\""},
           {"32 bits", with("\"depth\":1", "\"depth\":4294967296"), "\"depth\""},
           {"no truth", with("\"verify_all\":false", "\"verify_all\":0"), "\"verify_all\""},
           {"endless seconds",
            "{\"type\":\"outcome\",\"backend\":\"k\",\"seconds\":1e999,\"processor_seconds\":0}",
            "no JSON object"},
           {"deep", std::string(60'000, '['), "no JSON object"}}) {
    const auto read = message::decode(text);
    ASSERT_FALSE(read.has_value()) << name;
    EXPECT_NE(read.error().find(sentence), std::string::npos) << name << ": " << read.error();
  }
}

TEST(PerfControlMessage, TextsOfThePeerReachATerminalAsPrintableOnes) {
  const auto read =
      message::decode("{\"type\":\"refusal\",\"reason\":\"\\u001b[2J\\nhi \\u00e9\"}");
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(std::get<message::Refusal>(*read).reason, "?[2J?hi ??");
  const auto long_one =
      message::decode(R"({"type":"refusal","reason":")" + std::string(5'000, 'x') + "\"}");
  ASSERT_TRUE(long_one.has_value());
  EXPECT_LE(std::get<message::Refusal>(*long_one).reason.size(), 400U);
}

TEST(PerfControlMessage, LengthBeyondTheLimitIsRefusedBeforeItIsWaitedFor) {
  message::Reader reader;
  reader.add(bytes_of("GET / HTTP/1.1\r\n"));
  EXPECT_FALSE(reader.next().has_value());
}

TEST(PerfControlMessage, ProblemsAreBounded) {
  std::string text = message::encode(message::Outcome{}).substr(4);
  const std::string none = "\"problems\":[]";
  std::string many = "\"problems\":[\"x\"";
  for (int i = 0; i < 100; ++i) {
    many += ",\"x\"";
  }
  text.replace(text.find(none), none.size(), many + "]");
  EXPECT_FALSE(message::decode(text).has_value());
  EndResult result;
  result.problems.assign(100, "x");
  const auto own = message::decode(message::encode(message::Outcome{result}).substr(4));
  ASSERT_TRUE(own.has_value()) << own.error();
  EXPECT_LE(std::get<message::Outcome>(*own).result.problems.size(), 20U);
}

TEST(PerfControlMessage, ChangedBytesNeverHurt) {
  std::mt19937 random{11};
  const auto messages = one_of_each();
  for (int round = 0; round < 20'000; ++round) {
    std::string text = message::encode(messages[random() % messages.size()]);
    for (unsigned i = random() % 4; i > 0; --i) {
      text[4 + random() % (text.size() - 4)] = static_cast<char>(random());
    }
    message::Reader reader;
    reader.add(bytes_of(text));
    const auto read = reader.next();
    if (!read) {
      EXPECT_FALSE(read.error().empty());
    }
  }
}

constexpr std::string_view kReply =
    "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";

TEST(PerfHttpReply, PiecesOfAnySizeMakeTheSameReplies) {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const std::string empty = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
  const std::string stream = std::string{kReply} + early + std::string{kReply} + empty;
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    HttpReplyReader reader;
    std::vector<HttpReply> replies;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      std::string_view piece = std::string_view{stream}.substr(at, size);
      for (auto next = reader.take(piece);; next = reader.take(piece)) {
        ASSERT_TRUE(next.has_value()) << next.error();
        if (!*next) {
          break;
        }
        replies.push_back(**next);
      }
      ASSERT_TRUE(piece.empty());
    }
    ASSERT_EQ(replies.size(), 3U) << size;
    EXPECT_EQ(replies[0].status, 200);
    EXPECT_EQ(replies[1].body_bytes, 5U);
    EXPECT_FALSE(replies[1].closes);
    EXPECT_EQ(replies[2].status, 304);
    EXPECT_TRUE(replies[2].closes);
  }
}

TEST(PerfHttpReply, WhatHasNoKnownEndIsRefused) {
  for (const std::string_view header :
       {"", "HTTP/2 200\r\nContent-Length: 1", "HTTP/1.1 2x0 OK\r\nContent-Length: 1",
        "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 5x",
        "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "HTTP/1.1 200 OK\r\nnonsense"}) {
    EXPECT_FALSE(parse_header(header).has_value()) << header;
  }
  EXPECT_EQ(parse_header("HTTP/1.1 200 OK\r\ncontent-LENGTH:\t 7 ")->body_bytes, 7U);
}

TEST(PerfHttpReply, EndlessHeadersAreGivenUp) {
  HttpReplyReader reader;
  const std::string line = "HTTP/1.1 200 OK\r\nX: " + std::string(1'000, 'x');
  bool is_refused = false;
  for (int i = 0; i < 20 && !is_refused; ++i) {
    std::string_view piece = line;
    is_refused = !reader.take(piece).has_value();
  }
  EXPECT_TRUE(is_refused);
}

}  // namespace
}  // namespace perf
