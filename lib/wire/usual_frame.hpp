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

  /// Bytes that a frame, and the one that it may repeat, must have.
  static constexpr std::size_t kRepeatSizeMin = kSegmentAt + kHeaderWithTimestamps;
  /// Whether it says what `before`, which is usual, does: all of its headers but where its text
  /// stands, PSH, and what no receiver minds. Only where there are no options, or twelve bytes.
  [[nodiscard]] bool repeats(const UsualFrame& before) const noexcept {
    const std::uint32_t header = tcp_header_length();
    const bool has_options = header == kHeaderWithTimestamps;
    const Block headers = differing(before, kTypeAt, kRepeatedOfIp) |
                          differing(before, kTypeAt + sizeof(Block), kRepeatedOfNumbers) |
                          differing(before, kTypeAt + 2 * sizeof(Block),
                                    has_options ? kRepeatedOfFlagsAndOptions : kRepeatedOfFlags);
    constexpr std::size_t kLastAt = kRepeatSizeMin - sizeof(std::uint64_t);
    const std::uint64_t last =
        has_options ? load<std::uint64_t>(kLastAt) ^ before.load<std::uint64_t>(kLastAt) : 0;
    const std::uint64_t station =
        (load<std::uint64_t>(0) ^ before.load<std::uint64_t>(0)) & kStationMask;
    return (headers[0] | headers[1] | last | station) == 0 &&
           (has_options || header == kTcpHeaderSize);
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
  // What `repeats` compares, sixteen bytes at once: type, version and length, fragments, protocol,
  // then addresses and ports, the acknowledgment, the rest of the header without PSH and sums.
  using Block [[gnu::vector_size(16)]] = std::uint64_t;
  using Mask = std::array<std::uint8_t, sizeof(Block)>;
  static constexpr Mask kRepeatedOfIp{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,
                                      0x3f, 0xff, 0,    0xff, 0,    0,    0xff, 0xff};
  static constexpr Mask kRepeatedOfNumbers{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0,    0,    0,    0,    0xff, 0xff};
  static constexpr Mask kRepeatedOfFlags{0xff, 0xff, 0xff, 0xf7, 0xff, 0xff, 0, 0,
                                         0,    0,    0,    0,    0,    0,    0, 0};
  static constexpr Mask kRepeatedOfFlagsAndOptions{0xff, 0xff, 0xff, 0xf7, 0xff, 0xff, 0,    0,
                                                   0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  [[nodiscard]] Block differing(const UsualFrame& before, std::size_t at,
                                const Mask& mask) const noexcept {
    Block here;
    Block there;
    Block compared;
    std::memcpy(&here, bytes_ + at, sizeof here);
    std::memcpy(&there, before.bytes_ + at, sizeof there);
    std::memcpy(&compared, mask.data(), sizeof compared);
    return (here ^ there) & compared;
  }
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
