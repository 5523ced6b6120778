// What a memif peer may say: an introduction as drivers make it passes, and each thing in it that
// would lead DPDK's driver astray does not.
#include "device/dpdk/memif_introduction.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace millrace::device {

namespace {

constexpr std::uint64_t kRegionBytes = 1 << 16;

OwnDescriptor file_of(std::uint64_t bytes) {
  OwnDescriptor file{::memfd_create("region", 0)};
  EXPECT_EQ(::ftruncate(file.number(), static_cast<off_t>(bytes)), 0);
  return file;
}

template <class T>
void put(MemifMessage& message, std::size_t offset, T value) {
  std::memcpy(message.bytes.data() + offset, &value, sizeof(value));
}

void attach(MemifMessage& message, OwnDescriptor descriptor) {
  message.descriptors[message.descriptor_count++] = std::move(descriptor);
}

MemifMessage message_of(MemifType type) {
  MemifMessage message;
  put(message, 0, type);
  message.size = MemifMessage::kBytes;
  return message;
}

MemifMessage region(std::uint16_t index = 0, std::uint64_t said = kRegionBytes,
                    std::uint64_t held = kRegionBytes) {
  MemifMessage message = message_of(MemifType::AddRegion);
  put(message, 2, index);
  put(message, 4, said);
  attach(message, file_of(held));
  return message;
}

struct Ring {
  std::uint16_t flags = 0;
  std::uint16_t index = 0;
  std::uint16_t region = 0;
  std::uint32_t offset = 0;
  std::uint8_t size_log2 = 10;
};

MemifMessage ring(const Ring& said) {
  MemifMessage message = message_of(MemifType::AddRing);
  put(message, 2, said.flags);
  put(message, 4, said.index);
  put(message, 6, said.region);
  put(message, 8, said.offset);
  put(message, 12, said.size_log2);
  attach(message, file_of(1));
  return message;
}

MemifMessage with(MemifMessage message, const std::function<void(MemifMessage&)>& change) {
  change(message);
  return message;
}

/// The position of the first message that is not allowed; their number if all are.
std::size_t allowed(const std::vector<MemifMessage>& messages) {
  MemifIntroduction introduction;
  std::size_t count = 0;
  while (count < messages.size() && introduction.allows_from_client(messages[count])) {
    ++count;
  }
  return count;
}

template <class... Messages>
std::vector<MemifMessage> said(Messages... messages) {
  std::vector<MemifMessage> list;
  (list.push_back(std::move(messages)), ...);
  return list;
}

TEST(MemifIntroduction, AClientIntroducesItself) {
  const auto messages = said(message_of(MemifType::Init), region(), region(1), ring({.flags = 1}),
                             ring({.region = 1, .offset = 4'096}), message_of(MemifType::Connect));
  EXPECT_EQ(allowed(messages), messages.size());
}

TEST(MemifIntroduction, WhatLeadsTheDriverAstrayIsRefused) {
  struct Case {
    std::string name;
    MemifMessage message;
  };
  std::vector<Case> cases;
  const auto add = [&](std::string name, MemifMessage message) {
    cases.push_back({std::move(name), std::move(message)});
  };
  add("a second introduction", message_of(MemifType::Init));
  add("an unknown type", message_of(static_cast<MemifType>(77)));
  add("a server's words", message_of(MemifType::Hello));
  add("an early end", message_of(MemifType::Connect));
  add("an empty message", MemifMessage{});
  add("half a message", with(region(1), [](auto& m) { m.size = 64; }));
  add("a message too long", with(region(1), [](auto& m) { m.size = 129; }));
  add("a region without file", with(region(1), [](auto& m) { m.descriptor_count = 0; }));
  add("a region with two files", with(region(1), [](auto& m) { attach(m, file_of(1)); }));
  add("a region out of turn", region(2));
  add("a region twice", region(0));
  add("a region larger than its file", region(1, kRegionBytes, kRegionBytes - 1));
  add("a region of nothing", region(1, 0));
  add("a region of an impossible size", region(1, UINT64_MAX));
  add("a region that is no file", with(region(1), [](auto& m) {
        m.descriptors[0] = OwnDescriptor{::open("/dev/zero", O_RDWR | O_CLOEXEC)};
      }));
  add("a ring without descriptor", with(ring({}), [](auto& m) { m.descriptor_count = 0; }));
  add("a ring of another queue", ring({.index = 1}));
  add("a ring in no region", ring({.region = 1}));
  add("a ring that is too large for anyone", ring({.size_log2 = 15}));
  add("a ring that is too large for its region", ring({.size_log2 = 12}));
  add("a ring beyond its region", ring({.offset = 0xffff'ffff}));
  // 128 bytes and 1,024 descriptors of 16.
  add("a ring one byte beyond its region", ring({.offset = (1 << 16) - 128 - (1 << 14) + 1}));
  for (Case& c : cases) {
    EXPECT_EQ(allowed(said(message_of(MemifType::Init), region(), std::move(c.message))), 2U)
        << c.name;
  }
  EXPECT_EQ(allowed(said(message_of(MemifType::Init), region(),
                         ring({.offset = (1 << 16) - 128 - (1 << 14)}))),
            3U);
}

TEST(MemifIntroduction, NothingComesBeforeTheFirstWord) {
  EXPECT_EQ(allowed(said(region())), 0U);
  EXPECT_EQ(allowed(said(ring({}))), 0U);
  EXPECT_EQ(allowed(said(message_of(MemifType::Init), region(), ring({}), ring({}))), 3U)
      << "a ring twice";
}

TEST(MemifIntroduction, RegionsAreLimited) {
  std::vector<MemifMessage> messages = said(message_of(MemifType::Init));
  for (std::uint16_t i = 0; i <= MemifIntroduction::kRegionsMax; ++i) {
    messages.push_back(region(i));
  }
  EXPECT_EQ(allowed(messages), MemifIntroduction::kRegionsMax + 1);
}

TEST(MemifIntroduction, AServerAnswersWhatItWasTold) {
  MemifIntroduction introduction;
  EXPECT_FALSE(introduction.allows_from_server(message_of(MemifType::Ack)));
  EXPECT_FALSE(introduction.allows_from_server(message_of(MemifType::Connected)));
  EXPECT_TRUE(introduction.allows_from_server(message_of(MemifType::Hello)));
  EXPECT_FALSE(introduction.allows_from_server(message_of(MemifType::Hello))) << "twice";
  introduction.note_from_driver(message_of(MemifType::Init));
  EXPECT_FALSE(introduction.allows_from_server(message_of(MemifType::Connected)));
  EXPECT_TRUE(introduction.allows_from_server(message_of(MemifType::Ack)));
  EXPECT_FALSE(introduction.allows_from_server(message_of(MemifType::Ack))) << "once too often";
  introduction.note_from_driver(message_of(MemifType::Connect));
  EXPECT_FALSE(introduction.allows_from_server(region())) << "memory is the client's to give";
  EXPECT_TRUE(introduction.allows_from_server(message_of(MemifType::Connected)));
}

}  // namespace

}  // namespace millrace::device
