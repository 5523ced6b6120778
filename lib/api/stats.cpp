// What each DropReason is called in reports.
#include <array>
#include <millrace/stats.hpp>
#include <utility>

namespace millrace {

namespace {

struct Name {
  DropReason reason;
  std::string_view text;
};

constexpr std::array kNamesBelowTcp{
    Name{DropReason::EthernetTooShort, "ethernet_too_short"},
    Name{DropReason::EthernetNotForUs, "ethernet_not_for_us"},
    Name{DropReason::EthernetUnknownType, "ethernet_unknown_type"},
    Name{DropReason::VlanUnknown, "vlan_unknown"},
    Name{DropReason::VlanNested, "vlan_nested"},
    Name{DropReason::ArpTooShort, "arp_too_short"},
    Name{DropReason::ArpBadFormat, "arp_bad_format"},
    Name{DropReason::ArpBadOperation, "arp_bad_operation"},
    Name{DropReason::ArpBadSender, "arp_bad_sender"},
    Name{DropReason::ArpUnsolicited, "arp_unsolicited"},
    Name{DropReason::Ipv4TooShort, "ipv4_too_short"},
    Name{DropReason::Ipv4BadVersion, "ipv4_bad_version"},
    Name{DropReason::Ipv4BadHeaderLength, "ipv4_bad_header_length"},
    Name{DropReason::Ipv4BadTotalLength, "ipv4_bad_total_length"},
    Name{DropReason::Ipv4Truncated, "ipv4_truncated"},
    Name{DropReason::Ipv4BadChecksum, "ipv4_bad_checksum"},
    Name{DropReason::Ipv4BadOptions, "ipv4_bad_options"},
    Name{DropReason::Ipv4SourceRoute, "ipv4_source_route"},
    Name{DropReason::Ipv4MartianSource, "ipv4_martian_source"},
    Name{DropReason::Ipv4NotForUs, "ipv4_not_for_us"},
    Name{DropReason::Ipv4BadFragment, "ipv4_bad_fragment"},
    Name{DropReason::Ipv4DuplicateFragment, "ipv4_duplicate_fragment"},
    Name{DropReason::Ipv4OverlappingFragment, "ipv4_overlapping_fragment"},
    Name{DropReason::Ipv4FragmentsIncomplete, "ipv4_fragments_incomplete"},
    Name{DropReason::Ipv4ReassemblyFull, "ipv4_reassembly_full"},
    Name{DropReason::Ipv4UnknownProtocol, "ipv4_unknown_protocol"},
    Name{DropReason::IcmpTooShort, "icmp_too_short"},
    Name{DropReason::IcmpBadChecksum, "icmp_bad_checksum"},
    Name{DropReason::IcmpUnknownType, "icmp_unknown_type"},
    Name{DropReason::IcmpNotUnicast, "icmp_not_unicast"},
    Name{DropReason::IcmpSourceQuench, "icmp_source_quench"},
    Name{DropReason::IcmpUnmatched, "icmp_unmatched"},
    Name{DropReason::IcmpNotInFlight, "icmp_not_in_flight"},
    Name{DropReason::IcmpBadMtu, "icmp_bad_mtu"},
    Name{DropReason::IcmpOutRateLimited, "icmp_out_rate_limited"},
    Name{DropReason::UdpTooShort, "udp_too_short"},
    Name{DropReason::UdpBadLength, "udp_bad_length"},
    Name{DropReason::UdpBadChecksum, "udp_bad_checksum"},
    Name{DropReason::UdpPartialChecksum, "udp_partial_checksum"},
    Name{DropReason::UdpNotUnicast, "udp_not_unicast"},
    Name{DropReason::UdpNoSocket, "udp_no_socket"},
    Name{DropReason::UdpQueueFull, "udp_queue_full"},
    Name{DropReason::UdpReceiveFull, "udp_receive_full"},
};

constexpr std::array kNamesFromTcp{
    Name{DropReason::TcpTooShort, "tcp_too_short"},
    Name{DropReason::TcpBadDataOffset, "tcp_bad_data_offset"},
    Name{DropReason::TcpBadChecksum, "tcp_bad_checksum"},
    Name{DropReason::TcpPartialChecksum, "tcp_partial_checksum"},
    Name{DropReason::TcpBadOptions, "tcp_bad_options"},
    Name{DropReason::TcpNotUnicast, "tcp_not_unicast"},
    Name{DropReason::TcpBadPort, "tcp_bad_port"},
    Name{DropReason::TcpNoConnection, "tcp_no_connection"},
    Name{DropReason::TcpBadFlags, "tcp_bad_flags"},
    Name{DropReason::TcpAcceptDeferred, "tcp_accept_deferred"},
    Name{DropReason::TcpAcceptQueueFull, "tcp_accept_queue_full"},
    Name{DropReason::TcpSynQueueFull, "tcp_syn_queue_full"},
    Name{DropReason::TcpOutOfConnections, "tcp_out_of_connections"},
    Name{DropReason::TcpBadHandshakeAck, "tcp_bad_handshake_ack"},
    Name{DropReason::TcpTimeWait, "tcp_time_wait"},
    Name{DropReason::TcpOutOfWindow, "tcp_out_of_window"},
    Name{DropReason::TcpBadReset, "tcp_bad_reset"},
    Name{DropReason::TcpUnexpectedSyn, "tcp_unexpected_syn"},
    Name{DropReason::TcpNoAck, "tcp_no_ack"},
    Name{DropReason::TcpBadAck, "tcp_bad_ack"},
    Name{DropReason::TcpDuplicateData, "tcp_duplicate_data"},
    Name{DropReason::TcpReassemblyFull, "tcp_reassembly_full"},
    Name{DropReason::TcpReceiveFull, "tcp_receive_full"},
    Name{DropReason::TcpOldTimestamp, "tcp_old_timestamp"},
    Name{DropReason::TcpNoTimestamp, "tcp_no_timestamp"},
    Name{DropReason::TcpAfterClose, "tcp_after_close"},
    Name{DropReason::OutOfPackets, "out_of_packets"},
    Name{DropReason::NeighborQueueFull, "neighbor_queue_full"},
    Name{DropReason::NeighborUnresolved, "neighbor_unresolved"},
    Name{DropReason::NeighborTableFull, "neighbor_table_full"},
    Name{DropReason::NoRoute, "no_route"},
    Name{DropReason::TransmitQueueFull, "transmit_queue_full"},
};

constexpr std::size_t kNameCount = kNamesBelowTcp.size() + kNamesFromTcp.size();

constexpr const Name& name_at(std::size_t index) {
  return index < kNamesBelowTcp.size() ? kNamesBelowTcp[index]
                                       : kNamesFromTcp[index - kNamesBelowTcp.size()];
}

// Entry i must name the enumerator of value i.
consteval bool is_in_order() {
  for (std::size_t i = 0; i < kNameCount; ++i) {
    if (std::to_underlying(name_at(i).reason) != i || name_at(i).text.empty()) {
      return false;
    }
  }
  return kNameCount == kDropReasonCount;
}
static_assert(is_in_order());

}  // namespace

std::string_view to_string(DropReason reason) noexcept {
  const std::size_t index = std::to_underlying(reason);
  return index < kNameCount ? name_at(index).text : "unknown";
}

}  // namespace millrace
