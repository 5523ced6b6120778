#include "device/kernel_bed.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace millrace::test {

const std::optional<std::string>& namespace_obstacle() {
  static const std::optional<std::string> reason = []() -> std::optional<std::string> {
    if (::unshare(CLONE_NEWNET) != 0) {
      return std::string{"no network namespace of our own: "} + std::strerror(errno);
    }
    // Kernels without IPv6 lack the file, and have nothing to silence.
    std::ofstream{"/proc/sys/net/ipv6/conf/default/disable_ipv6"} << "1";
    return std::nullopt;
  }();
  return reason;
}

std::string run(const std::string& command) {
  std::string output;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    ADD_FAILURE() << "cannot run " << command;
    return output;
  }
  std::array<char, 512> piece{};
  while (const std::size_t size = std::fread(piece.data(), 1, piece.size(), pipe)) {
    output.append(piece.data(), size);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command << ": " << output;
  return output;
}

VethPair::VethPair() {
  run(std::string{"ip link add "} + kOurs + " type veth peer name " + kPeer);
  for (const char* const end : {kOurs, kPeer}) {
    run(std::string{"ip link set "} + end + " up");
  }
}

VethPair::~VethPair() { run(std::string{"ip link delete "} + kOurs); }

KernelEnd::KernelEnd(std::string interface, std::uint16_t type)
    : interface_{std::move(interface)},
      socket_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(type))} {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(type);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface_.c_str()));
  is_bound_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

KernelEnd::~KernelEnd() { ::close(socket_); }

bool KernelEnd::send(const Bytes& frame) const {
  return ::send(socket_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

Bytes KernelEnd::receive() const {
  pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
  Bytes frame(2'048);
  const ssize_t size =
      ::poll(&waiting, 1, 1'000) == 1 ? ::recv(socket_, frame.data(), frame.size(), 0) : 0;
  frame.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return frame;
}

MacAddress KernelEnd::mac() const {
  ifreq request{};
  interface_.copy(request.ifr_name, IFNAMSIZ - 1);
  ::ioctl(socket_, SIOCGIFHWADDR, &request);
  std::array<std::uint8_t, 6> bytes{};
  std::copy_n(request.ifr_hwaddr.sa_data, 6, bytes.begin());
  return MacAddress{bytes};
}

int KernelEnd::mtu() const {
  ifreq request{};
  interface_.copy(request.ifr_name, IFNAMSIZ - 1);
  ::ioctl(socket_, SIOCGIFMTU, &request);
  return request.ifr_mtu;
}

void await_frames(const device::Device& receiver, int milliseconds) {
  pollfd waiting{.fd = receiver.wake_descriptor(), .events = POLLIN, .revents = 0};
  ::poll(&waiting, 1, milliseconds);
}

}  // namespace millrace::test
