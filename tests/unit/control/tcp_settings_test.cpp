// Fields of TcpConfig by name: every one can be shown and set again, and mistakes are explained.
#include "control/tcp_settings.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace millrace::control {

namespace {

using namespace std::chrono_literals;

std::string complaint(std::string_view text) {
  TcpConfig config;
  const Parsed<bool> applied = apply_tcp_setting(config, text);
  return applied ? std::string{"none"} : applied.error();
}

TEST(TcpSettings, WhatIsShownCanBeSet) {
  ASSERT_FALSE(tcp_settings().empty());
  for (const TcpSetting& setting : tcp_settings()) {
    const TcpConfig defaults;
    const std::string text = std::string{setting.name} + "=" + setting.show(defaults);
    EXPECT_EQ(complaint(text), "none");
  }
}

TEST(TcpSettings, EachSetsAFieldOfItsOwn) {
  for (const TcpSetting& setting : tcp_settings()) {
    SCOPED_TRACE(setting.name);
    const TcpConfig defaults;
    TcpConfig changed;
    const std::string before = setting.show(defaults);
    const std::string value = before == "1" ? "0" : "1";
    // What takes words has others than numbers.
    if (!setting.apply(changed, value)) {
      continue;
    }
    EXPECT_EQ(setting.show(changed), value);
    for (const TcpSetting& other : tcp_settings()) {
      if (other.name != setting.name) {
        EXPECT_EQ(other.show(changed), other.show(defaults)) << other.name;
      }
    }
  }
}

TEST(TcpSettings, NumbersAndTimes) {
  TcpConfig config;
  ASSERT_TRUE(apply_tcp_setting(config, "delayed_ack=0.02"));
  ASSERT_TRUE(apply_tcp_setting(config, "receive_buffer_bytes=1048576"));
  EXPECT_EQ(config.delayed_ack, Duration{20ms});
  EXPECT_EQ(config.receive_buffer_bytes, 1'048'576U);
}

TEST(TcpSettings, WordsOfEnumerationsAndSwitches) {
  TcpConfig config;
  ASSERT_TRUE(apply_tcp_setting(config, "ecn=on"));
  ASSERT_TRUE(apply_tcp_setting(config, "syn_cookies=always"));
  ASSERT_TRUE(apply_tcp_setting(config, "mtu_probing=black-hole"));
  ASSERT_TRUE(apply_tcp_setting(config, "reuse_time_wait=off"));
  EXPECT_EQ(config.ecn, EcnMode::On);
  EXPECT_EQ(config.syn_cookies, SynCookies::Always);
  EXPECT_EQ(config.mtu_probing, MtuProbing::BlackHole);
  EXPECT_FALSE(config.reuse_time_wait);
  EXPECT_EQ(complaint("ecn=maybe"),
            "ecn: 'maybe' is none of its values; give off or passive or on");
}

TEST(TcpSettings, AKeyIsWrittenAsInLinux) {
  TcpConfig config;
  ASSERT_TRUE(apply_tcp_setting(config, "fast_open_key=00112233-44556677-8899aabb-ccddeeff"));
  ASSERT_TRUE(config.fast_open_key);
  EXPECT_EQ(config.fast_open_key->front(), 0x33);
  EXPECT_EQ(config.fast_open_key->back(), 0xcc);
  ASSERT_TRUE(apply_tcp_setting(config, "fast_open_key=none"));
  EXPECT_FALSE(config.fast_open_key);
  for (const char* const text :
       {"", "1", "00112233", "00112233-44556677-8899aabb-ccddeef", "00112233-44556677-8899aabb",
        "00112233-44556677-8899aabb-ccddeeff0", "0011223344556677-8899aabb-ccddeeff-",
        "00112233-44556677-8899aabb-ccddeefg", "00112233+44556677-8899aabb-ccddeeff",
        "00112233-44556677-8899aabb-+cddeeff"}) {
    EXPECT_TRUE(complaint(std::string{"fast_open_key="} + text).starts_with("fast_open_key: '"))
        << text;
  }
}

TEST(TcpSettings, MistakesAreExplained) {
  EXPECT_EQ(complaint("delayed_ack"),
            "'delayed_ack' sets nothing; give NAME=VALUE, such as delayed_ack=0.02");
  EXPECT_TRUE(complaint("nagle=1").starts_with(
      "there is no setting 'nagle'; there are send_buffer_bytes, "));
  EXPECT_TRUE(complaint("rto_min=soon").starts_with("rto_min: 'soon' is no number of seconds; "));
  EXPECT_TRUE(complaint("syn_backlog=-1").starts_with("syn_backlog: '-1' is no number; "));
  EXPECT_TRUE(complaint("syn_backlog=4294967296").starts_with("syn_backlog: 4294967296 is out of"));
}

TEST(TcpSettings, TheHelpNamesEveryField) {
  const std::string text = tcp_settings_text(TcpConfig{});
  for (const TcpSetting& setting : tcp_settings()) {
    EXPECT_NE(text.find(setting.name), std::string::npos) << setting.name;
    EXPECT_NE(text.find(setting.show(TcpConfig{})), std::string::npos) << setting.name;
  }
}

}  // namespace

}  // namespace millrace::control
