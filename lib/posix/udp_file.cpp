#include "posix/udp_file.hpp"

#include <cerrno>

#include "posix/epoll_set.hpp"

namespace millrace::posix {

std::uint32_t UdpFile::events(std::uint32_t /*asked*/) {
  constexpr std::uint32_t kIn = EPOLLIN | EPOLLRDNORM;
  constexpr std::uint32_t kOut = EPOLLOUT | EPOLLWRNORM;
  std::uint32_t events = 0;
  if (error_ != 0 || !errors.empty()) {
    events |= EPOLLERR;
  }
  if (is_shut(kReceiveShut)) {
    events |= kIn | EPOLLRDHUP;
  }
  if (is_shut(kReceiveShut | kSendShut)) {
    events |= EPOLLHUP;
  }
  if (native.readable() > 0) {
    events |= kIn;
  }
  return is_send_blocked_ ? events : events | kOut;
}

void UdpFile::drop_queued_error() noexcept {
  const bool was_icmp = errors.front()->what.ee_origin == SO_EE_ORIGIN_ICMP;
  errors.pop();
  const ErrorRecord* const next = errors.front();
  if (next != nullptr && next->what.ee_origin == SO_EE_ORIGIN_ICMP) {
    error_ = static_cast<int>(next->what.ee_errno);
  } else if (was_icmp) {
    error_ = 0;
  }
}

void UdpFile::note_local_error(int error, const Endpoint& destination,
                               std::uint32_t info) noexcept {
  if (!options.wants_errors) {
    return;
  }
  sock_extended_err what{};
  what.ee_errno = static_cast<std::uint32_t>(error);
  what.ee_origin = SO_EE_ORIGIN_LOCAL;
  what.ee_info = info;
  errors.push(what, destination, {}, {});
  note();
}

void UdpFile::on_readable(UdpSocket /*socket*/) { note(); }

void UdpFile::note_send_free() noexcept {
  if (std::exchange(is_send_blocked_, false)) {
    note();
  }
}

void UdpFile::on_writable(UdpSocket /*socket*/) { note_send_free(); }

void UdpFile::on_report(const stack::UdpReport& report) noexcept {
  constexpr std::uint32_t kMtuMask = 0xffff;  // RFC 1191 §4.
  const auto type = static_cast<std::uint8_t>(report.type);
  const IcmpMeaning meaning = meaning_of_icmp(type, report.code);
  if (meaning.error == EMSGSIZE && options.mtu_discover == IP_PMTUDISC_DONT) {
    return;
  }
  if (options.wants_errors) {
    sock_extended_err what{};
    what.ee_errno = static_cast<std::uint32_t>(meaning.error);
    what.ee_origin = SO_EE_ORIGIN_ICMP;
    what.ee_type = type;
    what.ee_code = report.code;
    what.ee_info = meaning.error == EMSGSIZE ? report.rest & kMtuMask : 0;
    errors.push(what, report.destination, report.reporter, report.payload);
  } else if (!meaning.is_lasting || !is_connected()) {
    return;
  }
  error_ = meaning.error;
  note();
}

}  // namespace millrace::posix
