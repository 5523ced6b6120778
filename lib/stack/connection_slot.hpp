// ConnectionSlot: a connection with what this core keeps beside it: its handler, its timer, and its
// places in the lists of what has to be sent and said.
#pragma once

#include <cstdint>

#include <millrace/tcp.hpp>

#include "base/intrusive_list.hpp"
#include "base/slot_table.hpp"
#include "base/timer_wheel.hpp"
#include "net/ipv4_output.hpp"
#include "tcp/connection.hpp"
#include "tcp/tally.hpp"

namespace millrace::stack {

/// Who knows of a connection.
enum class Phase : std::uint8_t {
  HalfOpen,  ///< A listener has answered a SYN.
  Waiting,   ///< Established, in the listener's accept queue.
  Open,      ///< Known to the application.
  Over,      ///< The application has heard of the end, or never heard of it at all.
};

struct ConnectionSlot {
  ConnectionSlot(const FourTuple& tuple, const net::Path& to_peer, std::uint16_t mss_limit,
                 std::uint16_t path_mss, std::uint32_t path_mtus, std::uint8_t hops,
                 Instant now) noexcept
      : connection{tuple, mss_limit, path_mss},
        path{to_peer},
        path_mtu_generation{path_mtus},
        hop_limit{hops},
        tally{now} {}

  /// Its segments that arrive by `interface` have nothing more to pass but their own checksums.
  [[nodiscard]] bool is_vetted_by(const net::Interface& interface) const noexcept {
    return vetted_by == interface.index + 1;
  }

  tcp::Connection connection;
  base::TimerNode timer;
  base::ListLink transmit_link;  // Among those that may have something to send.
  base::ListLink event_link;     // Among those with news; when over, among those to be freed.
  base::ListLink orphan_link;    // Among those that nobody but the peer waits for.
  TcpHandler* handler = nullptr;
  void* user_data = nullptr;
  net::Path path;
  base::SlotHandle listener;          // While HalfOpen or Waiting.
  std::uint32_t path_mtu_generation;  // Of the path MTUs that the connection knows.
  std::uint8_t events = 0;            // Not dispatched yet; bits of tcp::Events.
  std::uint8_t dscp = 0;              // RFC 9293 §3.9.1.9, MUST-48: six bits, for IP alone.
  std::uint8_t hop_limit;             // RFC 9293 §3.9.2, MUST-49.
  Phase phase = Phase::Open;
  bool dont_fragment = true;  // What IP says of its segments; without it routers may cut them.
  bool is_in_demux = false;
  bool is_early = false;          // Accepted, its handshake is not over: counted by its listener.
  bool grants_fast_open = false;  // Its SYN,ACK carries a Fast Open cookie.
  bool asks_fast_open = false;    // Our SYN asks for one.
  bool offers_fast_open = false;  // Our SYN carries the option at all.
  bool is_fast_open_experimental = false;  // In the form of RFC 7413's drafts.
  // Of the interface whose checks a segment of it has passed, one more than the index; 0: of none.
  // Only in the demux, synchronized, and past the listener's half-open ones (decision 0022).
  std::uint8_t vetted_by = 0;
  tcp::Tally tally;
};

using TransmitList = base::IntrusiveList<ConnectionSlot, &ConnectionSlot::transmit_link>;
using OrphanList = base::IntrusiveList<ConnectionSlot, &ConnectionSlot::orphan_link>;
using EventQueue = base::IntrusiveList<ConnectionSlot, &ConnectionSlot::event_link>;

}  // namespace millrace::stack
