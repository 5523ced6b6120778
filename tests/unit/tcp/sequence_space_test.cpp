// Acceptability and windows, also where sequence numbers wrap around or change sign.
#include "tcp/sequence_space.hpp"

#include <array>

#include <gtest/gtest.h>

#include "support/covers.hpp"

namespace millrace::tcp {

namespace {

constexpr std::array<std::uint32_t, 5> kBases{1'000, 0xffff'ffff, 0xffff'ff9c, 0x7fff'ffff,
                                              0x7fff'ff9c};

struct Case {
  const char* name;
  std::uint32_t rcv_wnd;
  std::int32_t seq;  ///< From RCV.NXT.
  std::uint32_t length;
  bool is_acceptable;
};

constexpr Case kCases[] = {
    {"no length, no window, exact", 0, 0, 0, true},
    {"no length, no window, before", 0, -1, 0, false},
    {"no length, no window, behind", 0, 1, 0, false},
    {"no length, at the start", 100, 0, 0, true},
    {"no length, inside", 100, 50, 0, true},
    {"no length, last", 100, 99, 0, true},
    {"no length, at the edge", 100, 100, 0, true},  // Deviates from the RFC; the function says why.
    {"no length, behind the edge", 100, 101, 0, false},
    {"no length, before", 100, -1, 0, false},
    {"length, no window", 0, 0, 1, false},
    {"length, no window, around", 0, -1, 3, false},
    {"length, whole window", 100, 0, 100, true},
    {"length, inside", 100, 10, 10, true},
    {"length, wholly before", 100, -10, 10, false},
    {"length, last octet inside", 100, -10, 11, true},
    {"length, first octet inside", 100, 99, 50, true},
    {"length, behind", 100, 100, 1, false},
    {"length, larger than the window, around", 100, -1, 102, true},
    {"length, from before to the edge", 100, -1, 101, true},
    {"length, half a circle away", 100, INT32_MIN, 1, false},
    {"large window, last octet", 1U << 30U, (1 << 30) - 1, 1, true},
    {"large window, at the edge", 1U << 30U, 1 << 30, 1, false},
};

TEST(SequenceSpace, AcceptabilityFollowsTheTableEverywhere) {  // RFC 9293 §3.4, table 6
  test::covers({"RFC 9293 §3.10.7.4 step 1"});
  for (const std::uint32_t base : kBases) {
    for (const Case& row : kCases) {
      ReceiveSequence receive;
      receive.rcv_nxt = SeqNum{base};
      receive.rcv_adv = receive.rcv_nxt + row.rcv_wnd;
      const SeqNum seq = receive.rcv_nxt + static_cast<std::uint32_t>(row.seq);
      EXPECT_EQ(is_acceptable(receive, seq, row.length), row.is_acceptable)
          << row.name << " from " << base;
    }
  }
}

TEST(SequenceSpace, AcceptabilityAgreesWithLookingAtEachOctet) {  // RFC 9293 §3.4
  test::covers({"RFC 9293 §3.10.7.4 step 1"});
  for (const std::uint32_t base : kBases) {
    for (std::uint32_t rcv_wnd = 1; rcv_wnd < 6; ++rcv_wnd) {
      ReceiveSequence receive;
      receive.rcv_nxt = SeqNum{base};
      receive.rcv_adv = receive.rcv_nxt + rcv_wnd;
      for (std::int32_t seq = -8; seq < 12; ++seq) {
        for (std::uint32_t length = 1; length < 12; ++length) {
          bool has_one_inside = false;
          for (std::uint32_t i = 0; i < length; ++i) {
            const std::int32_t octet = seq + static_cast<std::int32_t>(i);
            has_one_inside =
                has_one_inside || (octet >= 0 && octet < static_cast<std::int32_t>(rcv_wnd));
          }
          const SeqNum first = receive.rcv_nxt + static_cast<std::uint32_t>(seq);
          EXPECT_EQ(is_acceptable(receive, first, length), has_one_inside)
              << base << ' ' << seq << ' ' << length;
        }
      }
    }
  }
}

TEST(SequenceSpace, UsableWindowIsWhatFlightLeaves) {  // RFC 9293 §3.8.6.2.1
  test::covers({"MUST-1", "REC-1"});
  for (const std::uint32_t base : kBases) {
    SendSequence send;
    send.snd_una = SeqNum{base};
    send.snd_nxt = send.snd_una + 300;
    send.snd_wnd = 1'000;
    EXPECT_EQ(send.flight(), 300U);
    EXPECT_EQ(send.usable_window(), 700U);
    send.snd_wnd = 300;
    EXPECT_EQ(send.usable_window(), 0U);
    send.snd_wnd = 100;
    EXPECT_EQ(send.usable_window(), 0U) << "it shrank";
  }
}

}  // namespace

}  // namespace millrace::tcp
