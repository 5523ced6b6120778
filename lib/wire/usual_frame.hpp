// UsualFrame: what nearly every frame is, a TCP segment in an IPv4 datagram without options and in
// one piece, without VLAN tag. Its fields are read where they lie, one by one, when they are
// wanted. What is not usual is for the parsers of each header, and so is saying why something is
// dropped.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <millrace/address.hpp>

#include "base/big_endian.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/seq_num.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"
#include "wire/tuple_key.hpp"

namespace millrace::wire {

/// A station's address as `UsualFrame` compares it.
class StationWord {
 public:
  explicit StationWord(const MacAddress& mac) noexcept {
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), mac.bytes().data(), MacAddress::kSize);
    word_ = std::bit_cast<std::uint64_t>(bytes);
  }
  [[nodiscard]] std::uint64_t word() const noexcept { return word_; }

 private:
  std::uint64_t word_;
};

/// A view. Only `is_usual` may be asked before it has said yes, and lengths are the sender's word
/// until they are compared with the frame's.
class UsualFrame {
 public:
  /// The smallest frame that can be one.
  static constexpr std::size_t kSizeMin = kEthernetHeaderSize + kIpv4HeaderSize + kTcpHeaderSize;
  /// Where the segment starts.
  static constexpr std::size_t kSegmentAt = kEthernetHeaderSize + kIpv4HeaderSize;

  /// At least `kSizeMin` bytes from `frame` on.
  explicit UsualFrame(const std::byte* frame) noexcept : bytes_{frame} {}

  /// To `station`, IPv4 with a header of twenty bytes, no fragment, TCP.
  [[nodiscard]] bool is_usual(const StationWord& station) const noexcept {
    const bool is_to_station = (load<std::uint64_t>(0) & kStationMask) == station.word();
    const bool is_ipv4 = (load<std::uint32_t>(kTypeAt) & kTypeMask) == kTypeWanted;
    const bool is_whole_tcp = (load<std::uint64_t>(kLengthAt) & kWholeTcpMask) == kWholeTcpWanted;
    return is_to_station && is_ipv4 && is_whole_tcp;
  }

  [[nodiscard]] TupleKey key() const noexcept {
    return {.remote = load<std::uint32_t>(kSourceAt),
            .local = load<std::uint32_t>(kDestinationAt),
            .ports = load<std::uint32_t>(kSegmentAt)};
  }
  [[nodiscard]] std::uint8_t traffic_class() const noexcept {
    return load<std::uint8_t>(kTypeAt + 3);
  }
  /// Of the datagram, in bytes.
  [[nodiscard]] std::uint32_t total_length() const noexcept { return field16(kLengthAt); }
  /// Of the segment, in bytes, options included.
  [[nodiscard]] std::uint32_t tcp_header_length() const noexcept {
    return (std::uint32_t{load<std::uint8_t>(kSegmentAt + 12)} >> 4U) * 4U;
  }
  [[nodiscard]] SeqNum seq() const noexcept { return SeqNum{field32(kSegmentAt + 4)}; }
  [[nodiscard]] SeqNum ack() const noexcept { return SeqNum{field32(kSegmentAt + 8)}; }
  [[nodiscard]] TcpFlags flags() const noexcept {
    return TcpFlags{load<std::uint8_t>(kSegmentAt + 13)};
  }
  [[nodiscard]] std::uint16_t window() const noexcept { return field16(kSegmentAt + 14); }
  [[nodiscard]] std::uint16_t urgent_pointer() const noexcept { return field16(kSegmentAt + 18); }

  /// With a TCP header of `kHeaderWithTimestamps` bytes: whether its options are timestamps behind
  /// two fillers (RFC 7323, appendix A), and which.
  static constexpr std::uint32_t kHeaderWithTimestamps = kTcpHeaderSize + 12;
  [[nodiscard]] bool has_timestamps_alone() const noexcept {
    return load<std::uint32_t>(kOptionsAt) == kPaddedTimestamps;
  }
  [[nodiscard]] TcpTimestamps timestamps() const noexcept {
    return {.value = field32(kOptionsAt + 4), .echo = field32(kOptionsAt + 8)};
  }

