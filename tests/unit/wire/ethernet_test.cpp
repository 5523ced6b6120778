// Ethernet headers: reading, writing, and frames that end too early.
#include "wire/ethernet.hpp"

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

const EthernetHeader kHeader{.destination = MacAddress{{2, 0, 0, 0, 0, 1}},
                             .source = MacAddress{{2, 0, 0, 0, 0, 2}},
                             .type = EtherType::Arp};

Bytes valid_frame() { return from_hex("02 00 00 00 00 01  02 00 00 00 00 02  08 06"); }

TEST(Ethernet, ReadsHeader) {
  const auto header = parse_ethernet(valid_frame());
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, kHeader);
}

TEST(Ethernet, KeepsTypesItDoesNotName) {
  const auto header = parse_ethernet(test::with_byte(valid_frame(), 12, 0x88));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, EtherType{0x8806});
}

TEST(Ethernet, WritesWhatItReads) {
  Bytes out(kEthernetHeaderSize);
  emit_ethernet(out, kHeader);
  EXPECT_EQ(out, valid_frame());
}

TEST(Ethernet, EveryTruncationIsTooShort) {
  test::for_each_truncation(valid_frame(), [](auto bytes) {
    const auto header = parse_ethernet(bytes);
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error(), DropReason::EthernetTooShort);
  });
}

TEST(Ethernet, RandomInputReadsBackAsWritten) {
  test::for_each_random_input(valid_frame(), [](auto bytes) {
    const auto header = parse_ethernet(bytes);
    ASSERT_EQ(header.has_value(), bytes.size() >= kEthernetHeaderSize);
    if (header) {
      Bytes out(kEthernetHeaderSize);
      emit_ethernet(out, *header);
      ASSERT_TRUE(std::ranges::equal(out, bytes.first(kEthernetHeaderSize)));
    }
  });
}

}  // namespace
}  // namespace millrace::wire
