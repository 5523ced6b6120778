// UdpFile: one UDP socket as descriptors have it: Linux's states over a native socket, which there
// is from the moment that it has a port; the error that waits to be told; the options that were set
// before. It hears of the native socket's events; the calls on it are Sockets'.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <utility>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>
#include <millrace/udp.hpp>

#include "posix/error_queue.hpp"
#include "posix/file.hpp"
#include "posix/held_datagram.hpp"
#include "stack/udp_slot.hpp"

namespace millrace::posix {

struct UdpFileOptions {
  std::optional<Duration> receive_timeout;
  std::optional<Duration> send_timeout;
  linger lingering{};
  std::uint32_t receive_buffer = 0;  // As Linux tells it: twice what was set. 0: the configured.
  std::uint32_t send_buffer = 0;
  int receive_low_water = 1;
  int mtu_discover = IP_PMTUDISC_WANT;
  std::uint8_t type_of_service = 0;
  std::uint8_t time_to_live = 0;  // 0: the configured one.
  bool keepalive = false;
  bool urgent_inline = false;
  bool reuse_address = false;
  bool reuse_port = false;
  bool broadcast = false;
  bool wants_errors = false;  // IP_RECVERR.
  bool is_corked = false;     // UDP_CORK.
};

class UdpFile final : public File, public UdpHandler, public stack::UdpReportReader {
 public:
  static constexpr std::uint8_t kReceiveShut = 1;  // Linux's RCV_SHUTDOWN.
  static constexpr std::uint8_t kSendShut = 2;     // SEND_SHUTDOWN.

  explicit UdpFile(ErrorRecords& records) noexcept : File{FileKind::Udp}, errors{records} {}

  [[nodiscard]] bool is_shut(std::uint8_t directions) const noexcept {
    return (shut_ & directions) == directions;
  }
  void add_shut(std::uint8_t directions) noexcept { shut_ |= directions; }
  [[nodiscard]] bool is_connected() const noexcept { return !remote.port.is_unspecified(); }
  [[nodiscard]] std::uint32_t events(std::uint32_t asked) override;

  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] int take_error() noexcept { return std::exchange(error_, 0); }
  /// Takes the oldest of `errors` off; the next is the error that waits from now on.
  void drop_queued_error() noexcept;
  /// What the stack found wrong with a datagram of that destination, for who has asked for errors.
  void note_local_error(int error, const Endpoint& destination, std::uint32_t info) noexcept;
  /// Sending was refused: EPOLLOUT waits for room.
  void note_send_blocked() noexcept { is_send_blocked_ = true; }
  /// There is room again, or the native socket that would have told of it is gone.
  void note_send_free() noexcept;

  // The socket's events.
  void on_readable(UdpSocket socket) override;
  void on_writable(UdpSocket socket) override;
  void on_report(const stack::UdpReport& report) noexcept override;

  UdpSocket native;         // Names none until there is a port.
  Endpoint remote;          // Unspecified: not connected.
  IpAddress bound_address;  // By bind(2), likewise.
  IpAddress towards_peer;   // Ours, after a connect(2) to port zero.
  UdpFileOptions options;
  ErrorQueue errors;
  bool has_port = false;        // Else `native`, if there is one, waits for its next use.
  bool has_bound_port = false;  // By bind(2), so that dissolving a connection keeps it.
  HeldDatagram corked;          // Sent as one datagram with the next that is not held back.
  Endpoint corked_for;

 private:
  int error_ = 0;
  std::uint8_t shut_ = 0;
  bool is_send_blocked_ = false;
};

}  // namespace millrace::posix
