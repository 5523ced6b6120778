// What `--device=` takes, and what is said about everything else.
#include "device/dpdk/device_spec.hpp"

#include <gtest/gtest.h>

#include <array>

namespace millrace::device {

namespace {

struct Good {
  const char* text;
  DeviceKind kind;
  const char* name;
  const char* port_name;
  const char* eal_argument;
};

TEST(DeviceSpec, ReadsWhatIsOffered) {
  constexpr std::array kGood{
      Good{"tap:millrace0", DeviceKind::Tap, "millrace0", "net_tap2",
           "--vdev=net_tap2,iface=millrace0"},
      Good{"tap:fifteen-letters", DeviceKind::Tap, "fifteen-letters", "net_tap2",
           "--vdev=net_tap2,iface=fifteen-letters"},
      Good{"af_packet:eth0", DeviceKind::AfPacket, "eth0", "net_af_packet2",
           "--vdev=net_af_packet2,iface=eth0,framecnt=8192"},
      Good{"af_xdp:eth0.1", DeviceKind::AfXdp, "eth0.1", "net_af_xdp2",
           "--vdev=net_af_xdp2,iface=eth0.1"},
      Good{"vdev:net_ring0", DeviceKind::Vdev, "net_ring0", "net_ring0", "--vdev=net_ring0"},
      Good{"vdev:net_null0,size=64,copy=1", DeviceKind::Vdev, "net_null0", "net_null0",
           "--vdev=net_null0,size=64,copy=1"},
      Good{"pci:0000:03:00.0", DeviceKind::Pci, "0000:03:00.0", "0000:03:00.0",
           "--allow=0000:03:00.0"},
      Good{"pci:0A:1f.7,x=1", DeviceKind::Pci, "0000:0a:1f.7", "0000:0a:1f.7",
           "--allow=0000:0a:1f.7,x=1"},
  };
  for (const Good& good : kGood) {
    const auto spec = DeviceSpec::parse(good.text, 2);
    ASSERT_TRUE(spec.has_value()) << good.text << ": " << spec.error();
    EXPECT_EQ(spec->kind, good.kind) << good.text;
    EXPECT_EQ(spec->text, good.text);
    EXPECT_EQ(spec->name, good.name);
    EXPECT_EQ(spec->port_name, good.port_name);
    EXPECT_EQ(spec->eal_arguments, std::vector<std::string>{good.eal_argument});
    EXPECT_TRUE(spec->uses_dpdk_port());
    EXPECT_EQ(spec->uses_pci(), good.kind == DeviceKind::Pci);
    EXPECT_EQ(spec->is_kernel_device(),
              good.kind != DeviceKind::Vdev && good.kind != DeviceKind::Pci);
  }
  const auto ring = DeviceSpec::parse("ring");
  ASSERT_TRUE(ring.has_value());
  EXPECT_EQ(ring->kind, DeviceKind::Ring);
  EXPECT_FALSE(ring->uses_dpdk_port());
  EXPECT_TRUE(ring->eal_arguments.empty());
  EXPECT_TRUE(ring->check_surroundings().has_value());
}

struct Bad {
  const char* text;
  const char* words;
};

TEST(DeviceSpec, SaysWhatIsWrongInOneLine) {
  constexpr std::array kBad{
      Bad{"", "unknown device"},
      Bad{"eth0", "unknown device 'eth0'; offered are tap:NAME"},
      Bad{"tap", "write tap:millrace0"},
      Bad{"tap:", "write tap:millrace0"},
      Bad{"tap:sixteen-letters-", "at most 15 characters"},
      Bad{"tap:a/b", "no name for an interface"},
      Bad{"tap:a b", "no name for an interface"},
      Bad{"tap:a,mac=fixed", "no name for an interface"},
      Bad{"tap:mr%d", "no name for an interface"},
      Bad{"tap:..", "no name for an interface"},
      Bad{"af_packet", "write af_packet:eth0"},
      Bad{"af_packet:", "write af_packet:eth0"},
      Bad{"af_packet:sixteen-letters-", "at most 15 characters"},
      Bad{"af_packet:eth0,qpairs=2", "no name for an interface"},
      Bad{"af_xdp:", "write af_xdp:eth0"},
      Bad{"af_xdp:eth0/1", "no name for an interface"},
      Bad{"ring:4", "a ring takes no argument"},
      Bad{"vdev:", "names no network driver"},
      Bad{"vdev:crypto_null", "names no network driver"},
      Bad{"pci:", "names no PCI address"},
      Bad{"pci:03:00", "names no PCI address"},
      Bad{"pci:03:00.8", "names no PCI address"},
      Bad{"pci:00000:03:00.0", "names no PCI address"},
  };
  for (const Bad& bad : kBad) {
    const auto spec = DeviceSpec::parse(bad.text);
    ASSERT_FALSE(spec.has_value()) << bad.text;
    EXPECT_NE(spec.error().find(bad.words), std::string::npos) << bad.text << ": " << spec.error();
    EXPECT_EQ(spec.error().find('\n'), std::string::npos);
  }
}

TEST(DeviceSpec, LooksAtTheMachineBeforeAnythingIsStarted) {
  const auto loopback = DeviceSpec::parse("tap:lo")->check_surroundings();
  ASSERT_FALSE(
      loopback
          .has_value());  // Its name is taken everywhere; without permission that is said first.
}

}  // namespace

}  // namespace millrace::device
