// TcpFrame: the headers of a connection's usual segments, from Ethernet to TCP with the timestamps
// option, laid out once and written with a few wide stores each. What all connections have in
// common stays where it is from one to the next. Byte for byte what the emit functions of each
// header write; whatever else a segment may carry is left to those.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <millrace/address.hpp>
#include <millrace/endpoint.hpp>

#include "base/big_endian.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"
#include "wire/vlan.hpp"

namespace millrace::wire {

/// What all that leaves for one station has in common.
struct TcpFrameLink {
  MacAddress source;
  MacAddress destination;
  std::uint16_t vlan = 0;         ///< 0: no tag.
  bool has_ipv4_checksum = true;  ///< False: the field is zero, as devices that fill it in want it.
  bool has_tcp_checksum = true;   ///< False: the field holds the pseudo header's sum.
};

/// What the segments have in common. Their datagrams are atomic: DF is set, the identification zero
/// (RFC 6864 §4.1).
struct TcpFrameSetting {
  const FourTuple& tuple;  ///< Of IPv4 addresses.
  std::uint8_t ttl = 64;
  std::uint8_t traffic_class = 0;
  SeqNum ack{0};
  std::uint16_t window = 0;  ///< As on the wire.
  std::optional<TcpTimestamps> timestamps;
};

class TcpFrame {
 public:
  /// What `write` touches before the place where the IPv4 header begins.
  static constexpr std::size_t kBytesBefore = kEthernetHeaderSize + kVlanTagSize;

  /// Nothing may be written before `set_link`, and `begin` after that.
  TcpFrame() noexcept;

  /// What begins from now on leaves by `link`.
  void set_link(const TcpFrameLink& link) noexcept;
  /// From now on the segments are those of `setting`, which is not kept.
  void begin(const TcpFrameSetting& setting) noexcept;

  /// Of Ethernet, and of the VLAN's tag.
  [[nodiscard]] std::uint16_t link_bytes() const noexcept { return link_bytes_; }
  /// Of TCP, options included.
  [[nodiscard]] std::uint16_t tcp_bytes() const noexcept { return tcp_bytes_; }

  /// Writes all headers of a segment: `link_bytes()` before `ipv4` and the others from there on.
  /// `payload_sum` is what `sum_words` gives for the payload, and not looked at where the device
  /// fills in the checksum.
  void write(std::byte* ipv4, SeqNum seq, TcpFlags flags, std::uint16_t payload_bytes,
             std::uint64_t payload_sum) noexcept {
    if (payload_bytes != payload_bytes_) {
      set_length(payload_bytes);
    }
    // First what is the same: its own is stored over it where it goes, for a wide load that follows
    // narrow stores has to wait for them.
    if (tcp_bytes_ == kTcpHeaderSize) {
      std::memcpy(ipv4 - kBytesBefore, layout_.data(), layout_.size() - kTimestampsSize);
    } else {
      std::memcpy(ipv4 - kBytesBefore, layout_.data(), layout_.size());
    }
    std::byte* const tcp = ipv4 + kIpv4HeaderSize;
    const base::BigEndian<std::uint32_t> number{seq.value()};
    std::memcpy(tcp + kSeqAt, &number, sizeof(number));
    tcp[kFlagsAt] = std::byte{flags.bits()};
    if (has_tcp_checksum_) {
      const std::uint16_t checksum =
          checksum_of(std::bit_cast<std::uint32_t>(number), flags, payload_sum);
      std::memcpy(tcp + kChecksumAt, &checksum, sizeof(checksum));
    }
  }

 private:
  // Where headers begin in the layout.
  static constexpr std::size_t kIpv4 = kBytesBefore;
  static constexpr std::size_t kTcp = kIpv4 + kIpv4HeaderSize;
  static constexpr std::size_t kTimestampsSize = 12;  // With their padding.
  // Of TCP's fields.
  static constexpr std::size_t kSeqAt = 4;
  static constexpr std::size_t kFlagsAt = 13;
  static constexpr std::size_t kChecksumAt = 16;

  template <class T>
  void put(std::size_t at, T value) noexcept {
    const base::BigEndian<T> field{value};
    std::memcpy(layout_.data() + at, &field, sizeof(field));
  }
  void put_ipv4(const TcpFrameSetting& setting) noexcept;
  void put_tcp(const TcpFrameSetting& setting) noexcept;
  void set_length(std::uint16_t payload_bytes) noexcept;
  /// As it lies in memory; `seq_word` is the sequence number as it does.
  [[nodiscard]] std::uint16_t checksum_of(std::uint32_t seq_word, TcpFlags flags,
                                          std::uint64_t payload_sum) const noexcept;
  [[nodiscard]] std::uint64_t sum_of(std::size_t from, std::size_t bytes) const noexcept;

  alignas(16) std::array<std::byte, kTcp + kTcpHeaderSize + kTimestampsSize> layout_{};
  std::uint64_t ipv4_sum_ = 0;    // Of the header without length and checksum.
  std::uint64_t pseudo_sum_ = 0;  // Of TCP's pseudo header without length.
  static constexpr std::uint32_t kNoLength = 0xffff'ffff;
  std::uint32_t payload_bytes_ = kNoLength;  // Of the length in the layout; at first none.
  std::uint64_t segment_sum_ = 0;  // Of both TCP headers, but for what a segment has of its own.
  std::uint16_t link_bytes_ = kEthernetHeaderSize;
  std::uint16_t tcp_bytes_ = kTcpHeaderSize;
  bool has_ipv4_checksum_ = true;
  bool has_tcp_checksum_ = true;
};

}  // namespace millrace::wire
