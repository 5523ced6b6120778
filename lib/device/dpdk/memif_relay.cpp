// Messages are datagrams of fixed size over a Unix socket, some with a descriptor; the protocol is
// that of memif's control channel, version 2.
#include "device/dpdk/memif_relay.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace millrace::device {

namespace {

sockaddr_un address_of(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

OwnDescriptor make_socket() noexcept {
  return OwnDescriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
}

OwnDescriptor connect_to(const std::string& path) noexcept {
  OwnDescriptor connection = make_socket();
  const sockaddr_un address = address_of(path);
  if (connection && ::connect(connection.number(), reinterpret_cast<const sockaddr*>(&address),
                              sizeof(address)) != 0) {
    connection.close();
  }
  return connection;
}

OwnDescriptor accept_from(const OwnDescriptor& listener) noexcept {
  return OwnDescriptor{
      ::accept4(listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
}

Result<OwnDescriptor, std::string> listen_at(const std::string& path) {
  OwnDescriptor listener = make_socket();
  const sockaddr_un address = address_of(path);
  constexpr int kBacklog = 4;
  if (!listener ||
      ::bind(listener.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
          0 ||
      ::listen(listener.number(), kBacklog) != 0) {
    return fail("cannot serve the socket " + path + ": " + std::strerror(errno));
  }
  return listener;
}

enum class Received : std::uint8_t { Message, Nothing, End };

// Room for the sender's credentials as well, which memif's sockets ask for.
constexpr std::size_t kControlBytes =
    CMSG_SPACE(MemifMessage::kDescriptorsMax * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

void keep_descriptors(const cmsghdr& control, MemifMessage& message) noexcept {
  const std::size_t count = (control.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(&control) + i * sizeof(int), sizeof(int));
    OwnDescriptor descriptor{number};
    if (message.descriptor_count < MemifMessage::kDescriptorsMax) {
      message.descriptors[message.descriptor_count++] = std::move(descriptor);
    }
  }
}

Received receive(const OwnDescriptor& from, MemifMessage& message) noexcept {
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
  iovec part{.iov_base = message.bytes.data(), .iov_len = message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(from.number(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Received::Nothing;
  }
  if (size <= 0) {
    return Received::End;
  }
  message.size = static_cast<std::size_t>(size);
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
      keep_descriptors(*item, message);
    }
  }
  return Received::Message;
}

bool send(const OwnDescriptor& to, MemifMessage& message) noexcept {
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
  iovec part{.iov_base = message.bytes.data(), .iov_len = message.size};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (message.descriptor_count > 0) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(message.descriptor_count * sizeof(int));
    cmsghdr* const item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(message.descriptor_count * sizeof(int));
    for (std::size_t i = 0; i < message.descriptor_count; ++i) {
      const int number = message.descriptors[i].number();
      std::memcpy(CMSG_DATA(item) + i * sizeof(int), &number, sizeof(int));
    }
  }
  return ::sendmsg(to.number(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size);
}

}  // namespace

Result<std::unique_ptr<MemifRelay>, std::string> MemifRelay::make(const DeviceSpec& spec,
                                                                  std::string driver_path) {
  std::unique_ptr<MemifRelay> relay{new MemifRelay{spec, std::move(driver_path)}};
  auto listener = listen_at(relay->serves_ ? relay->path_ : relay->driver_path_);
  if (!listener) {
    return fail(std::move(listener.error()));
  }
  relay->listener_ = std::move(*listener);
  return relay;
}

MemifRelay::~MemifRelay() {
  // A listener that was never bound leaves the file to whoever made it.
  if (listener_) {
    ::unlink(serves_ ? path_.c_str() : driver_path_.c_str());
  }
}

bool MemifRelay::run() noexcept {
  if (!peer_) {
    if (serves_) {
      find_peer_to_serve();
    } else {
      find_server();
    }
    return true;
  }
  if (serves_) {
    accept_from(listener_).close();  // There is room for one peer; a second one is told at once.
  }
  return hand_on_from_peer() && hand_on_from_driver();
}

void MemifRelay::hang_up() noexcept {
  is_introduced_ = false;
  introduction_ = {};
  peer_.close();
  if (std::exchange(driver_knows_peer_, false) || !serves_) {
    driver_.close();
    greeting_.size = 0;
  }
}

/// The driver is called before anybody asks for it, and what it says first is waited for: it
/// forgets to take a caller back off its list who hangs up before that, and ends the process.
void MemifRelay::find_peer_to_serve() noexcept {
  if (!driver_) {
    driver_ = connect_to(driver_path_);
  }
  if (driver_ && greeting_.size == 0 && receive(driver_, greeting_) == Received::End) {
    driver_.close();
  }
  peer_ = greeting_.size > 0 ? accept_from(listener_) : OwnDescriptor{};
  if (peer_ && !send(peer_, greeting_)) {
    peer_.close();
  }
}

void MemifRelay::find_server() noexcept {
  if (!driver_) {
    driver_ = accept_from(listener_);
  }
  peer_ = driver_ ? connect_to(path_) : OwnDescriptor{};
}

/// Once introduced, a peer has nothing to say but good-bye. That is kept from the driver: it would
/// unmap its rings at once.
bool MemifRelay::hand_on_from_peer() noexcept {
  for (;;) {
    MemifMessage message;
    const Received received = receive(peer_, message);
    if (received == Received::Nothing) {
      return true;
    }
    // A good-bye is never allowed, and nothing is once the two know each other.
    const bool is_allowed = serves_ ? introduction_.allows_from_client(message)
                                    : introduction_.allows_from_server(message);
    if (received == Received::End || is_introduced_ || !is_allowed) {
      return false;
    }
    driver_knows_peer_ = true;
    is_introduced_ = message.type() == (serves_ ? MemifType::Connect : MemifType::Connected);
    if (!send(driver_, message)) {
      return false;
    }
  }
}

bool MemifRelay::hand_on_from_driver() noexcept {
  for (;;) {
    MemifMessage message;
    const Received received = receive(driver_, message);
    if (received == Received::Nothing) {
      return true;
    }
    introduction_.note_from_driver(message);
    if (received == Received::End || !send(peer_, message)) {
      return false;
    }
  }
}

}  // namespace millrace::device
