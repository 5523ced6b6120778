// Duplicate ACKs as estimate of what has arrived.
#include "tcp/duplicate_acks.hpp"

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

using test::covers;

TEST(DuplicateAcks, EachIsOneSegment) {
  covers({"RFC 5681 §3.2"});
  DuplicateAcks acks;
  EXPECT_EQ(acks.on_duplicate(8, 1'000), 1'000U);
  EXPECT_EQ(acks.on_duplicate(8, 1'000), 1'000U);
  EXPECT_EQ(acks.count(), 2U);
  EXPECT_EQ(acks.bytes(), 2'000U);
}

TEST(DuplicateAcks, OneOfThoseInFlightIsTheHole) {
  covers({"RFC 5681 §3.2"});
  DuplicateAcks acks;
  for (unsigned i = 0; i < 10; ++i) {
    static_cast<void>(acks.on_duplicate(4, 1'000));
  }
  EXPECT_EQ(acks.bytes(), 3'000U) << "a peer may send more of them than there are segments";
  EXPECT_EQ(acks.segments(), 3U);
  EXPECT_EQ(acks.count(), 10U);
}

TEST(DuplicateAcks, WhatTheyToldOfIsNoNewsLater) {
  covers({"RFC 9937 §6.2"});
  DuplicateAcks acks;
  for (unsigned i = 0; i < 5; ++i) {
    static_cast<void>(acks.on_duplicate(8, 1'000));
  }
  EXPECT_EQ(acks.on_ack(3'000, 1'000), 1'000U) << "the hole; two were told of";
  EXPECT_EQ(acks.bytes(), 3'000U);
  EXPECT_EQ(acks.count(), 0U);
  EXPECT_EQ(acks.on_ack(5'000, 1'000), 2'000U);
  EXPECT_EQ(acks.bytes(), 0U);
  EXPECT_EQ(acks.segments(), 0U);
}

TEST(DuplicateAcks, WithoutThemAllIsNews) {
  DuplicateAcks acks;
  EXPECT_EQ(acks.on_ack(5'000, 1'000), 5'000U);
  EXPECT_EQ(acks.on_ack(300, 1'000), 300U);
}

TEST(DuplicateAcks, CanBeForgotten) {
  DuplicateAcks acks;
  static_cast<void>(acks.on_duplicate(8, 1'000));
  acks.forget();
  EXPECT_EQ(acks.count(), 0U);
  EXPECT_EQ(acks.bytes(), 0U);
}

}  // namespace

}  // namespace millrace::tcp
