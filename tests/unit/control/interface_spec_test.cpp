// Which VLAN a --device names, in both spellings, and what is no VLAN.
#include "control/interface_spec.hpp"

#include <string>

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

TEST(InterfaceSpec, FindsTheVlan) {
  struct Case {
    std::string text;
    std::string device;
    unsigned vlan;
  };
  for (const auto& [text, device, vlan] : {
           Case{"tap:b", "tap:b", 0},
           Case{"tap:b.100", "tap:b", 100},
           Case{"tap:b,vlan=100", "tap:b", 100},
           Case{"tap:b.1", "tap:b", 1},
           Case{"tap:b.4094", "tap:b", 4094},
           Case{"tap:b.x", "tap:b.x", 0},
           Case{"tap:b.", "tap:b.", 0},
           Case{"tap:b.5x", "tap:b.5x", 0},
           Case{"tap:b.7.100", "tap:b.7", 100},
           Case{"pci:03:00.0", "pci:03:00.0", 0},
           Case{"pci:0000:03:00.1", "pci:0000:03:00.1", 0},
           Case{"pci:0000:03:00.1.100", "pci:0000:03:00.1", 100},
           Case{"pci:03:00.0.7,rx=1", "pci:03:00.0,rx=1", 7},
           Case{"pci:03:00.0,file=a.1", "pci:03:00.0,file=a.1", 0},
           Case{"pci:03:00.0,vlan=7", "pci:03:00.0", 7},
           Case{"af_packet:eth0.5", "af_packet:eth0.5", 0},  // An existing interface's own name.
           Case{"af_packet:eth0.5,vlan=6", "af_packet:eth0.5", 6},
           Case{"memif:/run/m.100", "memif:/run/m.100", 0},
           Case{"memif:/run/m.sock,server,vlan=9", "memif:/run/m.sock,server", 9},
           Case{"memif:/run/m.sock,vlan=9,server", "memif:/run/m.sock,server", 9},
           Case{"vdev:net_ring0,vlan=2", "vdev:net_ring0", 2},
           Case{"ring,vlan=2", "ring", 2},
       }) {
    const auto spec = InterfaceSpec::parse(text);
    ASSERT_TRUE(spec) << spec.error();
    EXPECT_EQ(spec->device, device) << text;
    EXPECT_EQ(spec->vlan, vlan) << text;
  }
}

TEST(InterfaceSpec, SaysWhatIsNoVlan) {
  struct Case {
    std::string text;
    std::string complaint;
  };
  for (const auto& [text, complaint] : {
           Case{"tap:b.0", "'tap:b.0' names no VLAN by '0'; give a number from 1 to 4094"},
           Case{"tap:b.4095", "'tap:b.4095' names no VLAN by '4095'; give a number from 1 to 4094"},
           Case{"tap:b.99999999999999999999",
                "'tap:b.99999999999999999999' names no VLAN by '99999999999999999999'; give a "
                "number from 1 to 4094"},
           Case{"memif:/m,vlan=x",
                "'memif:/m,vlan=x' names no VLAN by 'x'; give a number from 1 "
                "to 4094"},
           Case{"memif:/m,vlan=",
                "'memif:/m,vlan=' names no VLAN by ''; give a number from 1 to "
                "4094"},
           Case{"tap:b.1,vlan=1", "'tap:b.1,vlan=1' names a VLAN twice; give it once"},
       }) {
    const auto spec = InterfaceSpec::parse(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error(), complaint);
  }
}

}  // namespace
}  // namespace millrace::control
