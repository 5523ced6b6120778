// The server's state machine over a fake socket: order of answers, back-pressure, bodies, closing,
// idling.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "fake_stack.hpp"
#include "httpd/document_root.hpp"
#include "httpd/server.hpp"

namespace httpd {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* kHash5 =
    "5 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n";

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  }
  return text;
}

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-httpd-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directories(folder_ / "sub");
    std::ofstream{folder_ / "index.html"} << "index";
    std::ofstream{folder_ / "empty.txt"};
    std::ofstream{folder_ / "big.bin"} << big_;
    start(true);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void start(bool with_root) {
    if (with_root) {
      root_ = *DocumentRoot::open(folder_.string());
    }
    worker_.forget();
    SiteSetup setup = setup_;
    setup.root = with_root ? &*root_ : nullptr;
    worker_.listeners_on = &stack_;
    server_ = *Server::start(worker_, {.port = millrace::Port{80}}, setup, 2);
    peer_ = {};
    server_->on_accepted(socket_);
  }
  void say(std::string_view text) {
    peer_.to_read += text;
    server_->on_readable(socket_);
    worker_.settle();
  }
  void make_room(std::size_t bytes) {
    peer_.room = bytes;
    server_->on_writable(socket_);
    worker_.settle();
  }
  std::string heard() { return std::exchange(peer_.sent, {}); }
  static std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
  }

  const std::string big_ = pattern(300'000);
  fs::path folder_;
  std::optional<DocumentRoot> root_;
  SiteSetup setup_;
  FakeWorker worker_;
  millrace::stack::Stack stack_;
  millrace::stack::FakeConnection& peer_ = stack_.connection;
  millrace::TcpSocket socket_{&stack_, 1, 1};
  std::unique_ptr<Server> server_;
};

TEST_F(ConnectionTest, ServesFilesInOrderOfPipelinedRequests) {
  const std::string index = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  say(index + "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n" +
      "HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n" + "GET /empty.txt HTTP/1.1\r\nHost: a\r\n\r\n" +
      index);
  const std::string text = heard();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
  const std::size_t big = text.find(big_);
  ASSERT_NE(big, std::string::npos);
  EXPECT_LT(text.find("index"), big);
  EXPECT_TRUE(text.substr(big + big_.size()).starts_with("HTTP/1.1 200 OK"));  // HEAD
  EXPECT_TRUE(text.ends_with("keep-alive\r\n\r\nindex"));
  EXPECT_FALSE(peer_.is_shut_down);
}

TEST_F(ConnectionTest, SlowPeerGetsEveryByteOnce) {
  peer_.room = 0;
  say("GET /big.bin HTTP/1.0\r\n\r\n");
  std::string text;
  for (std::size_t room = 1; !peer_.is_shut_down && room < 100'000; room = room * 3 / 2 + 1) {
    make_room(room);
    text += heard();
  }
  make_room(1'000'000);
  text += heard();
  EXPECT_EQ(body_of(text), big_);
  EXPECT_TRUE(peer_.is_shut_down);
}

