// setsockopt(2) and getsockopt(2) of UDP sockets, with Linux's ranges and errors.
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "posix/option_value.hpp"
#include "posix/sockets.hpp"
#include "posix/timeout_value.hpp"
#include "wire/ipv4.hpp"
#include "wire/udp.hpp"

namespace millrace::posix {

namespace {

constexpr std::uint32_t kReceiveBufferMin = 2'304;  // Linux's SOCK_MIN_RCVBUF.
constexpr std::uint32_t kSendBufferMin = 4'608;     // SOCK_MIN_SNDBUF.
constexpr std::uint32_t kSendBufferMax = 212'992;   // net.core.wmem_max and wmem_default.

/// As Linux: what is asked for is doubled, for what a datagram costs beside its bytes.
std::uint32_t buffer_of(int asked, std::uint32_t least, std::uint32_t most) noexcept {
  const std::uint32_t bytes = std::min(static_cast<std::uint32_t>(asked), most / 2);
  return std::max(2 * bytes, least);
}

/// IP's options may be one byte, too; none is zero.
int read_ip_value(const void* value, socklen_t length, int& into) noexcept {
  if (length >= sizeof(int)) {
    return read_value(value, length, into);
  }
  unsigned char byte = 0;
  if (length > 0) {
    if (const int flaw = read_value(value, length, byte); flaw < 0) {
      return flaw;
    }
  }
  into = byte;
  return 0;
}

bool is_ip_option(int option) noexcept {
  return option == IP_TOS || option == IP_TTL || option == IP_MTU_DISCOVER || option == IP_RECVERR;
}

}  // namespace

int Sockets::setsockopt(UdpFile& file, const OptionName& name, const void* value,
                        socklen_t length) {
  if (static_cast<int>(length) < 0) {
    return -EINVAL;
  }
  switch (name.level) {
    case SOL_SOCKET: return set_socket_option(file, name.option, value, length);
    case IPPROTO_IP: return set_ip_option(file, name.option, value, length);
    case IPPROTO_UDP: return set_udp_option(file, name.option, value, length);
    default: return -ENOPROTOOPT;
  }
}

int Sockets::getsockopt(UdpFile& file, const OptionName& name, void* value, socklen_t* length) {
  if (name.level != SOL_SOCKET && name.level != IPPROTO_IP && name.level != IPPROTO_UDP) {
    return -EOPNOTSUPP;
  }
  if (length == nullptr) {
    return -EFAULT;
  }
  if (static_cast<int>(*length) < 0) {
    return -EINVAL;
  }
  switch (name.level) {
    case SOL_SOCKET: return get_socket_option(file, name.option, value, length);
    case IPPROTO_IP: return get_ip_option(file, name.option, value, length);
    default: break;
  }
  return name.option == UDP_CORK ? write_value(int{file.options.is_corked}, value, length)
                                 : -ENOPROTOOPT;
}

int Sockets::set_socket_option(UdpFile& file, int option, const void* value, socklen_t length) {
  UdpFileOptions& options = file.options;
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  const bool is_on = number != 0;
  switch (option) {
    case SO_REUSEADDR: options.reuse_address = is_on; break;
    case SO_REUSEPORT: options.reuse_port = is_on; break;
    case SO_BROADCAST: options.broadcast = is_on; break;
    case SO_KEEPALIVE: options.keepalive = is_on; break;
    case SO_OOBINLINE: options.urgent_inline = is_on; break;
    case SO_LINGER: return read_value(value, length, options.lingering);
    case SO_RCVBUF:
      options.receive_buffer =
          buffer_of(number, kReceiveBufferMin, config_.udp.receive_queue_bytes);
      break;
    case SO_SNDBUF:
      options.send_buffer = buffer_of(number, kSendBufferMin, 2 * kSendBufferMax);
      break;
    case SO_RCVLOWAT: options.receive_low_water = number < 0 ? INT_MAX : std::max(number, 1); break;
    case SO_RCVTIMEO: return read_timeout(value, length, options.receive_timeout);
    case SO_SNDTIMEO: return read_timeout(value, length, options.send_timeout);
    default: return -ENOPROTOOPT;
  }
  apply_options(file);
  return 0;
}

int Sockets::get_socket_option(UdpFile& file, int option, void* value, socklen_t* length) {
  const UdpFileOptions& options = file.options;
  int number = 0;
  switch (option) {
    case SO_REUSEADDR: number = options.reuse_address ? 1 : 0; break;
    case SO_REUSEPORT: number = options.reuse_port ? 1 : 0; break;
    case SO_BROADCAST: number = options.broadcast ? 1 : 0; break;
    case SO_KEEPALIVE: number = options.keepalive ? 1 : 0; break;
    case SO_OOBINLINE: number = options.urgent_inline ? 1 : 0; break;
    case SO_RCVLOWAT: number = options.receive_low_water; break;
    case SO_RCVBUF: number = static_cast<int>(receive_buffer_of(file)); break;
    case SO_SNDBUF: number = static_cast<int>(send_buffer_of(file)); break;
    case SO_ERROR: number = file.take_error(); break;
    case SO_TYPE: number = SOCK_DGRAM; break;
    case SO_DOMAIN: number = AF_INET; break;
    case SO_PROTOCOL: number = IPPROTO_UDP; break;
    case SO_ACCEPTCONN: number = 0; break;
    case SO_LINGER: return write_value(options.lingering, value, length);
    case SO_RCVTIMEO: return write_value(timeval_of(options.receive_timeout), value, length);
    case SO_SNDTIMEO: return write_value(timeval_of(options.send_timeout), value, length);
    case SO_MEMINFO: return write_value(memory_of(file), value, length);
    default: return -ENOPROTOOPT;
  }
  return write_value(number, value, length);
}

std::uint32_t Sockets::receive_buffer_of(const UdpFile& file) const noexcept {
  return file.options.receive_buffer == 0 ? config_.udp.receive_queue_bytes
                                          : file.options.receive_buffer;
}

std::uint32_t Sockets::send_buffer_of(const UdpFile& file) noexcept {
  return file.options.send_buffer == 0 ? kSendBufferMax : file.options.send_buffer;
}

std::array<std::uint32_t, SK_MEMINFO_VARS> Sockets::memory_of(const UdpFile& file) noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  const stack::UdpSlot* const slot = slot_of(file);
  memory[SK_MEMINFO_RCVBUF] = receive_buffer_of(file);
  memory[SK_MEMINFO_SNDBUF] = send_buffer_of(file);
  if (slot != nullptr) {
    memory[SK_MEMINFO_RMEM_ALLOC] = slot->queue.charge();
    memory[SK_MEMINFO_DROPS] = slot->refused;
  }
  return memory;
}

