// What the kernel's end of a TAP is given, and that it is given and taken back. The live part runs
// on the loopback interface of a network namespace of its own, which needs the right to make one.
#include "control/host_setup.hpp"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/local_addresses.hpp"

namespace millrace::control {
namespace {

TEST(OtherHost, IsTheFirstHostThatIsNotUs) {
  struct Case {
    std::string ours;
    std::string other;  // Empty: none.
  };
  for (const auto& [ours, other] : {
           Case{"198.18.0.2/24", "198.18.0.1/24"},
           Case{"198.18.0.1/24", "198.18.0.2/24"},
           Case{"198.18.0.200/24", "198.18.0.1/24"},
           Case{"10.1.2.3/8", "10.0.0.1/8"},
           Case{"10.0.0.6/30", "10.0.0.5/30"},
           Case{"10.0.0.5/30", "10.0.0.6/30"},
           Case{"10.0.0.4/31", "10.0.0.5/31"},
           Case{"10.0.0.5/31", "10.0.0.4/31"},
           Case{"10.0.0.5/32", ""},
           Case{"2001:db8::1/64", ""},
       }) {
    const std::optional<IpPrefix> chosen = other_host(*IpPrefix::parse(ours));
    EXPECT_EQ(chosen ? chosen->to_string() : "", other) << ours;
  }
}

TEST(PlanHostAddress, RefusesWhatAnotherInterfaceHas) {
  const IpPrefix ours = *IpPrefix::parse("198.18.0.2/24");
  const std::vector<LocalAddress> kernel{{"eth0", IpAddress::v4(198, 18, 0, 1)}};
  EXPECT_EQ(plan_host_address("millrace0", ours, {})->to_string(), "198.18.0.1/24");
  EXPECT_EQ(plan_host_address("eth0", ours, kernel)->to_string(), "198.18.0.1/24");
  const auto refused = plan_host_address("millrace0", ours, kernel);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find(
                "198.18.0.1 is meant for the kernel's end of millrace0, but eth0 has it already; "),
            std::string::npos)
      << refused.error();
  EXPECT_FALSE(plan_host_address("millrace0", *IpPrefix::parse("10.0.0.1/32"), {}));
}

TEST(VlanPeerCommands, MakeAnInterfaceThatTheKernelAccepts) {
  EXPECT_EQ(vlan_peer_commands("b", 100, *IpPrefix::parse("198.18.1.2/24")),
            "ip link add link b name b.100 type vlan id 100 && ip address add 198.18.1.1/24 dev "
            "b.100 && ip link set b.100 up");
  EXPECT_EQ(
      vlan_peer_commands("a-longer-name", 100, *IpPrefix::parse("198.18.1.2/32")),
      "ip link add link a-longer-name name vlan100 type vlan id 100 && ip link set vlan100 up");
}

TEST(CheckFree, RefusesAnAddressOfTheKernel) {
  const std::vector<LocalAddress> kernel{{"lo", IpAddress::v4(127, 0, 0, 1)},
                                         {"eth0", IpAddress::v4(10, 0, 0, 5)}};
  EXPECT_TRUE(check_free({*IpPrefix::parse("10.0.0.6/24")}, kernel));
  const auto refused =
      check_free({*IpPrefix::parse("10.0.0.6/24"), *IpPrefix::parse("10.0.0.5/24")}, kernel);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            "--address: 10.0.0.5 belongs to this machine's eth0 already; give one that nobody has");
}

/// A network namespace for the rest of the process, its loopback interface down and without
/// address.
class HostSetupLive : public testing::Test {
 protected:
  void SetUp() override {
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "needs the right to make a network namespace (CAP_SYS_ADMIN)";
    }
  }
  static bool kernel_has(const std::string& address) {
    for (const LocalAddress& held : kernel_addresses()) {
      if (held.address == *IpAddress::parse(address) && held.interface == "lo") {
        return true;
      }
    }
    return false;
  }
  static bool is_loopback_up() {
    const int descriptor = ::socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::string{"lo"}.copy(request.ifr_name, IFNAMSIZ - 1);
    const int outcome = ::ioctl(descriptor, SIOCGIFFLAGS, &request);
    ::close(descriptor);
    return outcome == 0 && (request.ifr_flags & IFF_UP) != 0;
  }
};

TEST_F(HostSetupLive, GivesTheAddressAndTakesItBack) {
  ASSERT_FALSE(is_loopback_up());
  {
    const auto setup = HostSetup::apply("lo", *IpPrefix::parse("198.18.0.1/24"));
    ASSERT_TRUE(setup) << setup.error();
    EXPECT_TRUE(is_loopback_up());
    EXPECT_TRUE(kernel_has("198.18.0.1"));
  }
  EXPECT_FALSE(kernel_has("198.18.0.1"));
  EXPECT_FALSE(is_loopback_up());
}

TEST_F(HostSetupLive, BringsUpWithoutAnAddress) {
  {
    const auto setup = HostSetup::apply("lo", std::nullopt);
    ASSERT_TRUE(setup) << setup.error();
    EXPECT_TRUE(is_loopback_up());
  }
  EXPECT_FALSE(is_loopback_up());
}

TEST_F(HostSetupLive, LeavesWhatWasThereBefore) {
  auto before = HostSetup::apply("lo", *IpPrefix::parse("198.18.0.1/31"));
  ASSERT_TRUE(before) << before.error();
  { ASSERT_TRUE(HostSetup::apply("lo", *IpPrefix::parse("198.18.0.1/31"))); }
  EXPECT_TRUE(kernel_has("198.18.0.1"));
  EXPECT_TRUE(is_loopback_up());
}

TEST_F(HostSetupLive, MovingUndoesNothing) {
  auto setup = HostSetup::apply("lo", *IpPrefix::parse("198.18.0.1/24"));
  ASSERT_TRUE(setup) << setup.error();
  {
    const HostSetup moved = *std::move(setup);
    EXPECT_TRUE(kernel_has("198.18.0.1"));
  }
  EXPECT_FALSE(kernel_has("198.18.0.1"));
}

TEST_F(HostSetupLive, SaysWhichInterfaceIsMissing) {
  const auto setup = HostSetup::apply("millrace99", *IpPrefix::parse("198.18.0.1/24"));
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error(),
            "cannot set up millrace99: No such device; --no-host-setup leaves it to you");
}

}  // namespace
}  // namespace millrace::control
