// VLAN tags: reading, writing, and frames that end inside of one.
#include "wire/vlan.hpp"

#include <gtest/gtest.h>

#include "test_bytes.hpp"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::from_hex;

const VlanTag kTag{.vlan = 0x123, .priority = 5, .drop_eligible = true, .type = EtherType::Arp};

Bytes valid_tag() { return from_hex("b1 23  08 06"); }

TEST(VlanTag, ReadsItsFields) {
  const auto tag = parse_vlan_tag(valid_tag());
  ASSERT_TRUE(tag);
  EXPECT_EQ(*tag, kTag);
}

TEST(VlanTag, WritesWhatItReads) {
  Bytes out(kVlanTagSize);
  emit_vlan_tag(out, kTag);
  EXPECT_EQ(out, valid_tag());
  emit_vlan_tag(out, {.vlan = 4094});
  EXPECT_EQ(out, from_hex("0f fe  08 00"));
}

TEST(VlanTag, EveryTruncationIsTooShort) {
  test::for_each_truncation(valid_tag(), [](auto bytes) {
    const auto tag = parse_vlan_tag(bytes);
    ASSERT_FALSE(tag);
    EXPECT_EQ(tag.error(), DropReason::EthernetTooShort);
  });
}

TEST(VlanTag, RandomInputReadsBackAsWritten) {
  test::for_each_random_input(valid_tag(), [](auto bytes) {
    const auto tag = parse_vlan_tag(bytes);
    ASSERT_EQ(tag.has_value(), bytes.size() >= kVlanTagSize);
    if (tag) {
      Bytes out(kVlanTagSize);
      emit_vlan_tag(out, *tag);
      ASSERT_TRUE(std::ranges::equal(out, bytes.first(kVlanTagSize)));
    }
  });
}

}  // namespace
}  // namespace millrace::wire
