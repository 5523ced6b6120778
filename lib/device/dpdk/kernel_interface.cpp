// Asks by ioctl: sysfs shows the namespace in which it was mounted, which need not be ours.
#include "device/dpdk/kernel_interface.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace millrace::device {

namespace {

/// The descriptor that questions about interfaces are asked through.
class Questions {
 public:
  explicit Questions(const std::string& interface)
      : descriptor_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}, interface_{interface} {}
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;
  ~Questions() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  /// Empty if the kernel does not answer.
  [[nodiscard]] std::optional<ifreq> ask(unsigned long what) const {
    ifreq request{};
    interface_.copy(request.ifr_name, IFNAMSIZ - 1);
    return ::ioctl(descriptor_, what, &request) == 0 ? std::optional{request} : std::nullopt;
  }
  /// `answer` starts with the number of an ethtool command.
  [[nodiscard]] bool ask_driver(void* answer) const {
    ifreq request{};
    interface_.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = static_cast<char*>(answer);
    return ::ioctl(descriptor_, SIOCETHTOOL, &request) == 0;
  }

 private:
  int descriptor_;
  const std::string& interface_;
};

unsigned rx_queues_of(const Questions& questions) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  // Who has no channels has one stream of frames.
  return questions.ask_driver(&channels) ? std::max(channels.rx_count + channels.combined_count, 1U)
                                         : 1U;
}

/// A veth tells the index of its other end among its statistics.
unsigned veth_peer_index(const Questions& questions, unsigned statistics) {
  constexpr unsigned kMost = 4'096;
  if (statistics == 0 || statistics > kMost) {
    return 0;
  }
  std::vector<std::byte> names(sizeof(ethtool_gstrings) +
                               std::size_t{statistics} * ETH_GSTRING_LEN);
  const ethtool_gstrings ask_names{
      .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = statistics};
  std::memcpy(names.data(), &ask_names, sizeof(ask_names));
  std::vector<std::byte> values(sizeof(ethtool_stats) + std::size_t{statistics} * sizeof(__u64));
  const ethtool_stats ask_values{.cmd = ETHTOOL_GSTATS, .n_stats = statistics};
  std::memcpy(values.data(), &ask_values, sizeof(ask_values));
  if (!questions.ask_driver(names.data()) || !questions.ask_driver(values.data())) {
    return 0;
  }
  for (unsigned i = 0; i < statistics; ++i) {
    std::array<char, ETH_GSTRING_LEN + 1> name{};
    std::memcpy(name.data(), &names[sizeof(ethtool_gstrings) + std::size_t{i} * ETH_GSTRING_LEN],
                ETH_GSTRING_LEN);
    if (std::string_view{name.data()} == "peer_ifindex") {
      __u64 value = 0;
      std::memcpy(&value, &values[sizeof(ethtool_stats) + std::size_t{i} * sizeof(value)],
                  sizeof(value));
      return static_cast<unsigned>(value);
    }
  }
  return 0;
}

void ask_driver_of(const Questions& questions, KernelInterface& interface) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!questions.ask_driver(&info)) {
    return;
  }
  interface.driver.assign(info.driver, ::strnlen(info.driver, sizeof(info.driver)));
  if (interface.is_veth()) {
    interface.peer_index = veth_peer_index(questions, info.n_stats);
  }
}

}  // namespace

std::optional<KernelInterface> KernelInterface::find(const std::string& name) {
  const Questions questions{name};
  const auto index = questions.ask(SIOCGIFINDEX);
  const auto flags = questions.ask(SIOCGIFFLAGS);
  const auto mtu = questions.ask(SIOCGIFMTU);
  const auto address = questions.ask(SIOCGIFHWADDR);
  if (!index || !flags || !mtu || !address) {
    return std::nullopt;
  }
  KernelInterface interface;
  interface.name = name;
  interface.index = static_cast<unsigned>(index->ifr_ifindex);
  interface.is_ethernet = address->ifr_hwaddr.sa_family == ARPHRD_ETHER;
  interface.is_up = (flags->ifr_flags & IFF_UP) != 0;
  interface.is_running = interface.is_up && (flags->ifr_flags & IFF_RUNNING) != 0;
  interface.mtu = static_cast<std::uint32_t>(mtu->ifr_mtu);
  interface.rx_queues = rx_queues_of(questions);
  ask_driver_of(questions, interface);
  return interface;
}

std::optional<KernelInterface> KernelInterface::find(unsigned index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) == nullptr ? std::nullopt
                                                         : find(std::string{name.data()});
}

std::optional<std::string> KernelInterface::peer_name() const {
  if (peer_index == 0 || peer_index == index) {
    return std::nullopt;
  }
  // Another namespace may use the same number for something else: the other end must point back.
  const auto peer = find(peer_index);
  return peer && peer->is_veth() && peer->peer_index == index ? std::optional{peer->name}
                                                              : std::nullopt;
}

std::vector<std::string> interface_names() {
  std::vector<std::string> names;
  struct if_nameindex* const all = ::if_nameindex();
  if (all == nullptr) {
    return names;
  }
  for (const struct if_nameindex* entry = all; entry->if_index != 0; ++entry) {
    names.emplace_back(entry->if_name);
  }
  ::if_freenameindex(all);
  return names;
}

}  // namespace millrace::device
