// UdpSlot: one UDP socket as its core keeps it: where it receives, what waits to be read, what it
// was told to do with what it sends, and its places in the lists of those with news.
#pragma once

#include <cstdint>

#include <millrace/udp.hpp>

#include "base/intrusive_list.hpp"
#include "net/interface.hpp"
#include "udp/datagram_queue.hpp"

namespace millrace::stack {

/// What a socket's handler has not been told yet.
struct UdpNews {
  static constexpr std::uint8_t kReadable = 1;
  static constexpr std::uint8_t kWritable = 2;
  static constexpr std::uint8_t kError = 4;
};

struct UdpSlot {
  UdpSlot(UdpHandler& hears, const UdpOptions& options, const udp::QueueLimits& limits,
          std::uint8_t default_hops) noexcept
      : queue{limits},
        bound_address{options.address},
        handler{&hears},
        fragmentation{options.fragmentation},
        hop_limit{options.hop_limit.value_or(default_hops)},
        dscp{options.dscp},
        may_broadcast{options.broadcast},
        shares_port{options.share_port} {}

  [[nodiscard]] bool is_connected() const noexcept { return !tuple.remote.port.is_unspecified(); }

  udp::DatagramQueue queue;
  FourTuple tuple;          // As it is found by. Without peer: the remote end is unspecified.
  IpAddress bound_address;  // As asked for; a connection may have made it narrower.
  UdpHandler* handler;
  void* user_data = nullptr;
  const net::Interface* blocked_on = nullptr;  // Whose queue was too long; null: packets ran out.
  base::ListLink event_link;                   // Among those with news.
  base::ListLink blocked_link;                 // Among those that wait to send.
  UdpError error;                              // With kError.
  Fragmentation fragmentation;
  std::uint8_t news = 0;  // Bits of UdpNews.
  std::uint8_t hop_limit;
  std::uint8_t dscp;
  bool may_broadcast;
  bool shares_port;
};

using UdpEventQueue = base::IntrusiveList<UdpSlot, &UdpSlot::event_link>;
using UdpBlockedList = base::IntrusiveList<UdpSlot, &UdpSlot::blocked_link>;

}  // namespace millrace::stack
