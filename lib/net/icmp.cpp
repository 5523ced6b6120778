// Echo replies, errors in, errors out.
#include "net/icmp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include <millrace/error.hpp>

#include "base/contract.hpp"
#include "wire/checksum.hpp"

namespace millrace::net {

namespace {

// RFC 1812 §4.3.2.3: quote as much as fits into 576 bytes of datagram; here also into one packet of
// the header pool.
constexpr std::size_t kQuoteMax = 576 - wire::kIpv4HeaderSize - wire::kIcmpHeaderSize;

bool is_error(wire::IcmpType type) noexcept {
  return type == wire::IcmpType::DestinationUnreachable || type == wire::IcmpType::TimeExceeded ||
         type == wire::IcmpType::ParameterProblem;
}

bool is_query(wire::IcmpType type) noexcept {
  return type == wire::IcmpType::EchoRequest || type == wire::IcmpType::EchoReply;
}

/// A packet of `pool` with these bytes. Empty when the pool is exhausted or its packets are too
/// small.
packet::Packet copy_of(std::span<const std::byte> bytes, packet::PacketPool& pool) noexcept {
  packet::Packet copy = pool.allocate();
  if (!copy || copy.tailroom() < bytes.size()) {
    return {};
  }
  std::memcpy(copy.append(static_cast<std::uint16_t>(bytes.size())).data(), bytes.data(),
              bytes.size());
  return copy;
}

}  // namespace

Icmp::Icmp(std::span<const Interface> interfaces, Ipv4Output& output, packet::PacketPool& headers,
           CoreStats& stats, const IcmpLimits& limits) noexcept
    : interfaces_{interfaces},
      output_{output},
      headers_{headers},
      stats_{stats},
      errors_{limits.errors},
      echo_replies_{limits.echo_replies} {}

std::optional<IcmpError> Icmp::on_packet(Instant now, const Interface& interface,
                                         const wire::Ipv4Header& header,
                                         packet::Packet datagram) noexcept {
  base::expects(datagram.size() == header.total_length);
  if (!datagram.is_contiguous()) {
    answer_long_echo(now, interface, header, std::move(datagram));
    return std::nullopt;
  }
  const std::span<const std::byte> message = datagram.data().subspan(header.header_length);
  const auto icmp = wire::parse_icmp(message);
  if (!icmp) {
    stats_.count(icmp.error());
    return std::nullopt;
  }
  if (icmp->type == wire::IcmpType::EchoRequest) {
    if (!interface.has_address(header.destination)) {
      // RFC 1122 §3.2.2.6: may be discarded. Answered, one packet would bring a reply from each
      // host of the link.
      stats_.count(DropReason::IcmpNotUnicast);
    } else {
      answer_echo(now, header, *icmp, std::move(datagram));
    }
    return std::nullopt;
  }
  if (is_error(icmp->type)) {
    return read_error(header, *icmp, std::move(datagram));
  }
  if (icmp->type == wire::IcmpType::SourceQuench) {
    // RFC 6633 §3; RFC 9293 §3.9.2.2, MUST-55.
    stats_.count(DropReason::IcmpSourceQuench);
    return std::nullopt;
  }
  // Redirects (RFC 1122 §3.2.2.2) are declined: a
  // gateway that is configured is not to be replaced by whoever asks. Echo replies answer nothing,
  // for we send no requests.
  stats_.count(DropReason::IcmpUnknownType);
  return std::nullopt;
}

void Icmp::answer_echo(Instant now, const wire::Ipv4Header& header, const wire::IcmpHeader& request,
                       packet::Packet datagram) noexcept {
  if (!echo_replies_.try_take(now)) {
    stats_.count(DropReason::IcmpOutRateLimited);
    return;
  }
  datagram.remove_prefix(header.header_length);
  if (datagram.is_exclusive() && datagram.headroom() >= Ipv4Output::kHeadersSize) {
    datagram.clear_offload();
  } else {
    datagram = copy_of(datagram.data(), headers_);
  }
  if (!datagram) {
    stats_.count(DropReason::OutOfPackets);
    return;
  }
  wire::emit_icmp(datagram.data(),
                  {.type = wire::IcmpType::EchoReply, .code = 0, .rest = request.rest});
  send_reply(now, header, std::move(datagram));
}

// RFC 1122 §3.2.2.6: what came in fragments goes back as a whole, its data where it lies.
void Icmp::answer_long_echo(Instant now, const Interface& interface, const wire::Ipv4Header& header,
                            packet::Packet datagram) noexcept {
  datagram.remove_prefix(header.header_length);
  const auto icmp = wire::read_icmp_header(datagram.data());
  wire::Checksum sum;
  datagram.for_each_segment([&sum](std::span<const std::byte> bytes) { sum.add(bytes); });
  if (!icmp || !sum.is_valid()) {
    stats_.count(icmp ? DropReason::IcmpBadChecksum : icmp.error());
    return;
  }
  if (icmp->type != wire::IcmpType::EchoRequest) {
    // Errors are never that long (RFC 1812 §4.3.2.3).
    stats_.count(DropReason::IcmpUnknownType);
    return;
  }
  if (!interface.has_address(header.destination)) {
    stats_.count(DropReason::IcmpNotUnicast);
    return;
  }
  if (!echo_replies_.try_take(now)) {
    stats_.count(DropReason::IcmpOutRateLimited);
    return;
  }
  packet::Packet reply = copy_of(datagram.data().first(wire::kIcmpHeaderSize), headers_);
  datagram.remove_prefix(wire::kIcmpHeaderSize);
  datagram.drop_empty_front();
  if (!reply || !reply.chain(datagram)) {
    stats_.count(DropReason::OutOfPackets);
    return;
  }
  wire::turn_echo_around(reply.data());
  send_reply(now, header, std::move(reply));
}

void Icmp::send_reply(Instant now, const wire::Ipv4Header& header,
                      packet::Packet message) noexcept {
  // RFC 1349 §5.1: the reply has the request's type of service. The ECN bits are the network's, not
  // the sender's.
  constexpr std::uint8_t kDscpMask = 0xfc;
  const auto sent =
      output_.send(now, std::move(message),
                   {.source = header.destination,
                    .destination = header.source,
                    .protocol = wire::IpProtocol::Icmp,
                    .traffic_class = static_cast<std::uint8_t>(header.traffic_class & kDscpMask),
                    .dont_fragment = header.dont_fragment});
  if (!sent) {
    stats_.count(sent.error());
    return;
  }
  ++stats_.icmp_echo_replies_out;
}

std::optional<IcmpError> Icmp::read_error(const wire::Ipv4Header& header,
                                          const wire::IcmpHeader& icmp,
                                          packet::Packet datagram) noexcept {
  ++stats_.icmp_errors_in;
  datagram.remove_prefix(header.header_length + std::uint32_t{wire::kIcmpHeaderSize});
  const auto quote = wire::parse_icmp_quote(datagram.data());
  if (!quote) {
    stats_.count(quote.error());
    return std::nullopt;
  }
  // An error goes to the source of what it complains of, and that was an address of ours.
  if (quote->ip.source != header.destination || !is_ours(header.destination)) {
    stats_.count(DropReason::IcmpUnmatched);
    return std::nullopt;
  }
  datagram.remove_prefix(quote->ip.header_length + std::uint32_t{wire::kIcmpQuotedTransportSize});
  return IcmpError{.type = icmp.type,
                   .code = icmp.code,
                   .rest = icmp.rest,
                   .quote = *quote,
                   .reporter = header.source,
                   .rest_of_quote = std::move(datagram)};
}

void Icmp::send_unreachable(Instant now, Unreachable code, const wire::Ipv4Header& offending,
                            const packet::Packet& datagram) noexcept {
  send_error(now,
             {.type = wire::IcmpType::DestinationUnreachable, .code = std::to_underlying(code)},
             offending, datagram);
}

void Icmp::send_reassembly_timeout(Instant now, const wire::Ipv4Header& offending,
                                   const packet::Packet& datagram) noexcept {
  constexpr std::uint8_t kReassemblyTimeExceeded = 1;
  send_error(now, {.type = wire::IcmpType::TimeExceeded, .code = kReassemblyTimeExceeded},
             offending, datagram);
}

void Icmp::send_error(Instant now, const wire::IcmpHeader& what, const wire::Ipv4Header& offending,
                      const packet::Packet& datagram) noexcept {
  if (!may_complain_about(offending, datagram)) {
    return;
  }
  if (!errors_.try_take(now)) {
    stats_.count(DropReason::IcmpOutRateLimited);
    return;
  }
  packet::Packet error = headers_.allocate();
  if (!error) {
    stats_.count(DropReason::OutOfPackets);
    return;
  }
  const std::size_t room = error.tailroom() - wire::kIcmpHeaderSize;
  const auto quote = datagram.data().first(std::min({datagram.data().size(), kQuoteMax, room}));
  const auto message =
      error.append(static_cast<std::uint16_t>(wire::kIcmpHeaderSize + quote.size()));
  std::memcpy(message.subspan(wire::kIcmpHeaderSize).data(), quote.data(), quote.size());
  wire::emit_icmp(message, what);
  const auto sent = output_.send(now, std::move(error),
                                 {.source = offending.destination,
                                  .destination = offending.source,
                                  .protocol = wire::IpProtocol::Icmp});
  if (!sent) {
    stats_.count(sent.error());
    return;
  }
  ++stats_.icmp_errors_out;
}

// RFC 1122 §3.2.2: never about an ICMP error, about what went to many, about a later fragment, or
// to a source that is not a single host.
bool Icmp::may_complain_about(const wire::Ipv4Header& offending,
                              const packet::Packet& datagram) const noexcept {
  const IpAddress& source = offending.source;
  if (!is_ours(offending.destination) || offending.fragment_offset != 0) {
    return false;
  }
  const bool is_host =
      source.v4_bytes()[0] != 0 && source.v4_bytes()[0] < 224 && !source.is_loopback() &&
      std::ranges::none_of(
          interfaces_, [&](const Interface& interface) { return interface.is_broadcast(source); });
  if (!is_host) {
    return false;
  }
  if (offending.protocol != wire::IpProtocol::Icmp) {
    return true;
  }
  const auto about = wire::parse_icmp(datagram.data().subspan(offending.header_length));
  return about && is_query(about->type);
}

bool Icmp::is_ours(const IpAddress& address) const noexcept {
  return std::ranges::any_of(interfaces_,
                             [&](const Interface& own) { return own.has_address(address); });
}

}  // namespace millrace::net
