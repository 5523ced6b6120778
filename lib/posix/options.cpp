// setsockopt(2) and getsockopt(2) of SOL_SOCKET, with Linux's ranges and errors. What is not known
// is ENOPROTOOPT.
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "posix/option_value.hpp"
#include "posix/sockets.hpp"
#include "posix/timeout_value.hpp"
#include "tcp/tuning_limits.hpp"

namespace millrace::posix {

namespace {

constexpr std::uint32_t kSendBufferMin = 4'608;  // Linux's SOCK_MIN_SNDBUF.
constexpr std::size_t kMemoryNumbers = SK_MEMINFO_VARS;

/// As Linux keeps it: the time only with the switch, and a negative one for ever.
int read_linger(const void* value, socklen_t length, linger& into) noexcept {
  linger wish{};
  if (const int flaw = read_value(value, length, wish); flaw < 0) {
    return flaw;
  }
  into.l_onoff = wish.l_onoff != 0 ? 1 : 0;
  if (into.l_onoff != 0) {
    into.l_linger = wish.l_linger < 0 ? INT_MAX : wish.l_linger;
  }
  return 0;
}

// As Linux: 32 bits or, where there is room for them, 64; all bits set are no limit. A rate of
// zero, which nothing could keep to, is the slowest that there is.
void read_pacing_rate(const void* value, socklen_t length, std::uint64_t& rate) noexcept {
  std::uint64_t wide = UINT64_MAX;
  std::uint32_t narrow = 0;
  if (length == sizeof(wide)) {
    std::memcpy(&wide, value, sizeof(wide));
  } else {
    std::memcpy(&narrow, value, sizeof(narrow));
    wide = narrow == UINT32_MAX ? UINT64_MAX : narrow;
  }
  rate = wide == UINT64_MAX ? 0 : std::max<std::uint64_t>(wide, 1);
}

int write_pacing_rate(std::uint64_t rate, void* value, socklen_t* length) noexcept {
  if (length != nullptr && *length >= sizeof(rate)) {
    return write_value(rate == 0 ? UINT64_MAX : rate, value, length);
  }
  const auto narrow = static_cast<std::uint32_t>(
      rate == 0 ? UINT32_MAX : std::min<std::uint64_t>(rate, UINT32_MAX));
  return write_value(narrow, value, length);
}

}  // namespace

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
  const Pin pin{*this, *file};
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
    default: return -EOPNOTSUPP;  // As Linux, which refuses to set with ENOPROTOOPT.
  }
}

int Sockets::set_socket_option(TcpFile& file, int option, const void* value, socklen_t length) {
  TcpFileOptions& options = file.options;
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  if (option == SO_MAX_PACING_RATE) {
    read_pacing_rate(value, length, options.tuning.max_pacing_rate);
    apply_tuning(file);
    return 0;
  }
  const bool is_on = number != 0;
  switch (option) {
    case SO_REUSEADDR: options.reuse_address = is_on; return 0;
    case SO_REUSEPORT: options.reuse_port = is_on; return 0;
    case SO_BROADCAST: options.broadcast = is_on; return 0;
    case SO_KEEPALIVE:
      options.has_keepalive = is_on;
      static_cast<void>(
          file.native.set_keepalive(is_on ? std::optional{options.keepalive} : std::nullopt));
      return 0;
    case SO_OOBINLINE:
      options.urgent_inline = is_on;
      static_cast<void>(file.native.set_urgent_inline(is_on));
      return 0;
    case SO_LINGER: return read_linger(value, length, options.lingering);
    case SO_SNDBUF:
    case SO_RCVBUF: return set_buffer(file, option, number);
    case SO_RCVLOWAT: set_low_water(file, number); return 0;
    case SO_ZEROCOPY:
      if (number != 0 && number != 1) {
        return -EINVAL;
      }
      options.zero_copy = is_on;
      return 0;
    case SO_TIMESTAMPING: return set_stamps(file, number);
    case SO_RCVTIMEO: return read_timeout(value, length, options.receive_timeout);
    case SO_SNDTIMEO: return read_timeout(value, length, options.send_timeout);
    default: return -ENOPROTOOPT;
  }
}

/// No more than half of the buffer, or nothing would ever be enough. Other than Linux's, the buffer
/// does not grow for it: where it has no room for more, less is enough.
void Sockets::set_low_water(TcpFile& file, int number) {
  TcpFileOptions& options = file.options;
  const std::uint32_t fixed = options.tuning.receive_buffer_bytes;
  const auto most = static_cast<int>(
      std::min(fixed == 0 ? UINT32_MAX : fixed, config_.tcp.receive_buffer_bytes) / 2);
  options.receive_low_water = number < 0 ? most : std::clamp(number, 1, most);
  file.note();
}

