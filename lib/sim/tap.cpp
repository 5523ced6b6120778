#include "sim/tap.hpp"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace millrace::sim {

namespace {

using Outcome = Result<void, std::string>;

constexpr unsigned kAddressBits = 32;

std::unexpected<std::string> failure(const std::string& what, int error) {
  return fail(what + ": " + std::generic_category().message(error));
}

/// The calling thread is in a network namespace as long as this lives.
class Stay {
 public:
  /// Empty name: it stays where it is.
  [[nodiscard]] static Result<Stay, std::string> in(const std::string& name) {
    if (name.empty()) {
      return Stay{-1};
    }
    const std::string path = "/run/netns/" + name;
    Stay stay{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    const int there = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    int error = stay.home_ < 0 || there < 0 ? errno : 0;
    if (error == 0 && ::setns(there, CLONE_NEWNET) != 0) {
      error = errno;
    }
    if (there >= 0) {
      ::close(there);
    }
    if (error == 0) {
      stay.is_away_ = true;
      return stay;
    }
    return failure("network namespace " + path, error);
  }
  Stay(Stay&& other) noexcept
      : home_{std::exchange(other.home_, -1)}, is_away_{std::exchange(other.is_away_, false)} {}
  Stay& operator=(Stay&&) = delete;
  ~Stay() {
    if (is_away_) {
      // One may always return to where one was, and nothing could be done about it otherwise.
      static_cast<void>(::setns(home_, CLONE_NEWNET));
    }
    if (home_ >= 0) {
      ::close(home_);
    }
  }

 private:
  explicit Stay(int home) noexcept : home_{home} {}

  int home_;
  bool is_away_ = false;
};

sockaddr_in ipv4_address(const IpAddress& address) {
  const auto bytes = address.v4_bytes();
  sockaddr_in made{};
  made.sin_family = AF_INET;
  std::memcpy(&made.sin_addr, bytes.data(), bytes.size());
  return made;
}

IpAddress mask_of(const IpPrefix& prefix) {
  const std::uint64_t bits = ~std::uint64_t{0} << (kAddressBits - prefix.length());
  const auto byte = [bits](unsigned at) { return static_cast<std::uint8_t>(bits >> at); };
  return IpAddress::v4(byte(24), byte(16), byte(8), byte(0));
}

template <class To>
void put_address(To& field, const IpAddress& address) {
  const sockaddr_in made = ipv4_address(address);
  static_assert(sizeof(field) >= sizeof(made));
  std::memcpy(&field, &made, sizeof(made));
}

/// Sets an interface up, by requests to a socket in its namespace.
class Configurator {
 public:
  explicit Configurator(const TapSetup& setup)
      : setup_{setup}, socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {}
  Configurator(const Configurator&) = delete;
  Configurator& operator=(const Configurator&) = delete;
  ~Configurator() {
    if (socket_ >= 0) {
      ::close(socket_);
    }
  }

  [[nodiscard]] Outcome run() {
    using Step = Outcome (Configurator::*)();
    constexpr std::array<Step, 6> kSteps{&Configurator::set_mac,       &Configurator::set_mtu,
                                         &Configurator::stop_offloads, &Configurator::set_address,
                                         &Configurator::go_up,         &Configurator::add_routes};
    for (const Step step : kSteps) {
      if (auto done = (this->*step)(); !done) {
        return done;
      }
    }
    return {};
  }

 private:
  [[nodiscard]] ifreq request() const {
    ifreq made{};
    std::ranges::copy(setup_.name, made.ifr_name);
    return made;
  }
  [[nodiscard]] Outcome ask(unsigned long what, void* request, const char* purpose) const {
    if (::ioctl(socket_, what, request) == 0) {
      return {};
    }
    return failure("TAP " + setup_.name + ": " + purpose, errno);
  }

  Outcome set_mac() {
    ifreq made = request();
    made.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(made.ifr_hwaddr.sa_data, setup_.mac.bytes().data(), MacAddress::kSize);
    return ask(SIOCSIFHWADDR, &made, "its MAC address");
  }
  Outcome set_mtu() {
    ifreq made = request();
    made.ifr_mtu = setup_.mtu;
    return ask(SIOCSIFMTU, &made, "its MTU");
  }
  Outcome stop_offloads();
  [[nodiscard]] Outcome set_feature(std::uint32_t command, std::uint32_t value) const;
  [[nodiscard]] Result<std::uint32_t, std::string> feature(std::uint32_t command) const;

