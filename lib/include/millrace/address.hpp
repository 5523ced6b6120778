// Addresses as values: MacAddress, IpAddress, IpPrefix. IPv4 lives in IPv6's mapped form, so that
// nothing above `wire` and `net` ever asks which version it holds (RFC 4291 §2.5.5.2).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <millrace/error.hpp>

#pragma GCC visibility push(default)

namespace millrace {

/// A 48-bit Ethernet address, bytes in wire order. A plain value: use it on any thread.
///
///     const bool is_a_group = millrace::MacAddress::broadcast().is_multicast();
class MacAddress {
 public:
  /// Bytes in an address.
  static constexpr std::size_t kSize = 6;

  /// The all-zero address.
  constexpr MacAddress() noexcept = default;
  /// The address with these bytes, in wire order.
  constexpr explicit MacAddress(std::array<std::uint8_t, kSize> bytes) noexcept : bytes_{bytes} {}

  /// ff:ff:ff:ff:ff:ff.
  [[nodiscard]] static constexpr MacAddress broadcast() noexcept {
    return MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  }

  /// Reads "02:00:00:00:00:01". Error: InvalidArgument.
  [[nodiscard]] static Result<MacAddress> parse(std::string_view text);

  /// The bytes in wire order. Valid as long as the address.
  [[nodiscard]] constexpr const std::array<std::uint8_t, kSize>& bytes() const noexcept {
    return bytes_;
  }
  /// Whether it names a group of stations; the broadcast address does.
  [[nodiscard]] constexpr bool is_multicast() const noexcept { return (bytes_[0] & 1U) != 0; }
  /// Whether it is ff:ff:ff:ff:ff:ff.
  [[nodiscard]] constexpr bool is_broadcast() const noexcept { return *this == broadcast(); }
  /// Whether it is all zeros, which no station has.
  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == MacAddress{}; }
  /// "02:00:00:00:00:01".
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const MacAddress&, const MacAddress&) noexcept = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

/// An IPv4 or IPv6 address in sixteen bytes, wire order; IPv4 in IPv6's mapped form (RFC 4291
/// §2.5.5.2), so that both are compared and kept alike. A plain value: use it on any thread.
///
///     const millrace::IpAddress here = millrace::IpAddress::v4(198, 18, 0, 2);
///     const auto there = millrace::IpAddress::parse("198.18.0.1");
///     const bool is_other = there.has_value() && *there != here;
class IpAddress {
 public:
  /// Bytes in an address.
  static constexpr std::size_t kSize = 16;

  /// The IPv6 unspecified address `::`, which also means "any" in listeners.
  constexpr IpAddress() noexcept = default;
  /// The address with these bytes, in wire order.
  constexpr explicit IpAddress(std::array<std::uint8_t, kSize> bytes) noexcept : bytes_{bytes} {}

  /// The IPv4 address a.b.c.d.
  [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                              std::uint8_t d) noexcept {
    return IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
  }

  /// The IPv4 address from four bytes in wire order.
  [[nodiscard]] static constexpr IpAddress v4(const std::array<std::uint8_t, 4>& b) noexcept {
    return v4(b[0], b[1], b[2], b[3]);
  }

  /// Reads "198.18.0.2" or an IPv6 literal without zone. Error: InvalidArgument.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  /// The bytes in wire order, IPv4 in mapped form. Valid as long as the address.
  [[nodiscard]] constexpr const std::array<std::uint8_t, kSize>& bytes() const noexcept {
    return bytes_;
  }

  /// The IPv4 part in wire order. Only meaningful when `is_v4()`.
  [[nodiscard]] constexpr std::array<std::uint8_t, 4> v4_bytes() const noexcept {
    return {bytes_[12], bytes_[13], bytes_[14], bytes_[15]};
  }

  /// Whether it is an IPv4 address.
  [[nodiscard]] constexpr bool is_v4() const noexcept {
    constexpr std::array<std::uint8_t, 4> kMark{0, 0, 0xff, 0xff};
    const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(bytes_);
    return (words[0] | words[1]) == 0 && words[2] == std::bit_cast<std::uint32_t>(kMark);
  }

  /// `::` or 0.0.0.0.
  [[nodiscard]] constexpr bool is_unspecified() const noexcept {
    return *this == IpAddress{} || *this == v4(0, 0, 0, 0);
  }

  /// 224.0.0.0/4 or ff00::/8.
  [[nodiscard]] constexpr bool is_multicast() const noexcept {
    return is_v4() ? (bytes_[12] & 0xf0U) == 0xe0U : bytes_[0] == 0xffU;
  }

  /// 127.0.0.0/8 or ::1.
  [[nodiscard]] constexpr bool is_loopback() const noexcept {
    return is_v4() ? bytes_[12] == 127
                   : *this == IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  }

  /// 255.255.255.255.
  [[nodiscard]] constexpr bool is_limited_broadcast() const noexcept {
    return *this == v4(255, 255, 255, 255);
  }

  /// "198.18.0.2", or the IPv6 text of RFC 5952.
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) noexcept {
    // By words: every packet is held against a few addresses.
    using Words = std::array<std::uint64_t, 2>;
    const auto left = std::bit_cast<Words>(a.bytes_);
    const auto right = std::bit_cast<Words>(b.bytes_);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

/// An address with the length of its network part: what an interface is given, what a route leads
/// to. A plain value: use it on any thread.
///
///     bool is_neighbor(const millrace::IpAddress& address) {
///       const auto network = millrace::IpPrefix::parse("198.18.0.2/24");
///       return network && network->contains(address);
///     }
class IpPrefix {
 public:
  /// `::/0`, which every address lies in.
  constexpr IpPrefix() noexcept = default;

  /// `length` counts bits of the address's own family: 0 to 32 for IPv4, 0 to 128 for IPv6. Error:
  /// InvalidArgument.
  [[nodiscard]] static Result<IpPrefix> make(IpAddress address, unsigned length);

  /// Reads "198.18.0.2/24". The host part is kept. A missing length is an InvalidArgument.
  [[nodiscard]] static Result<IpPrefix> parse(std::string_view text);

  /// The address as given, host part included.
  [[nodiscard]] constexpr const IpAddress& address() const noexcept { return address_; }
  /// Bits of the network part in the address's own family.
  [[nodiscard]] constexpr unsigned length() const noexcept {
    return mapped_length_ - (address_.is_v4() ? 96U : 0U);
  }
  /// Whether `other` lies in the network.
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
  /// The address with its host part zeroed.
  [[nodiscard]] IpAddress network() const noexcept;
  /// The directed broadcast address of an IPv4 prefix of at most 30 bits; otherwise `::`, which
  /// matches no packet.
  [[nodiscard]] IpAddress directed_broadcast() const noexcept;
  /// "198.18.0.2/24".
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const IpPrefix&, const IpPrefix&) noexcept = default;

 private:
  constexpr IpPrefix(IpAddress address, std::uint8_t mapped_length) noexcept
      : address_{address}, mapped_length_{mapped_length} {}

  IpAddress address_;
  std::uint8_t mapped_length_ = 0;
};

}  // namespace millrace

#pragma GCC visibility pop
