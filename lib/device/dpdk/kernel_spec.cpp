#include "device/dpdk/kernel_spec.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>

#include "device/dpdk/kernel_interface.hpp"
#include "device/dpdk/umem_pool.hpp"
#include "packet/packet_pool.hpp"

namespace millrace::device {

namespace {

constexpr std::size_t kInterfaceNameMax = IFNAMSIZ - 1;
/// What a user who may not have a TAP can do all the same.
constexpr const char* kWithoutTap =
    "; --device ring needs neither, for a program that connects to itself";

Result<void, std::string> check_name(const DeviceSpec& spec, std::string_view name,
                                     std::string_view example) {
  if (name.empty()) {
    return fail("'" + spec.text + "' lacks the interface's name: write " + std::string{example} +
                ", say");
  }
  if (name.size() > kInterfaceNameMax) {
    return fail("'" + std::string{name} + "' is too long for an interface: at most " +
                std::to_string(kInterfaceNameMax) + " characters");
  }
  // The kernel refuses some, and reads '%' as a pattern; a comma ends the name in DPDK's arguments.
  const bool has_bad_letter = std::ranges::any_of(name, [](char letter) {
    return letter <= ' ' || letter > '~' ||
           std::string_view{"/:,%\"'\\"}.find(letter) != std::string_view::npos;
  });
  if (has_bad_letter || name == "." || name == "..") {
    return fail("'" + std::string{name} +
                "' is no name for an interface: use letters, digits, '-', '_' and '.'");
  }
  return {};
}

struct Driver {
  DeviceKind kind;
  std::string_view name;
  std::string_view example;
  std::string_view arguments;
};

Result<DeviceSpec, std::string> parse_with(const Driver& driver, DeviceSpec spec,
                                           std::string_view name, unsigned index) {
  if (auto checked = check_name(spec, name, driver.example); !checked) {
    return fail(std::move(checked.error()));
  }
  spec.kind = driver.kind;
  spec.name = name;
  spec.port_name = std::string{driver.name} + std::to_string(index);
  spec.eal_arguments = {"--vdev=" + spec.port_name + ",iface=" + spec.name +
                        std::string{driver.arguments}};
  return spec;
}

/// Asked of the kernel directly, since it is one number.
bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  constexpr unsigned kBits = 32;
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data[capability / kBits].effective & (1U << capability % kBits)) != 0;
}

struct Need {
  unsigned capability;
  std::string_view name;
};

Result<void, std::string> check_capabilities(const DeviceSpec& spec, std::span<const Need> needs) {
  std::string missing;
  for (const Need& need : needs) {
    // Before Linux 5.8, and still today, CAP_SYS_ADMIN includes CAP_BPF.
    const bool has = has_capability(need.capability) ||
                     (need.capability == CAP_BPF && has_capability(CAP_SYS_ADMIN));
    if (!has) {
      missing += (missing.empty() ? "" : ", ") + std::string{need.name};
    }
  }
  if (!missing.empty()) {
    return fail("no permission for " + spec.text + ": run as root, or with " + missing);
  }
  return {};
}

std::string list_of_interfaces() {
  constexpr std::size_t kMost = 12;
  const std::vector<std::string> names = interface_names();
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    list += (i == 0 ? "" : ", ") + names[i];
  }
  return list + (names.size() > kMost ? ", ..." : "");
}

Result<KernelInterface, std::string> check_interface(const DeviceSpec& spec) {
  const auto interface = KernelInterface::find(spec.name);
  if (!interface) {
    return fail("no interface " + spec.name + " for " + spec.text +
                "; ip link lists those there are: " + list_of_interfaces());
  }
  if (!interface->is_ethernet) {
    return fail(spec.name + " is no Ethernet interface, and " + spec.text +
                " needs one; ip link tells (link/ether)");
  }
  if (!interface->is_up) {
    return fail(spec.name + " is down: bring it up with ip link set " + spec.name + " up");
  }
  return *interface;
}

/// XDP takes away all that arrives, so that what does not fit a buffer is lost to everyone.
Result<void, std::string> check_xdp_sizes(const DeviceSpec& spec,
                                          const KernelInterface& interface) {
  constexpr std::uint32_t kLongestMtu = packet::CorePools::kDataRoomBytes - 14 - 4;
  if (interface.mtu > kLongestMtu) {
    return fail(spec.name + " has an MTU of " + std::to_string(interface.mtu) + ", and " +
                spec.text + " takes at most " + std::to_string(kLongestMtu) +
                ": lower it with ip link set " + spec.name + " mtu 1500");
  }
  if (interface.rx_queues > 1) {
    return fail(spec.name + " spreads what it receives over " +
                std::to_string(interface.rx_queues) + " queues, and " + spec.text +
                " reads one: make it one with ethtool -L " + spec.name +
                (interface.is_veth() ? " rx 1 tx 1" : " combined 1"));
  }
  return {};
}

