#include "device/dpdk/kernel_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace millrace::device {

namespace {

bool is_socket_of(int descriptor, int domain) noexcept {
  int found = 0;
  socklen_t size = sizeof(found);
  return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &found, &size) == 0 && found == domain;
}

/// Whether it receives every frame of that interface, as the driver's does.
bool receives_all_of(int socket, unsigned interface_index) noexcept {
  sockaddr_ll address{};
  socklen_t size = sizeof(address);
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.sll_ifindex == static_cast<int>(interface_index) &&
         address.sll_protocol == htons(ETH_P_ALL);
}

void set_option(int socket, int level, int option, int value) noexcept {
  static_cast<void>(::setsockopt(socket, level, option, &value, sizeof(value)));
}

}  // namespace

std::vector<int> open_sockets(int domain) {
  std::vector<int> sockets;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc/self/fd", error}, end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor >= 0 && is_socket_of(descriptor, domain)) {
      sockets.push_back(descriptor);
    }
  }
  return sockets;
}

SocketSearch::SocketSearch(int domain, unsigned interface_index)
    : domain_{domain},
      interface_index_{interface_index},
      before_{domain == AF_XDP ? open_sockets(domain) : std::vector<int>{}} {}

int SocketSearch::find() const {
  if (domain_ != AF_PACKET && domain_ != AF_XDP) {
    return -1;
  }
  for (const int socket : open_sockets(domain_)) {
    const bool is_it = domain_ == AF_XDP ? std::ranges::find(before_, socket) == before_.end()
                                         : receives_all_of(socket, interface_index_);
    if (is_it) {
      return socket;
    }
  }
  return -1;
}

void prepare_driver_socket(int socket) noexcept {
  // Twice the largest ring, each frame counted as the kernel counts it.
  constexpr int kSendBytes = 16 << 20;
  set_option(socket, SOL_SOCKET, SO_SNDBUF, kSendBytes);
  set_option(socket, SOL_SOCKET, SO_SNDBUFFORCE, kSendBytes);
  if (is_socket_of(socket, AF_PACKET)) {
    set_option(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  }
}

void push_driver_socket(int socket) noexcept {
  static_cast<void>(::sendto(socket, nullptr, 0, MSG_DONTWAIT, nullptr, 0));
}

void clear_socket_error(int socket) noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  static_cast<void>(::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size));
}

Promiscuity::Promiscuity(unsigned interface_index) noexcept
    : socket_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)} {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(interface_index);
  request.mr_type = PACKET_MR_PROMISC;
  if (socket_ >= 0 &&
      ::setsockopt(socket_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) != 0) {
    ::close(std::exchange(socket_, -1));
  }
}

Promiscuity::Promiscuity(Promiscuity&& other) noexcept
    : socket_{std::exchange(other.socket_, -1)} {}

Promiscuity& Promiscuity::operator=(Promiscuity&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

Promiscuity::~Promiscuity() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

}  // namespace millrace::device