  Outcome set_address() {
    ifreq made = request();
    put_address(made.ifr_addr, setup_.address.address());
    if (auto done = ask(SIOCSIFADDR, &made, "its address"); !done) {
      return done;
    }
    put_address(made.ifr_netmask, mask_of(setup_.address));
    return ask(SIOCSIFNETMASK, &made, "its prefix");
  }
  Outcome go_up() {
    ifreq made = request();
    if (auto done = ask(SIOCGIFFLAGS, &made, "its flags"); !done) {
      return done;
    }
    made.ifr_flags = static_cast<short>(made.ifr_flags | IFF_UP);
    return ask(SIOCSIFFLAGS, &made, "to set it up");
  }
  Outcome add_routes() {
    for (const IpPrefix& route : setup_.routes) {
      std::string name = setup_.name;
      rtentry made{};
      put_address(made.rt_dst, route.network());
      put_address(made.rt_genmask, mask_of(route));
      put_address(made.rt_gateway, setup_.gateway.value_or(IpAddress{}));
      made.rt_flags = RTF_UP | RTF_GATEWAY;
      made.rt_dev = name.data();
      if (auto done = ask(SIOCADDRT, &made, "a route"); !done) {
        return done;
      }
    }
    return {};
  }

  const TapSetup& setup_;
  int socket_;
};

Result<std::uint32_t, std::string> Configurator::feature(std::uint32_t command) const {
  ethtool_value value{.cmd = command, .data = 0};
  ifreq made = request();
  made.ifr_data = static_cast<char*>(static_cast<void*>(&value));
  if (auto done = ask(SIOCETHTOOL, &made, "its offloads"); !done) {
    return fail(std::move(done.error()));
  }
  return value.data;
}

Outcome Configurator::set_feature(std::uint32_t command, std::uint32_t value) const {
  ethtool_value wanted{.cmd = command, .data = value};
  ifreq made = request();
  made.ifr_data = static_cast<char*>(static_cast<void*>(&wanted));
  return ask(SIOCETHTOOL, &made, "its offloads");
}

Outcome Configurator::stop_offloads() {
  struct Offload {
    const char* name;
    std::uint32_t get;
    std::uint32_t set;
  };
  constexpr std::array<Offload, 4> kOffloads{{{"segmentation", ETHTOOL_GTSO, ETHTOOL_STSO},
                                              {"checksums", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
                                              {"late segmentation", ETHTOOL_GGSO, ETHTOOL_SGSO},
                                              {"joining of segments", ETHTOOL_GGRO, ETHTOOL_SGRO}}};
  for (const Offload& offload : kOffloads) {
    auto is_on = feature(offload.get);
    if (is_on && *is_on != 0) {
      static_cast<void>(set_feature(offload.set, 0));
      is_on = feature(offload.get);
    }
    if (!is_on) {
      return fail(std::move(is_on.error()));
    }
    if (*is_on != 0) {
      return fail("TAP " + setup_.name + ": its " + offload.name + " cannot be switched off");
    }
  }
  return {};
}

Result<int, std::string> open_interface(const TapSetup& setup) {
  const int descriptor = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return failure("TAP " + setup.name + ": /dev/net/tun", errno);
  }
  ifreq made{};
  std::ranges::copy(setup.name, made.ifr_name);
  // Frames without a header of the driver's, and an interface that is nobody else's.
  made.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  if (::ioctl(descriptor, TUNSETIFF, &made) == 0) {
    return descriptor;
  }
  const int error = errno;
  ::close(descriptor);
  switch (error) {
    case EPERM: return fail("TAP " + setup.name + ": CAP_NET_ADMIN is needed to make it");
    case EEXIST:
    case EBUSY: return fail("TAP " + setup.name + ": there is an interface of that name");
    default: return failure("TAP " + setup.name, error);
  }
}

}  // namespace

Result<Tap, std::string> Tap::open(const TapSetup& setup) {
  if (setup.name.empty() || setup.name.size() >= IFNAMSIZ) {
    return fail("TAP " + setup.name + ": a name of 1 to 15 characters is needed");
  }
  auto stay = Stay::in(setup.network_namespace);
  if (!stay) {
    return fail(std::move(stay.error()));
  }
  const auto descriptor = open_interface(setup);
  if (!descriptor) {
    return fail(descriptor.error());
  }
  Tap tap{*descriptor};
  if (auto done = Configurator{setup}.run(); !done) {
    return fail(std::move(done.error()));
  }
  return tap;
}

Tap::~Tap() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

Result<std::size_t, std::string> Tap::read(std::span<std::byte> into) {
  const ssize_t bytes = ::read(descriptor_, into.data(), into.size());
  if (bytes > 0) {
    return static_cast<std::size_t>(bytes);
  }
  if (bytes == 0) {
    return fail(std::string{"the TAP is gone"});
  }
  if (errno == EAGAIN || errno == EINTR) {
    return std::size_t{0};
  }
  return failure("reading from the TAP", errno);
}

Result<bool, std::string> Tap::write(std::span<const std::byte> frame) {
  if (::write(descriptor_, frame.data(), frame.size()) >= 0) {
    return true;
  }
  // The last two: short of memory, or it cannot be a frame, such as one cut down to a few bytes.
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM || errno == EINVAL) {
    return false;
  }
  return failure("writing to the TAP", errno);
}

}  // namespace millrace::sim
