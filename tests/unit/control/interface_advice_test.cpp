// What people are told about the kernel's interface beneath a device.
#include "control/interface_advice.hpp"

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

device::DeviceSpec spec_of(std::string_view text) { return *device::DeviceSpec::parse(text); }

const std::vector<LocalAddress> kKernel{
    {.interface = "lo", .address = IpAddress::v4(127, 0, 0, 1)},
    {.interface = "eth0", .address = IpAddress::v4(192, 0, 2, 1)},
    {.interface = "eth0", .address = IpAddress::v4(192, 0, 2, 9)},
};

TEST(SharingWarning, SaysWhoGetsTheFramesOfAnInterfaceWithAddresses) {
  const auto shared = sharing_warning(spec_of("af_packet:eth0"), kKernel);
  ASSERT_TRUE(shared.has_value());
  EXPECT_NE(shared->find("eth0"), std::string::npos);
  EXPECT_NE(shared->find("192.0.2.1, 192.0.2.9"), std::string::npos);
  EXPECT_NE(shared->find("goes on receiving every frame"), std::string::npos);
  const auto taken = sharing_warning(spec_of("af_xdp:eth0"), kKernel);
  ASSERT_TRUE(taken.has_value());
  EXPECT_NE(taken->find("nothing that arrives there reaches the kernel, SSH included"),
            std::string::npos);
}

TEST(SharingWarning, IsSilentWhereNothingIsShared) {
  for (const char* const text : {"af_packet:eth1", "af_xdp:eth1", "tap:eth0", "ring"}) {
    EXPECT_FALSE(sharing_warning(spec_of(text), kKernel).has_value()) << text;
  }
}

// That of a veth is tested where there is one, in tests/integration/test_veth.py.
TEST(OffloadAdvice, NamesTheInterfaceAndTheCommand) {
  const std::string joined =
      offload_advice(spec_of("af_packet:nosuch0"), DropReason::Ipv4Truncated);
  EXPECT_NE(joined.find("frames arrive on nosuch0 longer than its MTU"), std::string::npos);
  EXPECT_NE(joined.find("ethtool -K nosuch0 gro off lro off"), std::string::npos);
  const std::string partial =
      offload_advice(spec_of("af_packet:nosuch0"), DropReason::TcpPartialChecksum);
  EXPECT_NE(partial.find("TCP checksums that a NIC was to finish"), std::string::npos);
}

}  // namespace
}  // namespace millrace::control
