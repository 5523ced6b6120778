#include "sim/frame_damage.hpp"

#include "base/big_endian.hpp"
#include "sim/frame_view.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/raw.hpp"

namespace millrace::sim {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

// In the IPv4 header.
constexpr std::size_t kTotalLengthOffset = 2;
constexpr std::size_t kChecksumOffset = 10;

bool is_arp(const Frame& frame) noexcept {
  const auto header = wire::parse_ethernet(frame);
  return !header || header->type == wire::EtherType::Arp;
}

/// Neither what a window or two can span, nor so far that it would lie behind instead.
std::uint32_t far_away(base::Random& random) noexcept {
  constexpr std::uint32_t kNear = 1U << 30U;
  constexpr std::uint32_t kSpread = 1U << 29U;
  return kNear + random.below(kSpread);
}

void disguise(wire::TcpHeader& tcp, base::Random& random) noexcept {
  enum class Kind : std::uint8_t { Reset, Syn, FutureAck, AncientAck };
  switch (static_cast<Kind>(random.below(4))) {
    case Kind::Reset:
      // RFC 5961 §3.2: only the very next number ends the connection. A segment that has arrived
      // has moved that on by what it carried. Without an ACK, which alone would count where an
      // answer to a SYN is waited for (RFC 9293 §3.10.7.3).
      tcp.flags = wire::TcpFlags{wire::TcpFlags::kRst};
      tcp.seq = tcp.seq + 4'000 + random.below(60'000);
      break;
    case Kind::Syn:
      tcp.flags = wire::TcpFlags{wire::TcpFlags::kSyn};
      tcp.seq = tcp.seq + random.below(1'000);
      break;
    case Kind::FutureAck: tcp.ack = tcp.ack + far_away(random); break;
    case Kind::AncientAck: tcp.ack = tcp.ack - far_away(random); break;
  }
}

void repair_checksums(Frame& frame, const SegmentView& segment) {
  const std::span<std::byte> bytes{frame};
  const std::size_t ip_at = segment.tcp_offset - segment.ip.header_length;
  const auto ip = bytes.subspan(ip_at, segment.ip.header_length);
  wire::write_raw(ip.subspan(kTotalLengthOffset),
                  Field16{static_cast<std::uint16_t>(frame.size() - ip_at)});
  wire::write_raw(ip.subspan(kChecksumOffset), Field16{0});
  wire::write_raw(ip.subspan(kChecksumOffset), Field16{wire::internet_checksum(ip)});
  const auto tcp = bytes.subspan(segment.tcp_offset);
  wire::set_tcp_checksum(tcp, 0);
  wire::Checksum sum;
  sum.add_pseudo_header(segment.ip.source, segment.ip.destination, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(tcp.size()));
  sum.add(tcp);
  wire::set_tcp_checksum(tcp, sum.finish());
}

}  // namespace

bool corrupt(Frame& frame, base::Random& random) noexcept {
  if (is_arp(frame)) {
    return false;
  }
  const std::uint32_t at = random.below(static_cast<std::uint32_t>(frame.size()));
  frame[at] ^= static_cast<std::byte>(1U << random.below(8));
  return true;
}

bool truncate(Frame& frame, base::Random& random) {
  if (is_arp(frame) || frame.size() <= wire::kEthernetHeaderSize) {
    return false;
  }
  const auto most = static_cast<std::uint32_t>(frame.size() - wire::kEthernetHeaderSize);
  frame.truncate(wire::kEthernetHeaderSize + random.below(most));
  return true;
}

std::optional<Frame> forge(const Frame& frame, base::Random& random) {
  const auto segment = view_segment(frame);
  if (!segment || segment->tcp.flags.syn() || segment->tcp.flags.rst() ||
      !segment->tcp.flags.ack()) {
    return std::nullopt;
  }
  wire::TcpHeader tcp = segment->tcp;
  tcp.flags = wire::TcpFlags{wire::TcpFlags::kAck};
  disguise(tcp, random);
  Frame forged = frame.clone();
  forged.truncate(segment->tcp_offset + tcp.header_length);
  wire::emit_tcp(std::span<std::byte>{forged}.subspan(segment->tcp_offset), tcp);
  repair_checksums(forged, *segment);
  return forged;
}

}  // namespace millrace::sim
