#include "sim/segment_cutter.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "net/link_header.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"

namespace millrace::sim {

namespace {

using wire::TcpFlags;

// Of IPv4's fields, and of TCP's.
constexpr std::size_t kTotalLengthAt = 2;
constexpr std::size_t kHeaderChecksumAt = 10;
constexpr std::size_t kSeqAt = 4;
constexpr std::size_t kFlagsAt = 13;
constexpr std::size_t kChecksumAt = 16;

template <class T>
void put(std::byte* at, T value) {
  const base::BigEndian<T> field{value};
  std::memcpy(at, &field, sizeof(field));
}

/// Where headers begin in a frame, and what they say.
struct Layout {
  std::size_t ip_at = 0;
  std::size_t tcp_at = 0;
  std::size_t payload_at = 0;
  wire::Ipv4Header ip;
  wire::TcpHeader tcp;
};

Layout layout_of(std::span<const std::byte> frame) {
  const auto link = net::parse_link_header(frame);
  base::expects(link.has_value());
  const auto ip = wire::parse_ipv4(frame.subspan(link->size));
  base::expects(ip.has_value());
  const std::size_t tcp_at = link->size + ip->header_length;
  const auto tcp = wire::parse_tcp(frame.subspan(tcp_at));
  base::expects(tcp.has_value());
  return {.ip_at = link->size,
          .tcp_at = tcp_at,
          .payload_at = tcp_at + tcp->header_length,
          .ip = *ip,
          .tcp = *tcp};
}

void finish_ip(std::span<std::byte> header, std::size_t datagram_bytes) {
  put(header.data() + kTotalLengthAt, static_cast<std::uint16_t>(datagram_bytes));
  put(header.data() + kHeaderChecksumAt, std::uint16_t{0});
  put(header.data() + kHeaderChecksumAt, wire::internet_checksum(header));
}

void finish_tcp(std::span<std::byte> segment, const wire::Ipv4Header& ip) {
  put(segment.data() + kChecksumAt, std::uint16_t{0});
  wire::Checksum sum;
  sum.add_pseudo_header(ip.source, ip.destination, wire::IpProtocol::Tcp,
                        static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  put(segment.data() + kChecksumAt, sum.finish());
}

}  // namespace

std::vector<Frame> cut_segments(const Frame& frame, std::uint16_t segment_bytes,
                                FrameStore& store) {
  std::vector<Frame> segments;
  const std::span<const std::byte> bytes{frame.data(), frame.size()};
  const Layout layout = layout_of(bytes);
  const auto payload = bytes.subspan(layout.payload_at);
  const std::size_t most = segment_bytes == 0 ? payload.size() : segment_bytes;
  std::size_t offset = 0;
  do {
    const auto part = payload.subspan(offset, std::min(most, payload.size() - offset));
    Frame cut = store.take();
    cut.append(bytes.first(layout.payload_at));
    cut.append(part);
    unsigned flags = layout.tcp.flags.bits();
    flags &= offset == 0 ? ~0U : ~unsigned{TcpFlags::kCwr};
    flags &=
        offset + part.size() == payload.size() ? ~0U : ~(unsigned{TcpFlags::kFin} | TcpFlags::kPsh);
    put(cut.data() + layout.tcp_at + kSeqAt,
        (layout.tcp.seq + static_cast<std::uint32_t>(offset)).value());
    cut[layout.tcp_at + kFlagsAt] = static_cast<std::byte>(flags);
    const std::span<std::byte> made{cut.data(), cut.size()};
    finish_ip(made.subspan(layout.ip_at, layout.ip.header_length), made.size() - layout.ip_at);
    finish_tcp(made.subspan(layout.tcp_at), layout.ip);
    offset += part.size();
    segments.push_back(std::move(cut));
  } while (offset < payload.size());
  return segments;
}

}  // namespace millrace::sim