TEST_F(ConnectionTest, RequestsArriveByteByByte) {
  for (const char c : std::string{"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    say({&c, 1});
  }
  EXPECT_EQ(body_of(heard()), "index");
}

TEST_F(ConnectionTest, MemoryToReadWithIsLentOnlyWhileARequestIsUnderWay) {
  const SiteSetup setup{.root = &*root_};
  FakeWorker worker;
  Site site{worker, setup, 2};
  Connection first{site, socket_};
  const auto say_to_first = [&](std::string_view text) {
    peer_.to_read += text;
    first.advance();
    worker.settle();
  };
  EXPECT_EQ(site.readings.in_use(), 0U);
  say_to_first("GET /index.html HTTP/1.1\r\nHo");
  EXPECT_EQ(site.readings.in_use(), 1U);
  say_to_first("st: a\r\n\r\n");
  EXPECT_EQ(body_of(heard()), "index");
  EXPECT_EQ(site.readings.in_use(), 0U);
  peer_.room = 10;
  say_to_first("GET /index.html HTTP/1.1\r\nHost: a\r\n\r\nGET");
  EXPECT_EQ(heard().size(), 10U);
  EXPECT_EQ(site.readings.in_use(), 1U);
  first.on_closed();
  EXPECT_EQ(site.readings.in_use(), 0U);
}

TEST_F(ConnectionTest, SinkHashesLengthAndChunks) {
  say("PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  EXPECT_EQ(heard(), "");
  say("lo");
  EXPECT_EQ(body_of(heard()), kHash5);
  say("PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(heard()), kHash5);
  say("PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
      std::string(1'000'000, 'x'));
  EXPECT_TRUE(body_of(heard()).starts_with("1000000 "));
}

TEST_F(ConnectionTest, ContinueIsSentOnlyToWhoWaitsForIt) {
  const std::string head =
      "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  say(head);
  EXPECT_EQ(heard(), "HTTP/1.1 100 Continue\r\n\r\n");
  say("hello");
  EXPECT_EQ(body_of(heard()), kHash5);
  say(head + "hello");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 200"));
  say("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 405"));
}

TEST_F(ConnectionTest, RefusalsAnswerAndTheConnectionGoesOnWhereItCan) {
  const struct {
    std::string request;
    std::string_view status;
    bool goes_on;
  } cases[] = {
      {"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", "404", true},
      {"GET /sub HTTP/1.1\r\nHost: a\r\n\r\n", "301", true},
      {"GET /sub/ HTTP/1.1\r\nHost: a\r\n\r\n", "200", true},
      {"GET /sub/none/ HTTP/1.1\r\nHost: a\r\n\r\n", "404", true},
      {"GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", "400", true},
      {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "405", true},
      {"FROB / HTTP/1.1\r\nHost: a\r\n\r\n", "501", true},
      {"PUT /sink HTTP/1.1\r\nHost: a\r\n\r\n", "411", true},
      {"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "405", false},
      {"PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999\r\n\r\n", "413", false},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505", false},
      {"nonsense\r\n\r\n", "400", false},
  };
  for (const auto& c : cases) {
    start(true);
    say(c.request);
    EXPECT_EQ(heard().substr(9, 3), c.status) << c.request;
    EXPECT_EQ(!peer_.is_shut_down, c.goes_on) << c.request;
  }
}

TEST_F(ConnectionTest, ClosesAfterThePeerHasHeardTheLastAnswer) {
  say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(peer_.is_shut_down);
  EXPECT_FALSE(peer_.is_closed);
  say("what comes late is ignored");
  peer_.peer_finished = true;
  server_->on_peer_finished(socket_);
  EXPECT_TRUE(peer_.is_closed);
  server_->on_closed(socket_, {});
  EXPECT_EQ(peer_.user_data, nullptr);
}

TEST_F(ConnectionTest, HalfClosedPeerStillGetsItsAnswer) {
  peer_.peer_finished = true;
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(heard()), big_);
  EXPECT_TRUE(peer_.is_closed);
}

TEST_F(ConnectionTest, ConnectionAtRestClosesAfterAMinute) {
  say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  worker_.pass(58s);
  EXPECT_FALSE(peer_.is_closed);
  worker_.pass(4s);
  EXPECT_TRUE(peer_.is_closed);
  EXPECT_FALSE(heard().contains("408"));
}

TEST_F(ConnectionTest, HeadMustArriveInTwentySecondsFromItsFirstByte) {
  worker_.pass(30s);
  for (int second = 0; second < 19; ++second) {
    say(second == 0 ? "G" : "E");
    worker_.pass(1s);
  }
  EXPECT_EQ(heard(), "");
  say("T");
  worker_.pass(3s);
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(peer_.is_shut_down);
  worker_.pass(12s);
  EXPECT_TRUE(peer_.is_closed);
}

TEST_F(ConnectionTest, BodyMustBringFiveHundredBytesASecond) {
  const std::string head = "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
  for (const auto& [rate, is_refused] : {std::pair{600, false}, std::pair{400, true}}) {
    start(true);
    say(head);
    for (int second = 0; second < 45 && heard().empty(); ++second) {
      say(std::string(static_cast<std::size_t>(rate), 'x'));
      worker_.pass(1s);
    }
    EXPECT_EQ(peer_.is_shut_down, is_refused) << rate;
  }
}

TEST_F(ConnectionTest, PeerThatTakesNothingLosesItsConnection) {
  peer_.room = 1000;
  peer_.untaken = 1000;
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  worker_.pass(58s);
  EXPECT_FALSE(peer_.is_aborted);
  worker_.pass(10s);
  EXPECT_TRUE(peer_.is_aborted);
}

TEST_F(ConnectionTest, SlowPeerThatStillTakesSomethingKeepsItsConnection) {
  peer_.room = 100'000;
  peer_.untaken = 100'000;
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int second = 0; second < 200; ++second) {
    worker_.pass(1s);
    peer_.untaken -= 200;
  }
  EXPECT_FALSE(peer_.is_aborted);
}

TEST_F(ConnectionTest, PeerThatTakesNothingGivesWayWhenPacketsRunOut) {
  peer_.room = 1000;
  peer_.untaken = 1000;
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  worker_.pass(2s);
  millrace::stack::Stack other;
  const millrace::TcpSocket hungry{&other, 2, 1};
  other.connection.lacks_packets = true;
  other.connection.to_read = "GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n";
  server_->on_accepted(hungry);
  server_->on_readable(hungry);
  worker_.settle();
  EXPECT_FALSE(peer_.is_aborted) << "aborted by nobody's need";
  server_->on_writable(hungry);
  EXPECT_TRUE(peer_.is_aborted);
  EXPECT_FALSE(other.connection.is_aborted);
  server_->on_closed(hungry, {});
}

TEST_F(ConnectionTest, LastRequestOfAConnectionSaysSo) {
  setup_.limits.requests_per_connection = 2;
  start(true);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  say(request);
  EXPECT_TRUE(heard().contains("Connection: keep-alive"));
  EXPECT_FALSE(peer_.is_shut_down);
  say(request + request);
  const std::string text = heard();
  EXPECT_TRUE(text.contains("Connection: close"));
  EXPECT_EQ(text.find("HTTP/1.1"), text.rfind("HTTP/1.1"));
  EXPECT_TRUE(peer_.is_shut_down);
}

TEST_F(ConnectionTest, DrainClosesWhatIsAtRestAtOnce) {
  say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  server_->drain();
  EXPECT_FALSE(stack_.is_listening);
  EXPECT_TRUE(peer_.is_closed);
}

TEST_F(ConnectionTest, DrainLetsAnAnswerFinishAndEndsTheConnectionWithIt) {
  peer_.room = 1000;
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  server_->drain();
  EXPECT_FALSE(peer_.is_closed);
  make_room(1'000'000);
  EXPECT_EQ(body_of(heard()), big_);
  EXPECT_TRUE(peer_.is_shut_down);
}

TEST_F(ConnectionTest, DrainLetsARequestThatHasBegunBeAnswered) {
  say("GET / HTTP/1.1\r\n");
  server_->drain();
  EXPECT_FALSE(peer_.is_closed);
  say("Host: a\r\n\r\n");
  const std::string text = heard();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK"));
  EXPECT_TRUE(text.contains("Connection: close"));
  EXPECT_TRUE(peer_.is_shut_down);
}

TEST_F(ConnectionTest, RangesAreAnsweredInPieces) {
  const std::string head = "GET /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=";
  say(head + "100-70099\r\n\r\n");
  std::string text = heard();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 206 Partial Content\r\n"));
  EXPECT_TRUE(text.contains("Content-Range: bytes 100-70099/300000\r\n"));
  EXPECT_EQ(body_of(text), big_.substr(100, 70'000));
  say(head + "300000-\r\n\r\n");
  text = heard();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 416 "));
  EXPECT_TRUE(text.contains("Content-Range: bytes */300000\r\n"));
  say(head + "0-0,-1\r\n\r\n");
  text = heard();
  EXPECT_TRUE(text.contains("Content-Type: multipart/byteranges; boundary="));
  EXPECT_TRUE(text.contains("Content-Length: " + std::to_string(body_of(text).size()) + "\r\n"));
  EXPECT_TRUE(text.contains("bytes 0-0/300000\r\n\r\n" + big_.substr(0, 1) + "\r\n--"));
  EXPECT_TRUE(text.contains("bytes 299999-299999/300000\r\n\r\n" + big_.substr(299'999)));
  EXPECT_TRUE(text.ends_with("--\r\n"));
  say("HEAD /big.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 200 OK"));
}

TEST_F(ConnectionTest, TagsSpareTheSecondTransfer) {
  fs::last_write_time(folder_ / "big.bin", fs::file_time_type::clock::now() - 1h);
  say("HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string head = heard();
  const std::size_t begin = head.find("ETag: ") + 6;
  const std::string tag = head.substr(begin, head.find('\r', begin) - begin);
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"other\", " + tag + "\r\n\r\n");
  const std::string answer = heard();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_EQ(body_of(answer), "");
  EXPECT_FALSE(peer_.is_shut_down);
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\nIf-Range: " + tag + "\r\nRange: bytes=0-1\r\n\r\n");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 206 "));
  say("GET /big.bin HTTP/1.1\r\nHost: a\r\nIf-Match: \"1-1\"\r\n\r\n");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 412 "));
}

TEST_F(ConnectionTest, FolderHasAPageUnlessThatIsOff) {
  std::ofstream{folder_ / "sub" / "a&b.txt"} << "x";
  const std::string request = "GET /sub/ HTTP/1.1\r\nHost: a\r\n\r\n";
  peer_.room = 300;
  say(request);
  std::string text = heard();
  make_room(100'000);
  text += heard();
  EXPECT_TRUE(text.contains("a&amp;b.txt"));
  EXPECT_TRUE(text.contains("Content-Length: " + std::to_string(body_of(text).size()) + "\r\n"));
  setup_.lists_folders = false;
  start(true);
  say(request);
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 404 "));
}

TEST_F(ConnectionTest, FolderPagesThatWaitHaveALimit) {
  setup_.limits.listing_bytes_max = 10;
  start(true);
  say("GET /sub/ HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(heard().starts_with("HTTP/1.1 503 "));
}

TEST_F(ConnectionTest, BusyHelpersAreAskedAgain) {
  worker_.refuses_background = true;
  say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(heard(), "");
  worker_.refuses_background = false;
  worker_.pass(1s);
  EXPECT_EQ(body_of(heard()), "index");
}

TEST_F(ConnectionTest, ClosedWhileAFileIsReadLeavesNothingBehind) {
  peer_.to_read = "GET / HTTP/1.0\r\n\r\n";
  server_->on_readable(socket_);
  server_->on_closed(socket_, millrace::fail(millrace::Error::ConnectionReset));
  worker_.settle();
  EXPECT_EQ(heard(), "");
}

TEST_F(ConnectionTest, ShrunkFileBreaksTheConnection) {
  peer_.room = 1000;
  say("GET /big.bin HTTP/1.0\r\n\r\n");
  fs::resize_file(folder_ / "big.bin", 10);
  make_room(1'000'000);
  EXPECT_TRUE(peer_.is_aborted);
}

class KeptFileTest : public ConnectionTest {
 protected:
  void SetUp() override {
    setup_.limits.file_lifetime = 1s;
    ConnectionTest::SetUp();
  }
  std::string get(std::string_view fields = "", std::string_view method = "GET") {
    say(std::string{method} + " / HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n");
    return heard();
  }
};

TEST_F(KeptFileTest, TheSecondAnswerNeedsNoHelperAndIsTheSame) {
  const std::string first = get();
  worker_.refuses_background = true;
  EXPECT_EQ(get(), first);
  EXPECT_EQ(body_of(first), "index");
}

TEST_F(KeptFileTest, HeadHasTheSameHeadAndNoBody) {
  const std::string whole = get();
  worker_.refuses_background = true;
  EXPECT_EQ(get("", "HEAD"), whole.substr(0, whole.size() - 5));
}

TEST_F(KeptFileTest, TheHeadIsOfThisAnswerThoughTheFileIsKept) {
  const std::string index = "GET /index.html HTTP/1.1\r\nHost: a\r\n";
  say(index + "\r\n");
  static_cast<void>(heard());
  say(index + "\r\n");
  const std::string first = heard();
  EXPECT_TRUE(first.contains("Connection: keep-alive\r\n"));
  const std::time_t second = std::time(nullptr);
  while (std::time(nullptr) == second) {
    std::this_thread::sleep_for(10ms);
  }
  say(index + "\r\n");
  const std::string later = heard();
  EXPECT_NE(later, first) << "its date is another one";
  EXPECT_EQ(body_of(later), body_of(first));
  say(index + "Connection: close\r\n\r\n");
  EXPECT_TRUE(heard().contains("Connection: close\r\n"));
}

TEST_F(KeptFileTest, AChangeShowsWhenTheLifetimeIsOver) {
  EXPECT_EQ(body_of(get()), "index");
  std::ofstream{folder_ / "index.html"} << "changed";
  EXPECT_EQ(body_of(get()), "index");
  worker_.pass(1s);
  EXPECT_EQ(body_of(get()), "changed");
}

TEST_F(KeptFileTest, AFileThatIsGoneIsGoneForAll) {
  setup_.lists_folders = false;
  start(true);
  EXPECT_EQ(body_of(get()), "index");
  fs::remove(folder_ / "index.html");
  worker_.pass(1s);
  EXPECT_TRUE(get().starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(get().starts_with("HTTP/1.1 404"));
}

TEST_F(KeptFileTest, RangesAndConditionsReadTheFile) {
  const std::string whole = get();
  EXPECT_TRUE(get("Range: bytes=0-1\r\n").starts_with("HTTP/1.1 206"));
  EXPECT_TRUE(get("If-Match: \"1-1\"\r\n").starts_with("HTTP/1.1 412"));
  EXPECT_EQ(get(), whole);
}

TEST_F(KeptFileTest, SlowPeerGetsEveryByteOnce) {
  const std::string whole = get();
  peer_.room = 10;
  std::string text = get();
  EXPECT_EQ(text.size(), 10U);
  while (text.size() < whole.size()) {
    make_room(7);
    text += heard();
  }
  EXPECT_EQ(text, whole);
  make_room(1'000);
  EXPECT_EQ(get(), whole);
}

TEST_F(KeptFileTest, LargeFilesAreReadEachTime) {
  const std::string request = "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n";
  say(request);
  EXPECT_EQ(body_of(heard()), big_);
  worker_.refuses_background = true;
  say(request);
  EXPECT_EQ(heard(), "");
}

TEST_F(ConnectionTest, FilesAreNotKeptUnlessAskedFor) {
  say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(heard()), "index");
  worker_.refuses_background = true;
  say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(heard(), "");
}

TEST_F(ConnectionTest, BuiltInPageShowsCounters) {
  start(false);
  say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(heard().find("requests answered"), std::string::npos);
}

}  // namespace
}  // namespace httpd
