// UdpSlot: one UDP socket as its core keeps it: where it receives, what waits to be read, what it
// was told to do with what it sends, and its places in the lists of those with news. UdpReport:
// what ICMP says of a datagram, for those who want more than UdpError tells.
#pragma once

#include <cstdint>
#include <span>

#include <millrace/udp.hpp>

#include "base/intrusive_list.hpp"
#include "net/interface.hpp"
#include "udp/datagram_queue.hpp"
#include "wire/icmp.hpp"

namespace millrace::stack {

/// What a socket's handler has not been told yet.
struct UdpNews {
  static constexpr std::uint8_t kReadable = 1;
  static constexpr std::uint8_t kWritable = 2;
  static constexpr std::uint8_t kError = 4;
};

/// An ICMP error about a datagram of a socket's, or what comes to the same: its next hop's silence.
struct UdpReport {
  wire::IcmpType type = wire::IcmpType::DestinationUnreachable;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< The ICMP header's last four octets.
  IpAddress reporter;
  Endpoint destination;                ///< Of the datagram.
  std::span<const std::byte> payload;  ///< As much of it as is known; for the time of the call.
};

/// Hears at once of every report that was believed, also about datagrams of unconnected sockets.
class UdpReportReader {
 public:
  virtual ~UdpReportReader() = default;
  virtual void on_report(const UdpReport& report) noexcept = 0;
};

struct UdpSlot {
  UdpSlot(UdpHandler& hears, const UdpOptions& options, const udp::QueueLimits& limits,
          std::uint8_t default_hops) noexcept
      : queue{limits},
        bound_address{options.address},
        handler{&hears},
        fragmentation{options.fragmentation},
        hop_limit{options.hop_limit.value_or(default_hops)},
        traffic_class{static_cast<std::uint8_t>(options.dscp << kEcnBits)},
        may_broadcast{options.broadcast},
        shares_port{options.share_port} {}

  static constexpr unsigned kEcnBits = 2;
  static constexpr std::uint8_t kEcnMask = 3;

  [[nodiscard]] bool is_connected() const noexcept { return !tuple.remote.port.is_unspecified(); }

  udp::DatagramQueue queue;
  FourTuple tuple;          // As it is found by. Without peer: the remote end is unspecified.
  IpAddress bound_address;  // As asked for; a connection may have made it narrower.
  UdpHandler* handler;
  UdpReportReader* reports = nullptr;  // Null: nobody wants to know more than `handler`.
  void* user_data = nullptr;
  const net::Interface* blocked_on = nullptr;  // Whose queue was too long; null: packets ran out.
  base::ListLink event_link;                   // Among those with news.
  base::ListLink blocked_link;                 // Among those that wait to send.
  UdpError error;                              // With kError.
  std::uint32_t refused = 0;                   // Datagrams that found no room.
  Fragmentation fragmentation;
  std::uint8_t news = 0;  // Bits of UdpNews.
  std::uint8_t hop_limit;
  std::uint8_t traffic_class;  // DSCP, and the ECN bits of those who see to congestion themselves.
  bool may_broadcast;
  bool shares_port;
};

using UdpEventQueue = base::IntrusiveList<UdpSlot, &UdpSlot::event_link>;
using UdpBlockedList = base::IntrusiveList<UdpSlot, &UdpSlot::blocked_link>;

}  // namespace millrace::stack