  /// What a frame says but for where its text stands, and where its options are at most timestamps.
  struct Statement {
    std::uint32_t length;  // Of the datagram, with its traffic class.
    std::uint32_t ack;
    std::uint32_t flags;  // With the header's length and the window.
    std::uint32_t echo;
    std::uint64_t value;  // With the option's kind.
    bool has_timestamps;
  };
  [[nodiscard]] Statement statement() const noexcept {
    const bool has_timestamps = tcp_header_length() == kHeaderWithTimestamps;
    return {.length = load<std::uint32_t>(kTypeAt + 2),
            .ack = load<std::uint32_t>(kSegmentAt + 8),
            .flags = load<std::uint32_t>(kSegmentAt + 12) & kAllButPush,
            .echo = has_timestamps ? load<std::uint32_t>(kOptionsAt + 8) : 0,
            .value = has_timestamps ? load<std::uint64_t>(kOptionsAt) : 0,
            .has_timestamps = has_timestamps};
  }
  /// Whether this one, which has as many bytes at least as that, says the same, PSH aside.
  [[nodiscard]] bool says(const Statement& statement) const noexcept {
    const bool is_alike = load<std::uint32_t>(kTypeAt + 2) == statement.length &&
                          load<std::uint32_t>(kSegmentAt + 8) == statement.ack &&
                          (load<std::uint32_t>(kSegmentAt + 12) & kAllButPush) == statement.flags;
    return is_alike &&
           (!statement.has_timestamps || (load<std::uint64_t>(kOptionsAt) == statement.value &&
                                          load<std::uint32_t>(kOptionsAt + 8) == statement.echo));
  }

  /// Whether IPv4's checksum is right.
  [[nodiscard]] bool has_valid_ip_checksum() const noexcept;
  /// Whether TCP's is. All of `total_length` must be there.
  [[nodiscard]] bool has_valid_tcp_checksum() const noexcept;

 private:
  static constexpr std::size_t kTypeAt = 12;    // EtherType, version and length, traffic class.
  static constexpr std::size_t kLengthAt = 16;  // Total length, identification, fragment, protocol.
  static constexpr std::size_t kSourceAt = 26;
  static constexpr std::size_t kDestinationAt = 30;
  static constexpr std::size_t kOptionsAt = kSegmentAt + kTcpHeaderSize;

  using Bytes4 = std::array<std::uint8_t, 4>;
  using Bytes8 = std::array<std::uint8_t, 8>;
  static constexpr auto kStationMask =
      std::bit_cast<std::uint64_t>(Bytes8{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0});
  static constexpr auto kTypeMask = std::bit_cast<std::uint32_t>(Bytes4{0xff, 0xff, 0xff, 0});
  static constexpr auto kTypeWanted = std::bit_cast<std::uint32_t>(Bytes4{0x08, 0x00, 0x45, 0});
  // More fragments, and the offset of this one; the protocol.
  static constexpr auto kWholeTcpMask =
      std::bit_cast<std::uint64_t>(Bytes8{0, 0, 0, 0, 0x3f, 0xff, 0, 0xff});
  static constexpr auto kWholeTcpWanted =
      std::bit_cast<std::uint64_t>(Bytes8{0, 0, 0, 0, 0, 0, 0, 6});
  // Of the third word of a segment behind its numbers.
  static constexpr auto kAllButPush = std::bit_cast<std::uint32_t>(
      Bytes4{0xff, static_cast<std::uint8_t>(~TcpFlags::kPsh & 0xff), 0xff, 0xff});
  static constexpr auto kPaddedTimestamps = std::bit_cast<std::uint32_t>(Bytes4{1, 1, 8, 10});

  template <class T>
  [[nodiscard]] T load(std::size_t at) const noexcept {
    T value;
    std::memcpy(&value, bytes_ + at, sizeof value);
    return value;
  }
  [[nodiscard]] std::uint16_t field16(std::size_t at) const noexcept {
    return load<base::BigEndian<std::uint16_t>>(at).value();
  }
  [[nodiscard]] std::uint32_t field32(std::size_t at) const noexcept {
    return load<base::BigEndian<std::uint32_t>>(at).value();
  }

  const std::byte* bytes_;
};

}  // namespace millrace::wire