int Sockets::set_buffer(TcpFile& file, int option, int number) {
  // As Linux: twice what is asked for, since memory counts and not payload; a negative number is a
  // large one, and what is beyond the limit is the limit.
  const bool sends = option == SO_SNDBUF;
  const std::uint32_t limit =
      (sends ? config_.tcp.send_buffer_bytes : config_.tcp.receive_buffer_bytes) / 2;
  const std::uint32_t bytes = 2 * std::min(static_cast<std::uint32_t>(number), limit);
  if (sends) {
    file.options.tuning.send_buffer_bytes = std::max(bytes, kSendBufferMin);
  } else {
    file.options.tuning.receive_buffer_bytes = std::max(bytes, tcp::kReceiveBufferMin);
  }
  apply_tuning(file);
  return 0;
}

int Sockets::buffer_size(TcpFile& file, int option) {
  const TcpTuning& tuning = file.options.tuning;
  const bool sends = option == SO_SNDBUF;
  const std::uint32_t fixed = sends ? tuning.send_buffer_bytes : tuning.receive_buffer_bytes;
  if (fixed != 0) {
    return static_cast<int>(fixed);
  }
  if (const auto info = file.native.info()) {
    return static_cast<int>(sends ? info->send_buffer : info->receive_buffer);
  }
  const TcpConfig& tcp = config_.tcp;
  return static_cast<int>(
      sends ? std::min(tcp.send_buffer_initial_bytes, tcp.send_buffer_bytes)
            : std::min(tcp.receive_buffer_initial_bytes, tcp.receive_buffer_bytes));
}

/// SO_MEMINFO. What a device still holds of what was sent is not counted for each socket, nothing
/// is set aside beyond what is used, and nothing that TCP has acknowledged is ever dropped.
int Sockets::get_memory(TcpFile& file, void* value, socklen_t* length) {
  const auto info = file.native.info();
  std::array<std::uint32_t, kMemoryNumbers> numbers{};
  numbers[SK_MEMINFO_RMEM_ALLOC] = info ? info->receive_memory : 0;
  numbers[SK_MEMINFO_RCVBUF] = static_cast<std::uint32_t>(buffer_size(file, SO_RCVBUF));
  numbers[SK_MEMINFO_SNDBUF] = static_cast<std::uint32_t>(buffer_size(file, SO_SNDBUF));
  numbers[SK_MEMINFO_WMEM_QUEUED] = info ? info->send_memory : 0;
  return write_value(numbers, value, length);
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
    case SO_ZEROCOPY: number = options.zero_copy ? 1 : 0; break;
    case SO_TIMESTAMPING: number = static_cast<int>(options.stamps); break;
    case SO_DOMAIN: number = AF_INET; break;
    case SO_PROTOCOL: number = IPPROTO_TCP; break;
    case SO_ACCEPTCONN: number = file.is_listening() ? 1 : 0; break;
    case SO_SNDBUF:
    case SO_RCVBUF: number = buffer_size(file, option); break;
    case SO_MEMINFO: return get_memory(file, value, length);
    case SO_MAX_PACING_RATE:
      return write_pacing_rate(options.tuning.max_pacing_rate, value, length);
    case SO_LINGER: return write_value(options.lingering, value, length);
    case SO_RCVTIMEO: return write_value(timeval_of(options.receive_timeout), value, length);
    case SO_SNDTIMEO: return write_value(timeval_of(options.send_timeout), value, length);
    default: return -ENOPROTOOPT;
  }
  return write_value(number, value, length);
}

stack::ConnectionSlot* Sockets::find_slot(const TcpFile& file) {
  return file.has_connection() ? stack_.tcp().find({.index = file.native.index(),
                                                    .generation = file.native.generation()})
                               : nullptr;
}

tcp::Listener* Sockets::find_listener(const TcpFile& file) {
  return file.is_listening() ? stack_.tcp().find_listener(file.listener) : nullptr;
}

/// What was set before there was a connection becomes the connection's. Its TcpTuning it has from
/// its opening.
void Sockets::apply_options(TcpFile& file) {
  if (!file.has_connection()) {
    return;
  }
  const TcpFileOptions& options = file.options;
  const TcpSocket& socket = file.native;
  static_cast<void>(socket.set_urgent_inline(options.urgent_inline));
  apply_ip_options(file);
  if (options.no_delay) {
    static_cast<void>(socket.set_no_delay(true));
  }
  if (options.cork) {
    static_cast<void>(socket.set_cork(true));
  }
  if (!options.quick_acks) {
    static_cast<void>(socket.set_quick_acks(false));
  }
  if (options.has_keepalive) {
    static_cast<void>(socket.set_keepalive(options.keepalive));
  }
  if (options.user_timeout) {
    static_cast<void>(socket.set_user_timeout(*options.user_timeout));
  }
}

}  // namespace millrace::posix
