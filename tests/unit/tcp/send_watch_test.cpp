// Places in what is sent, told of once.
#include "tcp/send_watch.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

TEST(SendWatch, TellsOfEachPlaceOnce) {
  SendWatch watch;
  EXPECT_FALSE(watch.on_sent(SeqNum{100}) || watch.on_ack(SeqNum{100}));
  watch.set(SeqNum{10}, SeqNum{10});
  EXPECT_FALSE(watch.on_sent(SeqNum{9}));
  EXPECT_TRUE(watch.on_sent(SeqNum{10}));
  EXPECT_FALSE(watch.on_sent(SeqNum{11}));
  EXPECT_FALSE(watch.on_ack(SeqNum{9}));
  EXPECT_TRUE(watch.on_ack(SeqNum{12}));
  EXPECT_FALSE(watch.on_ack(SeqNum{13}));
}

TEST(SendWatch, NumbersWrapAround) {
  SendWatch watch;
  watch.set(SeqNum{5}, std::nullopt);
  EXPECT_FALSE(watch.on_sent(SeqNum{0xffff'fff0}));
  EXPECT_TRUE(watch.on_sent(SeqNum{6}));
}

}  // namespace
}  // namespace millrace::tcp
