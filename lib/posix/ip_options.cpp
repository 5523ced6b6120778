// setsockopt(2) and getsockopt(2) of IPPROTO_TCP and IPPROTO_IP.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "posix/option_value.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr int kKeepaliveSecondsMax = 32'767;
constexpr int kKeepaliveCountMin =
    2;  // RFC 9293 §3.8.4, MUST-29: one probe that is lost says nothing.
constexpr int kKeepaliveCountMax = 127;
constexpr std::size_t kCongestionNameMax = 16;
constexpr std::string_view kCongestion = "reno";
constexpr int kEcnBits = 3;

bool is_within(int number, int least, int most) noexcept {
  return number >= least && number <= most;
}

int set_congestion(const void* value, socklen_t length) noexcept {
  if (length == 0) {
    return -EINVAL;
  }
  if (value == nullptr) {
    return -EFAULT;
  }
  const std::string_view name{static_cast<const char*>(value),
                              std::min<std::size_t>(length, kCongestionNameMax - 1)};
  return name.substr(0, name.find('\0')) == kCongestion ? 0 : -ENOENT;
}

int seconds_of(Duration time) noexcept {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

int Sockets::set_tcp_option(TcpFile& file, int option, const void* value, socklen_t length) {
  TcpFileOptions& options = file.options;
  if (option == TCP_CONGESTION) {
    return set_congestion(value, length);
  }
  int number = 0;
  if (const int flaw = read_value(value, length, number); flaw < 0) {
    return flaw;
  }
  switch (option) {
    case TCP_NODELAY: options.no_delay = number != 0; break;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
      if (!is_within(number, 1, kKeepaliveSecondsMax)) {
        return -EINVAL;
      }
      (option == TCP_KEEPIDLE ? options.keepalive.idle : options.keepalive.interval) =
          std::chrono::seconds{number};
      break;
    case TCP_KEEPCNT:
      if (!is_within(number, kKeepaliveCountMin, kKeepaliveCountMax)) {
        return -EINVAL;
      }
      options.keepalive.count = static_cast<std::uint32_t>(number);
      break;
    case TCP_USER_TIMEOUT:
      if (number < 0) {
        return -EINVAL;
      }
      // Zero is the configured one again.
      options.user_timeout =
          number == 0 ? config_.tcp.user_timeout : Duration{std::chrono::milliseconds{number}};
      break;
    case TCP_FASTOPEN:
      if (number < 0 || file.state() != TcpState::Closed) {
        return -EINVAL;
      }
      options.fast_open = static_cast<std::uint32_t>(number);
      return 0;
    default: return -ENOPROTOOPT;
  }
  apply_options(file);
  return 0;
}

int Sockets::get_tcp_option(TcpFile& file, int option, void* value, socklen_t* length) {
  const TcpFileOptions& options = file.options;
  int number = 0;
  switch (option) {
    case TCP_NODELAY: number = options.no_delay ? 1 : 0; break;
    case TCP_KEEPIDLE: number = seconds_of(options.keepalive.idle); break;
    case TCP_KEEPINTVL: number = seconds_of(options.keepalive.interval); break;
    case TCP_KEEPCNT: number = static_cast<int>(options.keepalive.count); break;
    case TCP_FASTOPEN: number = static_cast<int>(options.fast_open); break;
    case TCP_USER_TIMEOUT: {
      const Duration time = options.user_timeout.value_or(Duration::zero());
      const bool is_default = time == config_.tcp.user_timeout;
      number = is_default
                   ? 0
                   : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
      break;
    }
    case TCP_CONGESTION: {
      std::array<char, kCongestionNameMax> name{};
      kCongestion.copy(name.data(), name.size());
      return write_bytes(name.data(), name.size(), value, length);
    }
    default: return -ENOPROTOOPT;
  }
  return write_value(number, value, length);
}

int Sockets::set_ip_option(TcpFile& file, int option, const void* value, socklen_t length) {
  // IP's options may be one byte, too.
  int number = 0;
  if (length >= sizeof(int)) {
    if (const int flaw = read_value(value, length, number); flaw < 0) {
      return flaw;
    }
  } else if (length >= 1 && value != nullptr) {
    number = *static_cast<const unsigned char*>(value);
  } else if (option == IP_TOS || option == IP_TTL) {
    return value == nullptr && length > 0 ? -EFAULT : -EINVAL;
  }
  switch (option) {
    case IP_TOS:
      file.options.type_of_service = static_cast<std::uint8_t>(number & ~kEcnBits);
      break;
    case IP_TTL:
      if (number != -1 && !is_within(number, 1, UINT8_MAX)) {
        return -EINVAL;
      }
      file.options.time_to_live = number == -1 ? 0 : static_cast<std::uint8_t>(number);
      break;
    default: return -ENOPROTOOPT;
  }
  apply_options(file);
  return 0;
}

int Sockets::get_ip_option(TcpFile& file, int option, void* value, socklen_t* length) {
  int number = 0;
  switch (option) {
    case IP_TOS: number = file.options.type_of_service; break;
    case IP_TTL:
      number = file.options.time_to_live == 0 ? config_.tcp.hop_limit : file.options.time_to_live;
      break;
    default: return -ENOPROTOOPT;
  }
  // As Linux: a value that fits is one byte to whoever has no room for more.
  if (*length < sizeof(int) && *length > 0 && is_within(number, 0, UINT8_MAX)) {
    const auto byte = static_cast<std::uint8_t>(number);
    return write_value(byte, value, length);
  }
  return write_value(number, value, length);
}

}  // namespace millrace::posix
