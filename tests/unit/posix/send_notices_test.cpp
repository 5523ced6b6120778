// What is told of writes, when, and in which form.
#include "posix/send_notices.hpp"

#include <gtest/gtest.h>
#include <linux/net_tstamp.h>

#include <cerrno>

namespace millrace::posix {
namespace {

using wire::SeqNum;

class SendNoticesTest : public testing::Test {
 protected:
  static SendNotices::Edges edges(std::uint32_t sent, std::uint32_t acknowledged) {
    return {.sent = SeqNum{sent}, .acknowledged = SeqNum{acknowledged}};
  }
  sock_extended_err next() {
    const ErrorRecord* const record = queue.front();
    EXPECT_NE(record, nullptr);
    const sock_extended_err what = record == nullptr ? sock_extended_err{} : record->what;
    if (record != nullptr) {
      queue.pop();
    }
    return what;
  }
  void expect_zero_copy(std::uint32_t first, std::uint32_t last) {
    const sock_extended_err what = next();
    EXPECT_EQ(what.ee_errno, 0U);
    EXPECT_EQ(what.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
    EXPECT_EQ(what.ee_code, SO_EE_CODE_ZEROCOPY_COPIED);
    EXPECT_EQ(what.ee_info, first);
    EXPECT_EQ(what.ee_data, last);
  }

  ErrorRecords records{4};
  SendNoticePool pool{4};
  ErrorQueue queue{records};
  SendNotices notices{pool, queue};
};

TEST_F(SendNoticesTest, ABufferIsFreeOnceAllOfItIsAcknowledged) {
  notices.add_zero_copy(SeqNum{100}, edges(0, 0));
  notices.on_progress(edges(100, 99), {});
  EXPECT_TRUE(queue.empty());
  notices.on_progress(edges(100, 100), {});
  expect_zero_copy(0, 0);
  EXPECT_TRUE(notices.empty());
}

TEST_F(SendNoticesTest, WritesThatWaitTogetherAreToldOfTogether) {
  notices.add_zero_copy(SeqNum{100}, edges(50, 0));
  notices.add_zero_copy(SeqNum{200}, edges(99, 0));
  notices.add_zero_copy(SeqNum{300}, edges(200, 0));
  EXPECT_EQ(pool.size(), 2U);
  notices.on_progress(edges(300, 200), {});
  expect_zero_copy(0, 1);
  notices.on_progress(edges(300, 300), {});
  expect_zero_copy(2, 2);
}

TEST_F(SendNoticesTest, WhatNobodyHasReadGrows) {
  for (std::uint32_t i = 1; i <= 3; ++i) {
    notices.add_zero_copy(SeqNum{i * 100}, edges(i * 100 - 100, 0));
    notices.on_progress(edges(i * 100, i * 100), {});
  }
  expect_zero_copy(0, 2);
  EXPECT_TRUE(queue.empty());
}

TEST_F(SendNoticesTest, StampsComeInTheirOrderWithTheirTimes) {
  notices.add_stamped(SeqNum{100}, 99,
                      SendNotices::kScheduled | SendNotices::kSent | SendNotices::kAcknowledged);
  EXPECT_EQ(notices.places().sent, SeqNum{100});
  notices.on_progress(edges(100, 0), {.tv_sec = 5, .tv_nsec = 6});
  EXPECT_FALSE(notices.places().sent.has_value());
  EXPECT_EQ(notices.places().acknowledged, SeqNum{100});
  EXPECT_EQ(queue.front()->time->tv_nsec, 6);
  for (const unsigned kind : {SCM_TSTAMP_SCHED, SCM_TSTAMP_SND}) {
    const sock_extended_err what = next();
    EXPECT_EQ(what.ee_errno, unsigned{ENOMSG});
    EXPECT_EQ(what.ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
    EXPECT_EQ(what.ee_info, kind);
    EXPECT_EQ(what.ee_data, 99U);
  }
  notices.on_progress(edges(100, 100), {.tv_sec = 7, .tv_nsec = 0});
  EXPECT_EQ(queue.front()->time->tv_sec, 7);
  EXPECT_EQ(next().ee_info, unsigned{SCM_TSTAMP_ACK});
  EXPECT_TRUE(notices.empty());
}

TEST_F(SendNoticesTest, WhatTheErrorQueueHasNoRoomForIsKeptAsOne) {
  for (int i = 0; i < 4; ++i) {
    queue.push({}, {}, {}, {});
  }
  notices.add_zero_copy(SeqNum{100}, edges(0, 0));
  notices.on_progress(edges(100, 100), {});
  EXPECT_TRUE(notices.empty()) << "its place is free";
  ASSERT_TRUE(notices.has_untold());
  queue.clear();
  notices.add_zero_copy(SeqNum{200}, edges(100, 100));
  notices.finish();
  EXPECT_TRUE(queue.empty()) << "in the order of their numbers";
  const sock_extended_err what = notices.take_untold();
  EXPECT_EQ(what.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
  EXPECT_EQ(what.ee_info, 0U);
  EXPECT_EQ(what.ee_data, 1U);
  EXPECT_FALSE(notices.has_untold());
}

TEST_F(SendNoticesTest, EachWriteHasItsNumberAlsoWithoutRoomOrConnection) {
  notices.add_zero_copy(SeqNum{100}, edges(0, 0));
  for (std::uint32_t i = 0; i < 3; ++i) {
    notices.add_stamped(SeqNum{100}, i, SendNotices::kSent);
  }
  ASSERT_FALSE(notices.has_room());
  notices.add_zero_copy(SeqNum{200}, edges(100, 0));
  notices.on_progress(edges(200, 199), {});
  EXPECT_EQ(next().ee_origin, SO_EE_ORIGIN_TIMESTAMPING);
  queue.clear();
  notices.on_progress(edges(200, 200), {});
  expect_zero_copy(0, 1);
  notices.add_ended();
  expect_zero_copy(2, 2);
  for (std::uint32_t i = 0; i < 4; ++i) {
    notices.add_stamped(SeqNum{300}, i, SendNotices::kSent);
  }
  notices.add_zero_copy(SeqNum{300}, edges(200, 200));
  expect_zero_copy(3, 3);
}

TEST_F(SendNoticesTest, TheEndGivesBuffersBackAndNoStamps) {
  notices.add_stamped(SeqNum{100}, 99, SendNotices::kAcknowledged);
  notices.add_zero_copy(SeqNum{200}, edges(0, 0));
  notices.finish();
  expect_zero_copy(0, 0);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pool.size(), 0U);
}

TEST_F(SendNoticesTest, AreBoundedByThePool) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(notices.has_room());
    notices.add_stamped(SeqNum{100}, i, SendNotices::kSent);
  }
  EXPECT_FALSE(notices.has_room());
}

}  // namespace
}  // namespace millrace::posix
