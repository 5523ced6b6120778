// LineReader: lines come out whole however they were cut on the way, and none is longer than it may
// be.
#include <millrace/line_reader.hpp>

#include <string>
#include <vector>

#include "socket/ring_world.hpp"

namespace millrace::socket {
namespace {

using Words = std::vector<std::string>;

class LineReaderTest : public RingWorld {
 protected:
  void open() {
    start();
    listener = listen(at_server);
    std::tie(ours, theirs) = join(at_client, at_server);
  }
  void send(std::string_view text) {
    EXPECT_EQ(ours.send(text).value_or(0), text.size());
    // Small segments wait for the one before to be acknowledged.
    wait(100ms);
  }
  [[nodiscard]] Words read(LineReader& reader) const {
    Words lines;
    while (const auto line = reader.next(theirs)) {
      lines.emplace_back(*line);
    }
    return lines;
  }

  Recorder at_client;
  Recorder at_server;
  TcpListener listener;
  TcpSocket ours;
  TcpSocket theirs;
};

struct Case {
  const char* name;
  Words pieces;
  Words lines;
  std::string begun;
  bool is_too_long = false;
};

// The longest line is eight bytes.
const std::vector<Case> kCases{
    {"one line", {"hello\n"}, {"hello"}, ""},
    {"many lines in one piece", {"a\nbc\n\nd\n"}, {"a", "bc", "", "d"}, ""},
    {"one line in many pieces", {"h", "el", "lo", "\n"}, {"hello"}, ""},
    {"an end and a beginning in one piece", {"one\ntw", "o\nth"}, {"one", "two"}, "th"},
    {"ends with carriage return", {"a\r\nb\r\n\r\n"}, {"a", "b", ""}, ""},
    {"an end that is cut in two", {"one\r", "\ntwo\n"}, {"one", "two"}, ""},
    {"a carriage return in the middle belongs to the line", {"a\rb\n"}, {"a\rb"}, ""},
    {"only the last carriage return is the end's", {"a\r\r\n"}, {"a\r"}, ""},
    {"a zero byte belongs to the line", {std::string("a\0b\n", 4)}, {std::string("a\0b", 3)}, ""},
    {"as long as may be", {"12345678\n", "1234", "5678\n"}, {"12345678", "12345678"}, ""},
    {"as long as may be, with carriage return", {"12345678\r\n"}, {"12345678"}, ""},
    {"the same in pieces", {"12345678", "\r", "\n"}, {"12345678"}, ""},
    {"one byte too long", {"a\n123456789\n"}, {"a"}, "", true},
    {"one byte too long in pieces", {"12345678", "9\n"}, {}, "12345678", true},
    {"too long without an end", {"1234567890"}, {}, "", true},
    {"a carriage return in the last place that is no end",
     {"12345678\r", "9\n"},
     {},
     "12345678\r",
     true},
    {"nothing", {}, {}, ""},
};

TEST_F(LineReaderTest, CutsWhereTheEndsAre) {
  open();
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    LineReader reader{8};
    Words lines;
    for (const std::string& piece : each.pieces) {
      send(piece);
      const Words more = read(reader);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    EXPECT_EQ(lines, each.lines);
    EXPECT_EQ(reader.begun(), each.begun);
    EXPECT_EQ(reader.is_too_long(), each.is_too_long);
    static_cast<void>(theirs.consume(theirs.readable()));
  }
}

TEST_F(LineReaderTest, AllAtOnceOrByteByByteGiveTheSameLines) {
  open();
  const std::string text = "first\r\n\nthird\nfo\rth\r\n12345678\r\nrest";
  LineReader at_once{8};
  send(text);
  const Words expected = read(at_once);
  LineReader by_byte{8};
  Words lines;
  for (const char each : text) {
    send(std::string(1, each));
    const Words more = read(by_byte);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  EXPECT_EQ(lines, expected);
  EXPECT_EQ(lines.size(), 5U);
  EXPECT_EQ(by_byte.begun(), "rest");
  EXPECT_EQ(at_once.begun(), "rest");
}

TEST_F(LineReaderTest, ALineMaySpanPackets) {
  open();
  const std::string line(10'000, 'x');
  LineReader reader{10'000};
  send(line + "\n" + line);
  EXPECT_EQ(read(reader), Words{line});
  EXPECT_EQ(reader.begun(), line);
  send("\n");
  EXPECT_EQ(read(reader), Words{line});
}

TEST_F(LineReaderTest, WhatIsNotAskedForStaysInTheConnection) {
  open();
  LineReader reader{100};
  send("one\ntwo\nthree\n");
  EXPECT_EQ(reader.next(theirs), "one");
  EXPECT_EQ(theirs.readable(), 10U);
  EXPECT_EQ(reader.begun(), "") << "a line that was given is no beginning of one";
  EXPECT_EQ(reader.next(theirs), "two");
  EXPECT_EQ(theirs.readable(), 6U);
}

TEST_F(LineReaderTest, ALineThatIsTooLongStopsTheReaderUntilItIsSkipped) {
  open();
  LineReader reader{8};
  EXPECT_EQ(reader.line_bytes_max(), 8U);
  send("good\nmuch too long");
  EXPECT_EQ(read(reader), Words{"good"});
  EXPECT_TRUE(reader.is_too_long());
  send(", and longer");
  EXPECT_EQ(read(reader), Words{});
  EXPECT_EQ(theirs.readable(), 25U) << "the window closes before anything is lost";
  reader.skip_line();
  EXPECT_FALSE(reader.is_too_long());
  EXPECT_EQ(read(reader), Words{});
  EXPECT_EQ(theirs.readable(), 0U);
  send("; its end\nnext\n");
  EXPECT_EQ(read(reader), Words{"next"});
}

TEST_F(LineReaderTest, SkippingDropsWhatHasBegunAndNoMore) {
  open();
  LineReader reader{8};
  send("one\n");
  EXPECT_EQ(read(reader), Words{"one"});
  reader.skip_line();  // Nothing has begun.
  send("two\nth");
  EXPECT_EQ(read(reader), Words{"two"});
  reader.skip_line();
  EXPECT_EQ(reader.begun(), "");
  send("ree\nfour\n");
  EXPECT_EQ(read(reader), Words{"four"});
}

TEST_F(LineReaderTest, TheLastLineMayLackItsEnd) {
  open();
  LineReader reader{8};
  send("one\ntwo");
  EXPECT_TRUE(ours.shutdown().has_value());
  settle();
  EXPECT_EQ(read(reader), Words{"one"});
  settle();
  EXPECT_EQ(at_server.heard.back(), "finished");
  EXPECT_EQ(reader.begun(), "two");
  reader.clear();
  EXPECT_EQ(reader.begun(), "");
}

TEST_F(LineReaderTest, ClearForgetsWhatWasTooLong) {
  open();
  LineReader reader{8};
  send("much too long");
  EXPECT_EQ(read(reader), Words{});
  reader.clear();
  EXPECT_FALSE(reader.is_too_long());
  ASSERT_TRUE(theirs.consume(theirs.readable()).has_value());
  send("short\n");
  EXPECT_EQ(read(reader), Words{"short"});
}

TEST_F(LineReaderTest, AHandleWithoutConnectionHasNoLines) {
  LineReader reader{8};
  EXPECT_EQ(reader.next(TcpSocket{}), std::nullopt);
  EXPECT_FALSE(reader.is_too_long());
}

}  // namespace
}  // namespace millrace::socket
