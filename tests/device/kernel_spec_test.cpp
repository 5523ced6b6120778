// Whether an interface of the kernel can be had: each thing that is missing has words of its own.
// On interfaces that the test makes in a network namespace of its own.
#include "device/dpdk/kernel_spec.hpp"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string_view>

#include "device/dpdk/kernel_interface.hpp"
#include "device/dpdk/xdp_claim.hpp"
#include "device/kernel_bed.hpp"

namespace millrace::test {

namespace {

using device::DeviceSpec;

/// Why the device cannot be had; empty if it can.
std::string problem(const std::string& text) {
  const auto spec = DeviceSpec::parse(text);
  if (!spec) {
    return "usage: " + spec.error();
  }
  const auto checked = spec->check_surroundings();
  return checked ? "" : checked.error();
}

void expect_words(const std::string& text, std::string_view words) {
  const std::string said = problem(text);
  EXPECT_NE(said.find(words), std::string::npos) << text << ": " << said;
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
}

/// What `body` returns in a child process.
template <class Body>
std::string in_child(Body body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = body();
    const bool is_written = ::write(ends[1], said.data(), said.size()) >= 0;
    ::_exit(is_written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> piece{};
  for (ssize_t size = 0; (size = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    said.append(piece.data(), static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return said;
}

void drop_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  ::syscall(SYS_capget, &header, data.data());
  data[capability / 32].effective &= ~(1U << capability % 32);
  ::syscall(SYS_capset, &header, data.data());
}

/// As on a kernel that was built without AF_XDP.
void refuse_xdp_sockets() {
  constexpr auto kStatement = [](unsigned code, unsigned value) {
    return sock_filter{static_cast<__u16>(code), 0, 0, value};
  };
  constexpr auto kUnlessEqual = [](unsigned value, unsigned skipped) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, static_cast<__u8>(skipped), value};
  };
  std::array filter{
      kStatement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      kUnlessEqual(SYS_socket, 3),
      kStatement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      kUnlessEqual(AF_XDP, 1),
      kStatement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      kStatement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

class KernelSpec : public ::testing::Test {
 protected:
  void SetUp() override {
    if (namespace_obstacle()) {
      GTEST_SKIP() << *namespace_obstacle();
    }
    pair_.emplace();
  }

  std::optional<VethPair> pair_;
};

TEST_F(KernelSpec, FindsNothingWrong) {
  EXPECT_EQ(problem("af_packet:mrtest0"), "");
  EXPECT_EQ(problem("af_xdp:mrtest0"), "");
}

TEST_F(KernelSpec, NoSuchInterface) {
  for (const char* const text : {"af_packet:nosuch0", "af_xdp:nosuch0"}) {
    expect_words(text, "no interface nosuch0");
    expect_words(text, "ip link lists those there are: lo, ");
    expect_words(text, "mrtest0");
  }
}

TEST_F(KernelSpec, NoEthernet) {
  for (const char* const text : {"af_packet:lo", "af_xdp:lo"}) {
    expect_words(text, "lo is no Ethernet interface");
  }
}

TEST_F(KernelSpec, Down) {
  run("ip link set down dev mrtest0");
  for (const char* const text : {"af_packet:mrtest0", "af_xdp:mrtest0"}) {
    expect_words(text, "mrtest0 is down: bring it up with ip link set mrtest0 up");
  }
}

TEST_F(KernelSpec, NoPermission) {
  struct Case {
    const char* text;
    unsigned capability;
    const char* words;
  };
  constexpr std::array kCases{
      Case{"af_packet:mrtest0", CAP_NET_RAW, "run as root, or with CAP_NET_RAW"},
      Case{"af_packet:mrtest0", CAP_NET_ADMIN, "run as root, or with CAP_NET_ADMIN"},
      Case{"af_xdp:mrtest0", CAP_NET_RAW, "run as root, or with CAP_NET_RAW"},
      Case{"af_xdp:mrtest0", CAP_NET_ADMIN, "run as root, or with CAP_NET_ADMIN"},
      Case{"af_xdp:mrtest0", CAP_SYS_ADMIN, ""},
  };
  for (const Case& c : kCases) {
    const std::string said = in_child([&c] {
      drop_capability(c.capability);
      return problem(c.text);
    });
    EXPECT_NE(said.find(c.words), std::string::npos) << c.text << ": " << said;
    EXPECT_EQ(said.empty(), std::string_view{c.words}.empty()) << said;
  }
  const std::string said = in_child([] {
    drop_capability(CAP_BPF);
    drop_capability(CAP_SYS_ADMIN);
    return problem("af_xdp:mrtest0");
  });
  EXPECT_EQ(said, "no permission for af_xdp:mrtest0: run as root, or with CAP_BPF");
}

TEST_F(KernelSpec, OneProgramAtATimeHasAnInterfaceByXdp) {
  const auto spec = DeviceSpec::parse("af_xdp:mrtest0");
  const auto other = DeviceSpec::parse("af_xdp:mrtest1");
  {
    const auto first = device::XdpClaim::take(*spec);
    ASSERT_TRUE(first.has_value()) << first.error();
    const auto second = device::XdpClaim::take(*spec);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error(),
              "another program has af_xdp:mrtest0: end that one, or name another interface");
    EXPECT_TRUE(device::XdpClaim::take(*other).has_value());
  }
  EXPECT_TRUE(device::XdpClaim::take(*spec).has_value());
  // Whoever is killed holds nothing.
  EXPECT_EQ(in_child([&spec] {
              const auto taken = device::XdpClaim::take(*spec);
              static_cast<void>(::raise(SIGKILL));
              return std::string{taken ? "lived" : "refused"};
            }),
            "");
  EXPECT_TRUE(device::XdpClaim::take(*spec).has_value());
}

TEST_F(KernelSpec, KernelWithoutXdp) {
  const std::string said = in_child([] {
    refuse_xdp_sockets();
    return problem("af_xdp:mrtest0");
  });
  EXPECT_NE(said.find("this kernel gives no AF_XDP sockets"), std::string::npos) << said;
  EXPECT_NE(said.find("use af_packet:mrtest0 instead"), std::string::npos) << said;
}

TEST_F(KernelSpec, TooLittleLockedMemory) {
  const std::string said = in_child([] {
    const rlimit limit{64 << 10U, 64 << 10U};
    ::setrlimit(RLIMIT_MEMLOCK, &limit);
    drop_capability(CAP_IPC_LOCK);
    return problem("af_xdp:mrtest0");
  });
  EXPECT_NE(said.find("KiB of locked memory, and 64 are allowed"), std::string::npos) << said;
}

TEST_F(KernelSpec, MtuBeyondXdp) {
  run("ip link set mtu 9000 dev mrtest0");
  EXPECT_EQ(problem("af_packet:mrtest0"), "");
  expect_words("af_xdp:mrtest0", "mrtest0 has an MTU of 9000");
  expect_words("af_xdp:mrtest0", "ip link set mrtest0 mtu 1500");
}

TEST_F(KernelSpec, SeveralQueues) {
  run("ip link add mrtest2 numrxqueues 2 type veth peer name mrtest3");
  run("ip link set up dev mrtest2");
  run("ethtool -L mrtest2 rx 2");
  EXPECT_EQ(problem("af_packet:mrtest2"), "");
  expect_words("af_xdp:mrtest2", "spreads what it receives over 2 queues");
  expect_words("af_xdp:mrtest2", "ethtool -L mrtest2 rx 1 tx 1");
  run("ethtool -L mrtest2 rx 1 tx 1");
  EXPECT_EQ(problem("af_xdp:mrtest2"), "");
  run("ip link delete mrtest2");
}

TEST_F(KernelSpec, AVethKnowsItsOtherEnd) {
  const auto ours = device::KernelInterface::find(std::string{"mrtest0"});
  ASSERT_TRUE(ours.has_value());
  EXPECT_TRUE(ours->is_veth());
  EXPECT_EQ(ours->peer_name(), "mrtest1");
  const auto loopback = device::KernelInterface::find(std::string{"lo"});
  ASSERT_TRUE(loopback.has_value());
  EXPECT_FALSE(loopback->is_veth());
  EXPECT_EQ(loopback->peer_name(), std::nullopt);
}

}  // namespace

}  // namespace millrace::test