/// The buffers that are shared with the kernel are pinned, which counts against a limit.
Result<void, std::string> check_locked_memory(const DeviceSpec& spec) {
  rlimit limit{};
  if (has_capability(CAP_IPC_LOCK) || ::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= UmemPool::kBytes) {
    return {};
  }
  return fail(spec.text + " needs " + std::to_string(UmemPool::kBytes >> 10U) +
              " KiB of locked memory, and " + std::to_string(limit.rlim_cur >> 10U) +
              " are allowed: raise the limit (ulimit -l), or run with CAP_IPC_LOCK");
}

}  // namespace

Result<DeviceSpec, std::string> parse_tap(DeviceSpec spec, std::string_view name, unsigned index) {
  return parse_with({DeviceKind::Tap, "net_tap", "tap:millrace0", ""}, std::move(spec), name,
                    index);
}

Result<DeviceSpec, std::string> parse_af_packet(DeviceSpec spec, std::string_view name,
                                                unsigned index) {
  // A thousand clients that speak at once send thousands of frames before we run again, requests
  // and acknowledgments: of the driver's 512 most would be lost, and each costs a timeout. A frame
  // takes 2 KiB in each of the two rings, 32 MiB together.
  return parse_with({DeviceKind::AfPacket, "net_af_packet", "af_packet:eth0", ",framecnt=8192"},
                    std::move(spec), name, index);
}

Result<DeviceSpec, std::string> parse_af_xdp(DeviceSpec spec, std::string_view name,
                                             unsigned index) {
  return parse_with({DeviceKind::AfXdp, "net_af_xdp", "af_xdp:eth0", ""}, std::move(spec), name,
                    index);
}

/// Only those that somebody made as ours are made: others are not to be advised away.
bool is_tap(const std::string& name) {
  std::error_code error;
  return std::filesystem::exists("/sys/class/net/" + name + "/tun_flags", error);
}

Result<void, std::string> check_tap(const DeviceSpec& spec) {
  const int descriptor = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (descriptor < 0 && (errno == EACCES || errno == EPERM)) {
    return fail("no permission to open /dev/net/tun for " + spec.text +
                ": run as root, or let this user read and write it" + kWithoutTap);
  }
  if (descriptor < 0) {
    return fail(spec.text + " needs /dev/net/tun (" + std::strerror(errno) +
                "): load its module (modprobe tun), or give the container that device" +
                kWithoutTap);
  }
  ::close(descriptor);
  if (!has_capability(CAP_NET_ADMIN)) {
    return fail("no permission to make the interface of " + spec.text +
                ": run as root, or with CAP_NET_ADMIN" + kWithoutTap);
  }
  if (::if_nametoindex(spec.name.c_str()) != 0) {
    return fail("an interface " + spec.name + " exists already: name another" +
                (is_tap(spec.name) ? ", or remove it (ip link delete " + spec.name + ")" : ""));
  }
  return {};
}

Result<void, std::string> check_af_packet(const DeviceSpec& spec) {
  // The driver sets the interface's flags when it starts, if only to what they are.
  constexpr std::array kNeeds{Need{CAP_NET_RAW, "CAP_NET_RAW"},
                              Need{CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
  if (auto interface = check_interface(spec); !interface) {
    return fail(std::move(interface.error()));
  }
  return check_capabilities(spec, kNeeds);
}

Result<void, std::string> check_af_xdp(const DeviceSpec& spec) {
  constexpr std::array kNeeds{Need{CAP_NET_RAW, "CAP_NET_RAW"},
                              Need{CAP_NET_ADMIN, "CAP_NET_ADMIN"}, Need{CAP_BPF, "CAP_BPF"}};
  const auto interface = check_interface(spec);
  if (!interface) {
    return fail(interface.error());
  }
  if (auto permitted = check_capabilities(spec, kNeeds); !permitted) {
    return permitted;
  }
  const int descriptor = ::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return fail("this kernel gives no AF_XDP sockets (" + std::string{std::strerror(errno)} +
                "; it needs CONFIG_XDP_SOCKETS): use af_packet:" + spec.name + " instead");
  }
  ::close(descriptor);
  if (auto sized = check_xdp_sizes(spec, *interface); !sized) {
    return sized;
  }
  return check_locked_memory(spec);
}

}  // namespace millrace::device
