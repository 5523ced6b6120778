// The Internet checksum (RFC 1071) over pieces, with pseudo header and incremental update. Where
// the result is stored, and whether a device computes it instead, is up to the callers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <millrace/address.hpp>
#include <span>

#include "wire/ipv4.hpp"

namespace millrace::wire {

/// Sums the pieces of a packet in their order, as if they lay side by side: pieces may have odd
/// lengths. At most 4 GiB in all. Values go in and out in host order; store `finish()` big-endian.
class Checksum {
 public:
  constexpr Checksum() noexcept = default;

  void add(std::span<const std::byte> bytes) noexcept;
  /// As `add`, and copies the bytes to `to` in the same go; they must not overlap.
  void add_copied(std::byte* to, std::span<const std::byte> bytes) noexcept;

  /// The pseudo header of TCP and UDP, for either IP version. `length` is that of header and
  /// payload together. Must come first, or after an even number of bytes.
  void add_pseudo_header(const IpAddress& source, const IpAddress& destination, IpProtocol protocol,
                         std::uint32_t length) noexcept;

  /// The value for the checksum field, had the field been zero in what was summed.
  [[nodiscard]] std::uint16_t finish() const noexcept {
    return static_cast<std::uint16_t>(~folded());
  }

  /// The sum without the final complement: what devices that complete a checksum want to find in
  /// the field.
  [[nodiscard]] std::uint16_t folded() const noexcept;

  /// Whether what was summed, its checksum field included, is intact.
  [[nodiscard]] bool is_valid() const noexcept { return folded() == 0xffff; }

 private:
  void add_sum(std::uint64_t sum, std::size_t size) noexcept;

  std::uint64_t sum_ =
      0;  // Of 16-bit words in memory order; bits above the lowest 16 are carries not yet added.
  bool is_odd_ = false;  // An odd number of bytes was summed so far.
};

/// The checksum of one piece.
[[nodiscard]] std::uint16_t internet_checksum(std::span<const std::byte> bytes) noexcept;

/// Whether a piece that contains its own checksum is intact.
[[nodiscard]] bool has_valid_checksum(std::span<const std::byte> bytes) noexcept;

/// Whether a whole TCP segment or UDP datagram, its checksum field included, is intact.
[[nodiscard]] bool has_valid_transport_checksum(const IpAddress& source,
                                                const IpAddress& destination, IpProtocol protocol,
                                                std::span<const std::byte> bytes) noexcept;

/// Whether `field`, the checksum field of a TCP segment or UDP datagram of `length` bytes, holds
/// the sum of the pseudo header alone: what a sender leaves to a NIC that finishes checksums.
[[nodiscard]] bool is_partial_checksum(std::uint16_t field, const IpAddress& source,
                                       const IpAddress& destination, IpProtocol protocol,
                                       std::uint32_t length) noexcept;

/// The checksum after one aligned 16-bit word that it covers has changed, all in host order.
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t old_checksum,
                                                      std::uint16_t old_word,
                                                      std::uint16_t new_word) noexcept {
  // RFC 1624 §3, equation 3. The older form of RFC 1141 can yield the wrong one of the two zeros.
  constexpr std::uint32_t kMask = 0xffff;
  std::uint32_t sum =
      (~std::uint32_t{old_checksum} & kMask) + (~std::uint32_t{old_word} & kMask) + new_word;
  sum = (sum & kMask) + (sum >> 16U);
  sum = (sum & kMask) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace millrace::wire
