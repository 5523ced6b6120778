// Laying out what a run of segments shares. Sums are kept in memory order, as in checksum.cpp.
#include "wire/tcp_frame.hpp"

#include <utility>

#include "base/contract.hpp"
#include "wire/word_sum.hpp"

namespace millrace::wire {

namespace {

using Field16 = base::BigEndian<std::uint16_t>;

constexpr std::uint16_t kDontFragment = 0x4000;

/// As a word of a sum.
std::uint16_t word(std::uint16_t value) noexcept {
  return std::bit_cast<std::uint16_t>(Field16{value});
}

}  // namespace

TcpFrame::TcpFrame() noexcept {
  put(kIpv4 - 2, std::to_underlying(EtherType::Ipv4));
  layout_[kIpv4] = std::byte{0x45};  // Version, and five words.
  put(kIpv4 + 6, kDontFragment);
  layout_[kIpv4 + 9] = std::byte{std::to_underlying(IpProtocol::Tcp)};
  // Two no-operations, kind 8, length 10: written where there are timestamps.
  put(kTcp + kTcpHeaderSize, std::uint32_t{0x0101'080a});
}

void TcpFrame::set_link(const TcpFrameLink& link) noexcept {
  has_ipv4_checksum_ = link.has_ipv4_checksum;
  has_tcp_checksum_ = link.has_tcp_checksum;
  link_bytes_ =
      static_cast<std::uint16_t>(kEthernetHeaderSize + (link.vlan == 0 ? 0 : kVlanTagSize));
  std::byte* const out = layout_.data() + kIpv4 - link_bytes_;
  std::memcpy(out, link.destination.bytes().data(), MacAddress::kSize);
  std::memcpy(out + MacAddress::kSize, link.source.bytes().data(), MacAddress::kSize);
  if (link.vlan != 0) {
    put(kIpv4 - 6, std::to_underlying(EtherType::Vlan));
    put(kIpv4 - 4, link.vlan);
  }
}

void TcpFrame::begin(const TcpFrameSetting& setting) noexcept {
  base::debug_expects(
      [&] { return setting.tuple.local.address.is_v4() && setting.tuple.remote.address.is_v4(); });
  payload_bytes_ = kNoLength;
  put_ipv4(setting);
  put_tcp(setting);
}

void TcpFrame::put_ipv4(const TcpFrameSetting& setting) noexcept {
  constexpr std::size_t kV4At = IpAddress::kSize - 4;  // Of a mapped address.
  layout_[kIpv4 + 1] = std::byte{setting.traffic_class};
  layout_[kIpv4 + 8] = std::byte{setting.ttl};
  std::uint32_t local = 0;
  std::uint32_t remote = 0;
  std::memcpy(&local, setting.tuple.local.address.bytes().data() + kV4At, sizeof(local));
  std::memcpy(&remote, setting.tuple.remote.address.bytes().data() + kV4At, sizeof(remote));
  std::memcpy(layout_.data() + kIpv4 + 12, &local, sizeof(local));
  std::memcpy(layout_.data() + kIpv4 + 16, &remote, sizeof(remote));
  pseudo_sum_ = std::uint64_t{local} + remote + word(std::to_underlying(IpProtocol::Tcp));
  if (has_ipv4_checksum_) {
    // Length and checksum may be those of the layout's last segment.
    put(kIpv4 + 2, std::uint16_t{0});
    put(kIpv4 + 10, std::uint16_t{0});
    ipv4_sum_ = sum_of(kIpv4, kIpv4HeaderSize);
  }
}

void TcpFrame::put_tcp(const TcpFrameSetting& setting) noexcept {
  put(kTcp, setting.tuple.local.port.number());
  put(kTcp + 2, setting.tuple.remote.port.number());
  put(kTcp + 8, setting.ack.value());
  put(kTcp + 14, setting.window);
  tcp_bytes_ = kTcpHeaderSize;
  if (setting.timestamps) {
    tcp_bytes_ = kTcpHeaderSize + kTimestampsSize;
    put(kTcp + 24, setting.timestamps->value);
    put(kTcp + 28, setting.timestamps->echo);
  }
  layout_[kTcp + 12] = std::byte{static_cast<std::uint8_t>(tcp_bytes_ / 4U << 4U)};
}

void TcpFrame::set_length(std::uint16_t payload_bytes) noexcept {
  payload_bytes_ = payload_bytes;
  const auto segment = static_cast<std::uint16_t>(tcp_bytes_ + payload_bytes);
  const auto datagram = static_cast<std::uint16_t>(kIpv4HeaderSize + segment);
  put(kIpv4 + 2, datagram);
  const std::uint16_t header_sum =
      has_ipv4_checksum_ ? static_cast<std::uint16_t>(~fold_words(ipv4_sum_ + word(datagram))) : 0;
  std::memcpy(layout_.data() + kIpv4 + 10, &header_sum, sizeof(header_sum));
  std::uint16_t partial = 0;
  if (has_tcp_checksum_) {
    // Sequence number, flags and checksum are zeros in the layout.
    put(kTcp + kChecksumAt, std::uint16_t{0});
    segment_sum_ = pseudo_sum_ + word(segment) + sum_of(kTcp, tcp_bytes_);
  } else {
    partial = fold_words(pseudo_sum_ + word(segment));
  }
  std::memcpy(layout_.data() + kTcp + kChecksumAt, &partial, sizeof(partial));
}

std::uint16_t TcpFrame::checksum_of(std::uint32_t seq_word, TcpFlags flags,
                                    std::uint64_t payload_sum) const noexcept {
  return static_cast<std::uint16_t>(
      ~fold_words(segment_sum_ + seq_word + word(flags.bits()) + payload_sum));
}

std::uint64_t TcpFrame::sum_of(std::size_t from, std::size_t bytes) const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t at = from; at < from + bytes; at += sizeof(std::uint32_t)) {
    std::uint32_t next = 0;
    std::memcpy(&next, layout_.data() + at, sizeof(next));
    sum += next;
  }
  return sum;
}

}  // namespace millrace::wire
