// What links and routers look for inside a frame, and the one thing that they may change there: the
// mark of congestion. Checksums are kept right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <millrace/endpoint.hpp>

#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"

namespace millrace::sim {

/// A TCP segment in a frame that is whole and not a fragment.
struct SegmentView {
  wire::Ipv4Header ip;
  wire::TcpHeader tcp;
  std::size_t tcp_offset = 0;  ///< Of the TCP header in the frame.
  std::size_t payload_bytes = 0;

  /// From its sender's point of view.
  [[nodiscard]] FourTuple tuple() const noexcept {
    return {.local = {.address = ip.source, .port = Port{tcp.source_port}},
            .remote = {.address = ip.destination, .port = Port{tcp.destination_port}}};
  }
  /// Nothing but an acknowledgment.
  [[nodiscard]] bool is_pure_ack() const noexcept {
    return payload_bytes == 0 && tcp.flags.ack() && !tcp.flags.syn() && !tcp.flags.fin() &&
           !tcp.flags.rst() && !tcp.flags.urg();
  }
};

/// Behind one VLAN tag at most. Checksums are not looked at.
[[nodiscard]] std::optional<SegmentView> view_segment(std::span<const std::byte> frame) noexcept;
/// Where the IPv4 header begins; empty if it is no IPv4 frame.
[[nodiscard]] std::optional<std::size_t> ipv4_offset(std::span<const std::byte> frame) noexcept;
/// Bytes of the IPv4 datagram inside, by its header; zero where there is none.
[[nodiscard]] std::size_t datagram_bytes(std::span<const std::byte> frame) noexcept;
/// Marks an ECN-capable datagram: congestion experienced (RFC 3168 §5). False if it is none.
[[nodiscard]] bool mark_congested(std::span<std::byte> frame) noexcept;

}  // namespace millrace::sim
