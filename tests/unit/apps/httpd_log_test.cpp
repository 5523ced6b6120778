// The access log: lines that cannot be forged, and their way to the file.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "fake_stack.hpp"
#include "httpd/access_log.hpp"
#include "httpd/log_line.hpp"

namespace httpd {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

Request request_of(std::string_view target, std::string_view referer = {},
                   std::string_view agent = {}) {
  Request request;
  request.method_name.assign("GET");
  request.minor_version = 1;
  request.target_size = static_cast<std::uint16_t>(target.copy(request.target_bytes.data(), 100));
  request.referer.assign(referer);
  request.user_agent.assign(agent);
  return request;
}

std::string line_of(const Request& request, Status status = Status::Ok) {
  std::string line;
  append_log_line(line, {.remote = "198.18.0.1",
                         .time = "06/Nov/1994:08:49:37 +0000",
                         .request = request,
                         .status = status,
                         .body_bytes = 17});
  return line;
}

TEST(LogLine, HasTheCombinedFormat) {
  EXPECT_EQ(line_of(request_of("/a?b", "http://r/", "curl/8")),
            "198.18.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b HTTP/1.1\" 200 17 "
            "\"http://r/\" \"curl/8\"\n");
  EXPECT_EQ(line_of(Request{}, Status::RequestTimeout),
            "198.18.0.1 - - [06/Nov/1994:08:49:37 +0000] \"-\" 408 17 \"-\" \"-\"\n");
}

TEST(LogLine, CannotBeForged) {
  const std::string line =
      line_of(request_of("/\"\\\x1b[2J", "a\r\n198.18.0.9 - -", "\xff\x7f\" \"x"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(line.contains("\"GET /\\x22\\x5C\\x1B[2J HTTP/1.1\""));
  EXPECT_TRUE(line.contains("\"a\\x0D\\x0A198.18.0.9 - -\""));
  EXPECT_TRUE(line.contains("\"\\xFF\\x7F\\x22 \\x22x\"\n"));
}

TEST(LogLine, TimeIsInGmt) {
  std::string text;
  append_log_time(text, 784'111'777);
  EXPECT_EQ(text, "06/Nov/1994:08:49:37 +0000");
}

class AccessLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "millrace-httpd-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    log_ = std::make_unique<AccessLog>(worker_, *LogFile::open(path()));
  }
  void TearDown() override {
    log_.reset();
    fs::remove_all(folder_);
  }

  void add(std::string_view target) {
    const Request request = request_of(target);
    log_->add({.remote = "r", .request = request}, 0);
  }
  [[nodiscard]] std::string path() const { return (folder_ / "log").string(); }
  [[nodiscard]] static std::string text_of(const fs::path& file) {
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }
  [[nodiscard]] std::size_t lines() const { return std::ranges::count(text_of(path()), '\n'); }

  fs::path folder_;
  FakeWorker worker_;
  std::unique_ptr<AccessLog> log_;
};

TEST_F(AccessLogTest, LinesAreWrittenTogetherAndInOrder) {
  add("/1");
  add("/2");
  EXPECT_EQ(text_of(path()), "");
  worker_.pass(1s);
  const std::string text = text_of(path());
  EXPECT_EQ(lines(), 2U);
  EXPECT_LT(text.find("/1"), text.find("/2"));
  add("/3");
  worker_.pass(1s);
  EXPECT_EQ(lines(), 3U);
}

TEST_F(AccessLogTest, RenamedLogIsBegunAgain) {
  add("/1");
  worker_.pass(1s);
  fs::rename(path(), folder_ / "log.1");
  add("/2");
  worker_.pass(1s);
  EXPECT_TRUE(text_of(folder_ / "log.1").contains("/1"));
  EXPECT_TRUE(text_of(path()).contains("/2"));
  EXPECT_EQ(lines(), 1U);
}

TEST_F(AccessLogTest, WhatIsLeftIsWrittenAtTheEnd) {
  add("/1");
  log_.reset();
  EXPECT_EQ(lines(), 1U);
}

TEST_F(AccessLogTest, BusyHelpersAreAskedAgain) {
  worker_.refuses_background = true;
  add("/1");
  worker_.pass(1s);
  EXPECT_EQ(lines(), 0U);
  worker_.refuses_background = false;
  worker_.pass(1s);
  EXPECT_EQ(lines(), 1U);
}

TEST_F(AccessLogTest, DiskThatIsTooSlowCostsLinesNotMemory) {
  // Nothing is written meanwhile: no helper runs.
  for (int i = 0; i < 100'000; ++i) {
    add("/" + std::string(90, 'x'));
  }
  EXPECT_GT(log_->lost(), 0U);
  worker_.pass(2s);
  EXPECT_EQ(lines() + log_->lost(), 100'000U);
  EXPECT_LT(text_of(path()).size(), 600'000U);
}

TEST_F(AccessLogTest, FifoThatNobodyReadsHoldsNothingUp) {
  const std::string fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto refused = LogFile::open(fifo);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().contains("No such device or address")) << refused.error();
  // Nor does one that took the log's place, which is written to as long as it is there.
  fs::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  add("/1");
  worker_.pass(1s);
}

TEST(LogFile, TroubleIsOneLine) {
  const auto file = LogFile::open("/nonexistent/log");
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error(),
            "--access-log /nonexistent/log: No such file or directory; give a file that this user "
            "may write, or - for standard output");
}

}  // namespace
}  // namespace httpd
