// setsockopt(2) and getsockopt(2) of IPPROTO_IP for TCP sockets.
#include <netinet/in.h>

#include <cerrno>
#include <climits>
#include <cstdint>

#include "posix/option_value.hpp"
#include "posix/sockets.hpp"

namespace millrace::posix {

namespace {

constexpr int kEcnBits = 3;

bool is_within(int number, int least, int most) noexcept {
  return number >= least && number <= most;
}

bool can_be_set(int option) noexcept {
  return option == IP_TOS || option == IP_TTL || option == IP_MTU_DISCOVER ||
         option == IP_RECVERR || option == IP_FREEBIND;
}

/// IP's options may be one byte, too; of none Linux makes a zero.
int read_number(const void* value, socklen_t length, int& number) noexcept {
  if (length >= sizeof(int)) {
    return read_value(value, length, number);
  }
  if (length == 0) {
    return 0;
  }
  std::uint8_t byte = 0;
  const int flaw = read_value(value, length, byte);
  number = byte;
  return flaw;
}

}  // namespace

int Sockets::set_ip_option(TcpFile& file, int option, const void* value, socklen_t length) {
  if (!can_be_set(option)) {
    return -ENOPROTOOPT;
  }
  int number = 0;
  if (const int flaw = read_number(value, length, number); flaw < 0) {
    return flaw;
  }
  TcpFileOptions& options = file.options;
  switch (option) {
    case IP_TOS: options.type_of_service = static_cast<std::uint8_t>(number & ~kEcnBits); break;
    case IP_TTL:
      if (length == 0 || (number != -1 && !is_within(number, 1, UINT8_MAX))) {
        return -EINVAL;
      }
      options.time_to_live = number == -1 ? 0 : static_cast<std::uint8_t>(number);
      break;
    case IP_MTU_DISCOVER:
      if (!is_within(number, IP_PMTUDISC_DONT, IP_PMTUDISC_OMIT)) {
        return -EINVAL;
      }
      options.mtu_discovery = static_cast<std::uint8_t>(number);
      break;
    case IP_FREEBIND: options.may_be_away = number != 0; break;
    default: options.hears_path_errors = number != 0; break;
  }
  apply_ip_options(file);
  return 0;
}

void Sockets::apply_ip_options(const TcpFile& file) {
  stack::ConnectionSlot* const slot = find_slot(file);
  if (slot == nullptr) {
    return;
  }
  const TcpFileOptions& options = file.options;
  slot->dscp = static_cast<std::uint8_t>(options.type_of_service >> 2U);
  slot->hop_limit = options.time_to_live == 0 ? config_.tcp.hop_limit : options.time_to_live;
  // As Linux's ip_dont_fragment.
  slot->dont_fragment =
      options.mtu_discovery == IP_PMTUDISC_WANT || options.mtu_discovery == IP_PMTUDISC_DO;
}

int Sockets::get_ip_option(TcpFile& file, int option, void* value, socklen_t* length) {
  const TcpFileOptions& options = file.options;
  int number = 0;
  switch (option) {
    case IP_TOS: number = options.type_of_service; break;
    case IP_TTL:
      number = options.time_to_live == 0 ? config_.tcp.hop_limit : options.time_to_live;
      break;
    case IP_MTU_DISCOVER: number = options.mtu_discovery; break;
    case IP_RECVERR: number = options.hears_path_errors ? 1 : 0; break;
    case IP_FREEBIND: number = options.may_be_away ? 1 : 0; break;
    case IP_MTU:
      // Only who has, or had, a peer has a path.
      number = static_cast<int>(describe(file).path_mtu);
      if (number == 0) {
        return -ENOTCONN;
      }
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
