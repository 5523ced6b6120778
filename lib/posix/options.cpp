// setsockopt(2) and getsockopt(2) of SOL_SOCKET, with Linux's ranges and errors. What is not known
// is ENOPROTOOPT.
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "posix/option_value.hpp"
#include "posix/sockets.hpp"
#include "posix/timeout_value.hpp"

namespace millrace::posix {

int Sockets::setsockopt(int fd, int level, int option, const void* value, socklen_t length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return setsockopt(*udp, {.level = level, .option = option}, value, length);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if (static_cast<int>(length) < 0) {
    return -EINVAL;
  }
  switch (level) {
    case SOL_SOCKET: return set_socket_option(*file, option, value, length);
    case IPPROTO_TCP: return set_tcp_option(*file, option, value, length);
    case IPPROTO_IP: return set_ip_option(*file, option, value, length);
    default: return -ENOPROTOOPT;
  }
}

int Sockets::getsockopt(int fd, int level, int option, void* value, socklen_t* length) {
  if (UdpFile* const udp = find_udp(fd)) {
    return getsockopt(*udp, {.level = level, .option = option}, value, length);
  }
  int error = 0;
  TcpFile* const file = find_tcp(fd, error);
  if (file == nullptr) {
    return error;
  }
  if (length == nullptr) {
    return -EFAULT;
  }
  if (static_cast<int>(*length) < 0) {
    return -EINVAL;
  }
  switch (level) {
    case SOL_SOCKET: return get_socket_option(*file, option, value, length);
    case IPPROTO_TCP: return get_tcp_option(*file, option, value, length);
    case IPPROTO_IP: return get_ip_option(*file, option, value, length);
    default: return -ENOPROTOOPT;
  }
}

int Sockets::set_socket_option(TcpFile& file, int option, const void* value, socklen_t length) {
  TcpFileOptions& options = file.options;
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  const bool is_on = number != 0;
  switch (option) {
    case SO_REUSEADDR: options.reuse_address = is_on; return 0;
    case SO_REUSEPORT: options.reuse_port = is_on; return 0;
    case SO_BROADCAST: options.broadcast = is_on; return 0;
    case SO_KEEPALIVE: options.has_keepalive = is_on; break;
    case SO_OOBINLINE: options.urgent_inline = is_on; break;
    case SO_LINGER: return read_value(value, length, options.lingering);
    case SO_RCVLOWAT:
      options.receive_low_water = number < 0 ? INT_MAX : std::max(number, 1);
      file.note();
      return 0;
    case SO_RCVTIMEO: return read_timeout(value, length, options.receive_timeout);
    case SO_SNDTIMEO: return read_timeout(value, length, options.send_timeout);
    default: return -ENOPROTOOPT;
  }
  apply_options(file);
  return 0;
}

int Sockets::get_socket_option(TcpFile& file, int option, void* value, socklen_t* length) {
  const TcpFileOptions& options = file.options;
  int number = 0;
  switch (option) {
    case SO_REUSEADDR: number = options.reuse_address ? 1 : 0; break;
    case SO_REUSEPORT: number = options.reuse_port ? 1 : 0; break;
    case SO_BROADCAST: number = options.broadcast ? 1 : 0; break;
    case SO_KEEPALIVE: number = options.has_keepalive ? 1 : 0; break;
    case SO_OOBINLINE: number = options.urgent_inline ? 1 : 0; break;
    case SO_RCVLOWAT: number = options.receive_low_water; break;
    case SO_ERROR: number = file.take_error(); break;
    case SO_TYPE: number = SOCK_STREAM; break;
    case SO_DOMAIN: number = AF_INET; break;
    case SO_PROTOCOL: number = IPPROTO_TCP; break;
    case SO_ACCEPTCONN: number = file.is_listening() ? 1 : 0; break;
    case SO_LINGER: return write_value(options.lingering, value, length);
    case SO_RCVTIMEO: return write_value(timeval_of(options.receive_timeout), value, length);
    case SO_SNDTIMEO: return write_value(timeval_of(options.send_timeout), value, length);
    default: return -ENOPROTOOPT;
  }
  return write_value(number, value, length);
}

/// What was set before there was a connection, or a moment ago, becomes the connection's.
void Sockets::apply_options(TcpFile& file) {
  if (!file.has_connection()) {
    return;
  }
  const TcpFileOptions& options = file.options;
  const TcpSocket& socket = file.native;
  static_cast<void>(socket.set_urgent_inline(options.urgent_inline));
  static_cast<void>(socket.set_no_delay(options.no_delay));
  static_cast<void>(socket.set_keepalive(options.has_keepalive ? std::optional{options.keepalive}
                                                               : std::nullopt));
  static_cast<void>(socket.set_dscp(static_cast<std::uint8_t>(options.type_of_service >> 2U)));
  static_cast<void>(socket.set_hop_limit(options.time_to_live == 0 ? config_.tcp.hop_limit
                                                                   : options.time_to_live));
  if (options.user_timeout) {
    static_cast<void>(socket.set_user_timeout(*options.user_timeout));
  }
}

}  // namespace millrace::posix
