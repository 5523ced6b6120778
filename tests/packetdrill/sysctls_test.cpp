// What scripts set of the kernel, and what becomes of it.
#include "packetdrill/sysctls.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "player.hpp"

namespace millrace::packetdrill {
namespace {

using namespace std::chrono_literals;

class SysctlsTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string& name, const std::string& value) const {
    std::ofstream{folder + "/" + name} << value << "\n";
  }

  static Config valid() {
    Config config;
    config.devices.emplace_back().addresses.push_back(
        *IpPrefix::make(IpAddress::v4(192, 168, 0, 1), 16));
    EXPECT_TRUE(config.validate());
    return config;
  }

  std::string folder = testing::TempDir() + "millrace-sysctls-" +
                       testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(SysctlsTest, OnlyWhatWasChangedIsTakenOver) {
  write("tcp_ecn", "1");
  write("tcp_sack", "1");
  const Sysctls before = Sysctls::read(folder);
  write("tcp_sack", "0");
  write("tcp_fin_timeout", "7");  // New, as in another namespace.
  Config config = valid();
  config.tcp.ecn = EcnMode::Off;
  Sysctls::read(folder).apply_changes(before, config);
  EXPECT_EQ(config.tcp.ecn, EcnMode::Off);
  EXPECT_FALSE(config.tcp.selective_acks);
  EXPECT_EQ(config.tcp.fin_wait_2_timeout, 7s);
}

TEST_F(SysctlsTest, WhatTheConfigurationCannotHaveIsLeft) {
  const Sysctls before = Sysctls::read(folder);
  write("tcp_min_tso_segs", "65");
  write("ip_default_ttl", "0");
  write("tcp_wmem", "4096 100 100");
  Config config = valid();
  Sysctls::read(folder).apply_changes(before, config);
  EXPECT_EQ(config.tcp.push_burst_segments, TcpConfig{}.push_burst_segments);
  EXPECT_EQ(config.tcp.hop_limit, TcpConfig{}.hop_limit);
  EXPECT_EQ(config.tcp.send_buffer_bytes, TcpConfig{}.send_buffer_bytes);
}

TEST(Sysctls, EachMeansWhatItDoesToLinux) {
  TcpConfig tcp;
  EXPECT_TRUE(Sysctls::apply("tcp_wmem", "4096\t50000\t4194304", tcp));
  EXPECT_EQ(tcp.send_buffer_initial_bytes, 50'000U);
  EXPECT_EQ(tcp.send_buffer_bytes, 4'194'304U);
  EXPECT_TRUE(Sysctls::apply("tcp_rmem", "4096 540000 15728640", tcp));
  EXPECT_EQ(tcp.receive_buffer_initial_bytes, 540'000U);
  EXPECT_EQ(tcp.receive_buffer_bytes, 2U * 15'728'640) << "half of it is offered";
  EXPECT_TRUE(Sysctls::apply("tcp_ecn", "2", tcp));
  EXPECT_EQ(tcp.ecn, EcnMode::Passive);
  EXPECT_TRUE(Sysctls::apply("tcp_syncookies", "2", tcp));
  EXPECT_EQ(tcp.syn_cookies, SynCookies::Always);
  EXPECT_TRUE(Sysctls::apply("tcp_mtu_probing", "1", tcp));
  EXPECT_EQ(tcp.mtu_probing, MtuProbing::BlackHole);
  EXPECT_TRUE(Sysctls::apply("tcp_timestamps", "0", tcp));
  EXPECT_FALSE(tcp.timestamps);
  EXPECT_TRUE(Sysctls::apply("tcp_syn_retries", "5", tcp));
  EXPECT_EQ(tcp.connect_timeout, 63s);
  EXPECT_TRUE(Sysctls::apply("tcp_retries2", "15", tcp));
  EXPECT_EQ(tcp.user_timeout, 924'600ms);
  EXPECT_TRUE(
      Sysctls::apply("tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4,00000000-0", tcp));
  EXPECT_EQ(tcp.fast_open_key->front(), 0xa1);
}

TEST(Sysctls, LossRecoveryAndCongestionControlAreLinuxsWordsToo) {
  TcpConfig tcp;
  EXPECT_TRUE(Sysctls::apply("tcp_recovery", "6", tcp));
  EXPECT_FALSE(tcp.rack) << "its other bits do not switch it on";
  EXPECT_TRUE(Sysctls::apply("tcp_recovery", "1", tcp));
  EXPECT_TRUE(tcp.rack);
  EXPECT_TRUE(Sysctls::apply("tcp_early_retrans", "0", tcp));
  EXPECT_FALSE(tcp.tail_loss_probe);
  EXPECT_TRUE(Sysctls::apply("tcp_early_retrans", "3", tcp));
  EXPECT_TRUE(tcp.tail_loss_probe);
  EXPECT_TRUE(Sysctls::apply("tcp_frto", "0", tcp));
  EXPECT_FALSE(tcp.frto);
  EXPECT_TRUE(Sysctls::apply("tcp_reordering", "5", tcp));
  EXPECT_EQ(tcp.duplicate_threshold, 5U);
  EXPECT_TRUE(Sysctls::apply("tcp_congestion_control", "bbr", tcp));
  EXPECT_EQ(tcp.congestion_control, CongestionKind::Bbr);
  EXPECT_TRUE(Sysctls::apply("tcp_slow_start_after_idle", "0", tcp));
  EXPECT_FALSE(tcp.slow_start_after_idle);
  EXPECT_TRUE(Sysctls::apply("tcp_pacing_ca_ratio", "150", tcp));
  EXPECT_EQ(tcp.pacing_percent, 150U);
}

TEST(Sysctls, FastOpensBitsAreApart) {
  TcpConfig tcp;
  EXPECT_TRUE(Sysctls::apply("tcp_fastopen", "1538", tcp));  // 0x602
  EXPECT_TRUE(tcp.fast_open_by_default && tcp.fast_open_without_cookies);
  EXPECT_EQ(tcp.fast_open_destinations, 0U);
  EXPECT_TRUE(Sysctls::apply("tcp_fastopen", "1025", tcp));  // No server.
  EXPECT_FALSE(tcp.fast_open_by_default || tcp.fast_open_without_cookies);
  EXPECT_EQ(tcp.fast_open_destinations, TcpConfig{}.fast_open_destinations);
}

TEST(Sysctls, WhatIsNotKnownOrNoNumberChangesNothing) {
  const TcpConfig before;
  TcpConfig tcp;
  EXPECT_FALSE(Sysctls::apply("tcp_fack", "1", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_congestion_control", "vegas", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_sack", "yes", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_sack", "", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_sack", "1 2", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_ecn", "3", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_wmem", "4096 50000", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_wmem", "1 2 99999999999", tcp));
  EXPECT_FALSE(Sysctls::apply("tcp_fastopen_key", "none of that", tcp));
  EXPECT_EQ(tcp.selective_acks, before.selective_acks);
  EXPECT_EQ(tcp.send_buffer_bytes, before.send_buffer_bytes);
  EXPECT_EQ(tcp.fast_open_key, before.fast_open_key);
}

TEST_F(SysctlsTest, TheShimLooksBetweenItsStartAndItsFirstUse) {
  write("tcp_timestamps", "1");
  const std::string script = R"(
    0.0 socket B
    0.0 nonblock B
    0.0 connect B 8080 = EINPROGRESS
    0.0 > S seq 0 opts mss:1460,nop,nop,sackok,nop,wscale:8
  )";
  const auto without = [this] { write("tcp_timestamps", "0"); };
  EXPECT_EQ(test::play(script, "--sysctls " + folder, without), "");
  EXPECT_NE(test::play(script, "--sysctls none", without), "");
}

}  // namespace
}  // namespace millrace::packetdrill
