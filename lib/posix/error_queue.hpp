// ErrorQueue: what IP_RECVERR keeps for a socket until MSG_ERRQUEUE asks: errors that came by ICMP,
// or that the stack itself found, each with its datagram's destination and as much of its payload
// as is known. Records come from a pool that all sockets share; what finds no room is not kept.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <ctime>
// Behind <ctime>, which it needs and does not include.
#include <linux/errqueue.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <millrace/endpoint.hpp>

#include "base/intrusive_list.hpp"
#include "base/slot_table.hpp"

namespace millrace::posix {

/// What is known of one error.
struct ErrorRecord {
  // RFC 1812 §4.3.2.3: an ICMP error has at most 576 octets, two IP headers among them, its own
  // header and UDP's.
  static constexpr std::size_t kPayloadMax = 520;

  [[nodiscard]] std::span<const std::byte> payload() const noexcept {
    return std::span{bytes}.first(payload_bytes);
  }

  sock_extended_err what{};
  Endpoint destination;          ///< Of the datagram.
  IpAddress reporter;            ///< Unspecified: nobody else.
  std::optional<timespec> time;  ///< Of what is told, for SCM_TIMESTAMPING; a wall clock's.
  std::uint16_t payload_bytes = 0;
  std::array<std::byte, kPayloadMax> bytes;
  base::ListLink link;
};

using ErrorRecords = base::SlotTable<ErrorRecord>;

class ErrorQueue {
 public:
  static constexpr std::uint32_t kMost = 32;          // Of errors, which others can make.
  static constexpr std::uint32_t kNoticesMost = 256;  // With them.

  explicit ErrorQueue(ErrorRecords& pool) noexcept : pool_{pool} {}
  ErrorQueue(const ErrorQueue&) = delete;
  ErrorQueue& operator=(const ErrorQueue&) = delete;
  ~ErrorQueue() { clear(); }

  /// What does not fit of `payload` is left out.
  void push(const sock_extended_err& what, const Endpoint& destination, const IpAddress& reporter,
            std::span<const std::byte> payload) noexcept;
  /// What is no error of a datagram's. False: there is no room for it.
  [[nodiscard]] bool push_notice(const sock_extended_err& what,
                                 const std::optional<timespec>& time) noexcept;
  /// Lets the newest record speak of those writes with MSG_ZEROCOPY as well, as Linux does. False:
  /// it is of something else, or of others than those just before.
  [[nodiscard]] bool extend_zero_copy(std::uint32_t first, std::uint32_t last) noexcept;
  /// The oldest; null when there is none.
  [[nodiscard]] const ErrorRecord* front() const noexcept { return queue_.front(); }
  /// There must be one.
  void pop() noexcept;
  void clear() noexcept;
  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }

 private:
  [[nodiscard]] ErrorRecord* add(const sock_extended_err& what, std::uint32_t most) noexcept;

  ErrorRecords& pool_;
  base::IntrusiveList<ErrorRecord, &ErrorRecord::link> queue_;
  ErrorRecord* newest_ = nullptr;
  std::uint32_t count_ = 0;
};

/// What an ICMP error means to a UDP socket: Linux's number, and whether it tells the sender
/// without being asked to.
struct IcmpMeaning {
  int error = 0;
  bool is_lasting = false;
};

/// Of types that are errors (RFC 792, RFC 1122 §3.2.2.1, §4.1.3.3).
[[nodiscard]] IcmpMeaning meaning_of_icmp(std::uint8_t type, std::uint8_t code) noexcept;

}  // namespace millrace::posix
