// What the application is to hear of: each kind of news stands alone.
#include "tcp/events.hpp"

#include <gtest/gtest.h>

namespace millrace::tcp {

namespace {

TEST(Events, NewsOfOneKindIsNotNewsOfAnother) {
  const std::uint8_t kinds[] = {Events::kConnected,    Events::kReadable, Events::kWritable,
                                Events::kPeerFinished, Events::kClosed,   Events::kSoftError,
                                Events::kUrgent};
  for (const std::uint8_t kind : kinds) {
    Events events;
    EXPECT_FALSE(events.any());
    events.add(kind);
    EXPECT_TRUE(events.any());
    for (const std::uint8_t other : kinds) {
      EXPECT_EQ(events.has(other), other == kind) << unsigned{kind} << ' ' << unsigned{other};
    }
  }
}

TEST(Events, AreGathered) {
  Events events;
  events.add(Events::kConnected);
  events.add(0);
  events.add(Events::kReadable);
  events.add(Events::kReadable);
  EXPECT_EQ(events.bits(), Events::kConnected | Events::kReadable);
  EXPECT_FALSE(events.has(Events::kClosed));
}

}  // namespace

}  // namespace millrace::tcp
