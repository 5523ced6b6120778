// Icmp: answers echo requests, hands errors about our own datagrams to the transports, and tells
// others of datagrams that nobody here wants, all at a limited rate (RFC 792, RFC 1122 §3.2.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <millrace/address.hpp>
#include <millrace/stats.hpp>
#include <millrace/time.hpp>

#include "net/interface.hpp"
#include "net/ipv4_output.hpp"
#include "net/token_bucket.hpp"
#include "packet/packet.hpp"
#include "packet/packet_pool.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"

namespace millrace::net {

/// Codes of DestinationUnreachable (RFC 792, RFC 1122 §3.2.2.1).
enum class Unreachable : std::uint8_t {
  Network = 0,
  Host = 1,
  Protocol = 2,
  Port = 3,
  FragmentationNeeded = 4,
};

/// An error that somebody reported about a datagram of ours. The quote is as the network brought
/// it: whether it matches a connection, by ports and sequence number, is for the transport to judge
/// (RFC 5927 §4).
struct IcmpError {
  wire::IcmpType type = wire::IcmpType::DestinationUnreachable;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< The header's last four octets, such as the next hop's MTU.
  wire::IcmpQuote quote;
  IpAddress reporter;
  packet::Packet rest_of_quote;  ///< What was quoted behind the eight octets that `quote` is from.
};

/// RFC 1812 §4.3.2.8: what we originate is limited, so that we are no amplifier and no easy load.
struct IcmpLimits {
  RateLimit errors{.per_second = 1'000, .burst = 50};
  RateLimit echo_replies{.per_second = 10'000, .burst = 1'000};
};

/// Counts every packet that it drops.
class Icmp {
 public:
  /// All that is passed must outlive this.
  Icmp(std::span<const Interface> interfaces, Ipv4Output& output, packet::PacketPool& headers,
       CoreStats& stats, const IcmpLimits& limits = {}) noexcept;

  /// `datagram` starts at its IPv4 header, which `Ipv4Input::accept` gave as `header`. Echo
  /// requests are answered from the address they were sent to; an error is returned if it is about
  /// a datagram from the address it came to.
  [[nodiscard]] std::optional<IcmpError> on_packet(Instant now, const Interface& interface,
                                                   const wire::Ipv4Header& header,
                                                   packet::Packet datagram) noexcept;

  /// Tells the sender of an accepted datagram that it is not wanted, where RFC 1122 §3.2.2 allows
  /// that. The caller counts the datagram itself, and does not call this for one that came in a
  /// link-layer broadcast.
  void send_unreachable(Instant now, Unreachable code, const wire::Ipv4Header& offending,
                        const packet::Packet& datagram) noexcept;

  /// Likewise, that the rest of a datagram did not come in time (RFC 1122 §3.3.2); `datagram` is
  /// its first fragment.
  void send_reassembly_timeout(Instant now, const wire::Ipv4Header& offending,
                               const packet::Packet& datagram) noexcept;

 private:
  void answer_long_echo(Instant now, const Interface& interface, const wire::Ipv4Header& header,
                        packet::Packet datagram) noexcept;
  void send_error(Instant now, const wire::IcmpHeader& what, const wire::Ipv4Header& offending,
                  const packet::Packet& datagram) noexcept;
  void send_reply(Instant now, const wire::Ipv4Header& request, packet::Packet message) noexcept;
  void answer_echo(Instant now, const wire::Ipv4Header& header, const wire::IcmpHeader& request,
                   packet::Packet datagram) noexcept;
  [[nodiscard]] std::optional<IcmpError> read_error(const wire::Ipv4Header& header,
                                                    const wire::IcmpHeader& icmp,
                                                    packet::Packet datagram) noexcept;
  [[nodiscard]] bool may_complain_about(const wire::Ipv4Header& offending,
                                        const packet::Packet& datagram) const noexcept;
  [[nodiscard]] bool is_ours(const IpAddress& address) const noexcept;

  std::span<const Interface> interfaces_;
  Ipv4Output& output_;
  packet::PacketPool& headers_;
  CoreStats& stats_;
  TokenBucket errors_;
  TokenBucket echo_replies_;
};

}  // namespace millrace::net
