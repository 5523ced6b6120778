// PageLine: answers reach whoever asked, late ones nobody; what the telemetry socket is asked.
#include "control/page_line.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "control/socket_record_fields.hpp"
#include "control/telemetry.hpp"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using stack::PageLimits;
using stack::SocketCursor;
using stack::SocketPage;

/// A page that tells where it was asked for.
SocketPage page_at(SocketCursor from) {
  SocketPage page;
  page.next = SocketCursor{from.number() + 1};
  return page;
}

class PageLineTest : public ::testing::Test {
 protected:
  void answer() {
    line.answer([](SocketCursor from, const PageLimits&) { return page_at(from); });
  }

  WakeEvent wake = WakeEvent::make().value();
  PageLine line{WakeEvent::make().value()};
};

TEST_F(PageLineTest, AnswersAcrossThreads) {
  std::atomic<bool> is_over{false};
  std::jthread core{[&] {
    while (!is_over) {
      answer();
      std::this_thread::yield();
    }
  }};
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto page = line.ask(SocketCursor{i}, {}, wake, 1min);
    ASSERT_TRUE(page.has_value()) << page.error();
    ASSERT_EQ(page->next.number(), i + 1);
  }
  is_over = true;
}

TEST_F(PageLineTest, PassesTheLimitsOn) {
  std::jthread asker{[this] {
    EXPECT_TRUE(line.ask({}, {.records = 3, .places = 5, .with_info = true}, wake, 1min));
  }};
  bool is_asked = false;
  while (!is_asked) {
    line.answer([&](SocketCursor from, const PageLimits& limits) {
      is_asked = true;
      EXPECT_EQ(limits.records, 3U);
      EXPECT_EQ(limits.places, 5U);
      EXPECT_TRUE(limits.with_info);
      return page_at(from);
    });
  }
}

TEST_F(PageLineTest, GivesUpOnACoreThatDoesNotAnswer) {
  const auto page = line.ask({}, {}, wake, 0ms);
  ASSERT_FALSE(page.has_value());
  EXPECT_EQ(page.error(), "it does not answer");
  // The question lies there still, and another finds no room.
  EXPECT_EQ(line.ask({}, {}, wake, 0ms).error(), "it has not answered the question before");
}

TEST_F(PageLineTest, LateAnswersAreNobodys) {
  EXPECT_FALSE(line.ask(SocketCursor{100}, {}, wake, 0ms));
  answer();
  std::jthread core{[this] {
    for (bool is_asked = false; !is_asked;) {
      line.answer([&](SocketCursor from, const PageLimits&) {
        is_asked = true;
        return page_at(from);
      });
    }
  }};
  const auto page = line.ask(SocketCursor{200}, {}, wake, 1min);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next.number(), 201U);
}

TEST_F(PageLineTest, AnswersThatComeMeanwhileAreNobodysEither) {
  std::atomic<bool> is_taken{false};
  std::atomic<bool> is_quiet{false};
  // The core is at the first question until the second has been asked.
  std::jthread core{[&] {
    for (bool is_over = false; !is_over;) {
      line.answer([&](SocketCursor from, const PageLimits&) {
        is_over = from.number() == 200;
        is_taken = true;
        pollfd asked{.fd = wake.descriptor(), .events = POLLIN, .revents = 0};
        while (!is_over && (!is_quiet || ::poll(&asked, 1, -1) != 1)) {
          std::this_thread::yield();
        }
        return page_at(from);
      });
    }
  }};
  EXPECT_FALSE(line.ask(SocketCursor{100}, {}, wake, 0ms));
  while (!is_taken) {
    std::this_thread::yield();
  }
  wake.lower();
  is_quiet = true;
  const auto page = line.ask(SocketCursor{200}, {}, wake, 1min);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next.number(), 201U);
}

TEST(PageQuestion, IsThreeNumbers) {
  const auto question = PageQuestion::parse("2,18446744073709551615,1");
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->core, 2U);
  EXPECT_EQ(question->cursor, 18'446'744'073'709'551'615ULL);
  EXPECT_TRUE(question->with_info);
  EXPECT_FALSE(PageQuestion::parse("0,0,0")->with_info);
  for (const char* const wrong :
       {"", "0", "0,0", "0,0,", "0,0,2", "0,0,0,", "0,0,0,0", "a,0,0", "0,-1,0", "0,,0", " 0,0,0",
        "0,18446744073709551616,0", "99999999999999999999,0,0"}) {
    EXPECT_FALSE(PageQuestion::parse(wrong)) << wrong;
  }
}

TEST(SocketRecordFields, FitIntoDpdksLimits) {
  stack::SocketRecord record;
  record.has_info = true;
  record.timer = tcp::TimerKind::Persist;
  std::size_t names = 0;
  std::size_t bytes = 0;
  for_each_field(
      record,
      [&](const char* name, std::uint64_t) {
        ++names;
        bytes += std::string{name}.size() + 4 + 12;  // Usual values.
      },
      [&](const char* name, const std::string& text) {
        ++names;
        EXPECT_LT(text.size(), 128U);
        bytes += std::string{name}.size() + 6 + text.size();
      });
  EXPECT_LT(names, 256U);
  EXPECT_LT(8 * bytes, 16'000U) << "a page of eight must fit into an answer";
}

TEST(SocketRecordFields, StatesHaveTheNamesOfSs) {
  EXPECT_STREQ(ss_state_name(TcpState::Established), "ESTAB");
  EXPECT_STREQ(ss_state_name(TcpState::SynReceived), "SYN-RECV");
  EXPECT_STREQ(ss_state_name(TcpState::FinWait1), "FIN-WAIT-1");
  EXPECT_STREQ(ss_state_name(TcpState::Closed), "UNCONN");
}

}  // namespace
}  // namespace millrace::control