int Sockets::set_ip_option(UdpFile& file, int option, const void* value, socklen_t length) {
  UdpFileOptions& options = file.options;
  if (!is_ip_option(option)) {
    return -ENOPROTOOPT;
  }
  int number = 0;
  if (const int flaw = read_ip_value(value, length, number); flaw < 0) {
    return flaw;
  }
  switch (option) {
    case IP_TOS: options.type_of_service = static_cast<std::uint8_t>(number); break;
    case IP_TTL:
      if (length == 0 || (number != -1 && (number < 1 || number > UINT8_MAX))) {
        return -EINVAL;
      }
      options.time_to_live = number == -1 ? 0 : static_cast<std::uint8_t>(number);
      break;
    case IP_MTU_DISCOVER:
      // IP_PMTUDISC_INTERFACE would have to forbid cutting here and allow it on the way.
      if (number < IP_PMTUDISC_DONT || number > IP_PMTUDISC_OMIT ||
          number == IP_PMTUDISC_INTERFACE) {
        return -EINVAL;
      }
      options.mtu_discover = number;
      break;
    default:
      options.wants_errors = number != 0;
      if (number == 0) {
        file.errors.clear();
      }
      break;
  }
  apply_options(file);
  return 0;
}

int Sockets::get_ip_option(UdpFile& file, int option, void* value, socklen_t* length) {
  const UdpFileOptions& options = file.options;
  int number = 0;
  switch (option) {
    case IP_TOS: number = options.type_of_service; break;
    case IP_TTL:
      number = options.time_to_live == 0 ? config_.udp.hop_limit : options.time_to_live;
      break;
    case IP_MTU_DISCOVER: number = options.mtu_discover; break;
    case IP_RECVERR: number = options.wants_errors ? 1 : 0; break;
    case IP_MTU:
      if (!file.is_connected()) {
        return -ENOTCONN;
      }
      number = static_cast<int>(path_mtu_of(file));
      break;
    default: return -ENOPROTOOPT;
  }
  // As Linux: a value that fits is one byte to whoever has no room for more.
  if (*length < sizeof(int) && *length > 0 && number >= 0 && number <= UINT8_MAX) {
    return write_value(static_cast<std::uint8_t>(number), value, length);
  }
  return write_value(number, value, length);
}

/// The largest IP datagram that leaves in one piece.
std::uint32_t Sockets::path_mtu_of(const UdpFile& file) noexcept {
  constexpr std::size_t kHeaders = wire::kIpv4HeaderSize + wire::kUdpHeaderSize;
  return static_cast<std::uint32_t>(file.native.payload_max().value_or(0) + kHeaders);
}

int Sockets::set_udp_option(UdpFile& file, int option, const void* value, socklen_t length) {
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  if (option != UDP_CORK) {
    return -ENOPROTOOPT;
  }
  if (number != 0) {
    file.options.is_corked = true;
    return 0;
  }
  const Pin pin{*this, file};
  const ssize_t left = persist(
      file,
      {.may_wait = !file.is_nonblocking, .timeout = file.options.send_timeout, .too_late = -EAGAIN},
      [&] { return uncork(file); });
  // What could not leave is corked as before.
  file.options.is_corked = file.options.is_corked && file.corked;
  // As Linux: pulling succeeds whatever becomes of the datagram, but for one that is still there.
  return left == -EAGAIN || left == -EINTR ? static_cast<int>(left) : 0;
}

}  // namespace millrace::posix
