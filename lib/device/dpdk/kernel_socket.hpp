// The sockets that DPDK's drivers open on the kernel's interfaces. DPDK does not tell of them, but
// they are what a core can sleep on, and what wants a push when frames are left behind.
#pragma once

#include <vector>

namespace millrace::device {

/// The descriptors of this process that are sockets of an address family.
[[nodiscard]] std::vector<int> open_sockets(int domain);

/// Looks for the socket that a driver opens while it is set up. All descriptors stay the driver's.
class SocketSearch {
 public:
  /// Before the driver opens it. `domain` is AF_PACKET or AF_XDP; others are never found.
  SocketSearch(int domain, unsigned interface_index);

  /// Afterwards: the socket, or -1. AF_XDP sockets do not tell their interface, so that one is
  /// found by being new; AF_PACKET sockets do, and may be older.
  [[nodiscard]] int find() const;

 private:
  int domain_;
  unsigned interface_index_;
  std::vector<int> before_;
};

/// Gives the socket room for all frames of a transmit ring, so that the driver never has to wait
/// for some to leave, and keeps the kernel's own frames out of what it receives.
void prepare_driver_socket(int socket) noexcept;

/// Lets the kernel look at the transmit ring again. Never blocks.
void push_driver_socket(int socket) noexcept;

/// Takes a pending error, such as "the interface went down", which would keep it readable for ever.
void clear_socket_error(int socket) noexcept;

/// While it lives, an interface hands up frames to any MAC address. The kernel undoes it with the
/// process at the latest.
class Promiscuity {
 public:
  Promiscuity() noexcept = default;
  explicit Promiscuity(unsigned interface_index) noexcept;
  Promiscuity(Promiscuity&& other) noexcept;
  Promiscuity& operator=(Promiscuity&& other) noexcept;
  ~Promiscuity();

  [[nodiscard]] bool is_on() const noexcept { return socket_ >= 0; }

 private:
  int socket_ = -1;
};

}  // namespace millrace::device
