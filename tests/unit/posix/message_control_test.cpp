#include "posix/message_control.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace millrace::posix {
namespace {

struct Room {
  explicit Room(std::size_t bytes) {
    message.msg_control = bytes == 0 ? nullptr : control.data();
    message.msg_controllen = bytes;
  }
  void begin_with(const cmsghdr& header) { std::memcpy(control.data(), &header, sizeof header); }
  alignas(cmsghdr) std::array<std::byte, 64> control{};
  msghdr message{};
};

constexpr ControlKind kKind{.level = IPPROTO_IP, .type = IP_RECVERR};
constexpr std::array<char, 6> kData{"hello"};

TEST(MessageControl, IsWrittenAsTheMacrosReadIt) {
  Room room{64};
  put_control(room.message, kKind, kData.data(), kData.size());
  EXPECT_EQ(room.message.msg_flags, 0);
  EXPECT_EQ(room.message.msg_controllen, CMSG_SPACE(kData.size()));
  const cmsghdr* const header = CMSG_FIRSTHDR(&room.message);
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(header->cmsg_level, IPPROTO_IP);
  EXPECT_EQ(header->cmsg_type, IP_RECVERR);
  EXPECT_EQ(header->cmsg_len, CMSG_LEN(kData.size()));
  EXPECT_EQ(std::memcmp(CMSG_DATA(header), kData.data(), kData.size()), 0);
}

TEST(MessageControl, WhatHasNoRoomIsCutOffAndSaidSo) {
  Room some{CMSG_LEN(2)};
  put_control(some.message, kKind, kData.data(), kData.size());
  EXPECT_EQ(some.message.msg_flags, MSG_CTRUNC);
  EXPECT_EQ(some.message.msg_controllen, CMSG_LEN(2));
  EXPECT_EQ(some.control.at(CMSG_LEN(2)), std::byte{0});
  for (const std::size_t bytes : {std::size_t{0}, sizeof(cmsghdr) - 1}) {
    Room none{bytes};
    put_control(none.message, kKind, kData.data(), kData.size());
    EXPECT_EQ(none.message.msg_flags, MSG_CTRUNC);
    EXPECT_EQ(none.message.msg_controllen, 0U);
  }
}

TEST(MessageControl, WishesForIpAndNonsenseAreNotIgnored) {
  EXPECT_TRUE(is_control_ignorable(Room{0}.message));
  Room room{CMSG_SPACE(4)};
  room.begin_with({.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = 99});
  EXPECT_TRUE(is_control_ignorable(room.message));
  room.begin_with({.cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL});
  EXPECT_FALSE(is_control_ignorable(room.message));
  room.begin_with({.cmsg_len = sizeof(cmsghdr) - 1, .cmsg_level = SOL_SOCKET, .cmsg_type = 99});
  EXPECT_FALSE(is_control_ignorable(room.message));
  room.begin_with({.cmsg_len = CMSG_SPACE(4) + 1, .cmsg_level = SOL_SOCKET, .cmsg_type = 99});
  EXPECT_FALSE(is_control_ignorable(room.message));
}

}  // namespace
}  // namespace millrace::posix
