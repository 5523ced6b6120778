// A client and a server with datagram sockets, and the calls on them as tests want them.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <string>

#include "simulation/posix_pair.hpp"

namespace millrace::test {

inline std::string errno_text(int error) { return "errno " + std::to_string(error); }

/// "198.18.0.1:80".
inline std::string text_of(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return std::string{text} + ':' + std::to_string(ntohs(address.sin_port));
}

struct PosixUdp : testing::Test {
  static constexpr std::uint16_t kPort = 9'000;
  static constexpr std::uint8_t kBroadcast = 255;

  static sockaddr* generic(sockaddr_in& address) {
    return static_cast<sockaddr*>(static_cast<void*>(&address));
  }
  static int socket(PosixHost& host, int flags = 0) {
    return host.sockets().socket(AF_INET, SOCK_DGRAM | flags, 0);
  }
  /// Bound to the port on all addresses.
  static int bound(PosixHost& host, std::uint16_t port, int flags = 0) {
    const int fd = socket(host, flags);
    EXPECT_EQ(host.bind(fd, 0, port), 0);
    return fd;
  }
  /// Of the client's, connected to the server's port.
  int connected(std::uint16_t port = kPort, int flags = 0) {
    const int fd = socket(net.client, flags);
    EXPECT_EQ(net.client.connect(fd, 2, port), 0);
    return fd;
  }
  static ssize_t send_to(PosixHost& host, int fd, std::string text, sockaddr_in to, int flags = 0) {
    const iovec part{.iov_base = text.data(), .iov_len = text.size()};
    return host.sockets().send_to(fd, part, flags, generic(to), sizeof to);
  }
  /// To the server's port.
  ssize_t send(int fd, std::string_view text, std::uint16_t port = kPort) {
    const ssize_t sent = send_to(net.client, fd, std::string{text}, socket_address(2, port));
    net.run_for(50ms);
    return sent;
  }
  static std::string local_name(PosixHost& host, int fd) {
    sockaddr_in name{};
    socklen_t length = sizeof name;
    const int result = host.sockets().getsockname(fd, generic(name), &length);
    return result < 0 ? errno_text(-result) : text_of(name);
  }
  static std::string peer_name(PosixHost& host, int fd) {
    sockaddr_in name{};
    socklen_t length = sizeof name;
    const int result = host.sockets().getpeername(fd, generic(name), &length);
    return result < 0 ? errno_text(-result) : text_of(name);
  }
  static std::uint16_t port_of(PosixHost& host, int fd) {
    const std::string name = local_name(host, fd);
    return static_cast<std::uint16_t>(std::stoi(name.substr(name.find(':') + 1)));
  }
  static int queued(PosixHost& host, int fd, unsigned long what) {
    int bytes = -1;
    const int result = host.sockets().ioctl(fd, what, &bytes);
    return result < 0 ? result : bytes;
  }
  /// A datagram of the client's to where nobody listens, and what comes of it.
  int refused(int flags = SOCK_NONBLOCK) {
    const int fd = connected(9, flags);
    EXPECT_EQ(net.client.send(fd, "x"), 1);
    net.run_for(50ms);
    return fd;
  }

  PosixPair net{PairSetup{}, {.sockets = 8, .udp_sockets = 16, .error_records = 64, .watches = 16}};
};

}  // namespace millrace::test
