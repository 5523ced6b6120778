// The settings of UDP and of reassembly by name.
#include "control/udp_settings.hpp"

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

TEST(UdpSettings, EveryOneCanBeSetToWhatIsShown) {
  const UdpConfig defaults;
  const std::string text = udp_settings_text(defaults);
  UdpConfig changed{.receive_queue_bytes = 1,
                    .receive_queue_datagrams = 2,
                    .total_bytes = 3,
                    .hop_limit = 4,
                    .local_port_first = 5,
                    .local_port_last = 6};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    EXPECT_TRUE(apply_udp_setting(changed, std::string_view{text}.substr(at, end - at)));
    at = end + 2;
  }
  EXPECT_EQ(udp_settings_text(changed), text);
  EXPECT_EQ(changed.local_port_last, defaults.local_port_last);
}

TEST(UdpSettings, ReassemblyHasItsOwn) {
  ReassemblyConfig config;
  EXPECT_TRUE(apply_reassembly_setting(config, "timeout=30"));
  EXPECT_TRUE(apply_reassembly_setting(config, "datagrams=7"));
  EXPECT_TRUE(apply_reassembly_setting(config, "per_source=6"));
  EXPECT_TRUE(apply_reassembly_setting(config, "fragments=5"));
  EXPECT_TRUE(apply_reassembly_setting(config, "bytes=5000"));
  EXPECT_EQ(config.timeout, std::chrono::seconds{30});
  EXPECT_EQ(reassembly_settings_text(config),
            "datagrams=7, per_source=6, fragments=5, bytes=5000, timeout=30");
}

TEST(UdpSettings, WhatIsWrongIsSaid) {
  UdpConfig config;
  const auto unknown = apply_udp_setting(config, "speed=9");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().find("receive_queue_bytes=4194304"), std::string::npos);
  EXPECT_FALSE(apply_udp_setting(config, "hop_limit"));
  EXPECT_FALSE(apply_udp_setting(config, "hop_limit=256"));
  EXPECT_FALSE(apply_udp_setting(config, "hop_limit=x"));
  ReassemblyConfig reassembly;
  EXPECT_FALSE(apply_reassembly_setting(reassembly, "timeout=soon"));
}

}  // namespace
}  // namespace millrace::control
