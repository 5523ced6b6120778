// The sums behind checksum.hpp, eight bytes at a time and in memory order: swapping the bytes of
// every word swaps those of the sum (RFC 1071 §2 B), so one swap at the end does.
#include "wire/checksum.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"

namespace millrace::wire {

namespace {

template <class Word>
Word load(const std::byte* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof(Word));
  return word;
}

std::uint16_t fold(std::uint64_t sum) noexcept {
  while (sum >> 16U != 0) {
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(sum);
}

// A sum of 32-bit halves: 2^32 of them fit, which is 16 GiB.
std::uint64_t sum_words(std::span<const std::byte> bytes) noexcept {
  const std::byte* at = bytes.data();
  std::size_t size = bytes.size();
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  for (; size >= 8; at += 8, size -= 8) {
    const auto word = load<std::uint64_t>(at);
    low += word & 0xffff'ffffU;
    high += word >> 32U;
  }
  if (size > 0) {
    // Zeros behind the end do not change the sum, and an odd last byte is a word padded with zero.
    std::uint64_t word = 0;
    std::memcpy(&word, at, size);
    low += word & 0xffff'ffffU;
    high += word >> 32U;
  }
  return low + high;
}

}  // namespace

void Checksum::add(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sum = sum_words(bytes);
  if (is_odd_) {
    // Every byte lies in the other half of its word than it would if the piece stood alone.
    sum = std::byteswap(fold(sum));
  }
  sum_ += sum;
  is_odd_ ^= bytes.size() % 2 != 0;
}

void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination,
                                 IpProtocol protocol, std::uint32_t length) noexcept {
  base::expects(!is_odd_);
  base::expects(source.is_v4() == destination.is_v4());
  // IPv4's pseudo header (RFC 9293 §3.1) sums the same fields as IPv6's (RFC 8200 §8.1), but for
  // the prefix of mapped addresses. That prefix adds 0xffff, which is zero in this arithmetic, so
  // one sum serves both.
  using Field = base::BigEndian<std::uint32_t>;
  sum_ += sum_words(std::as_bytes(std::span{source.bytes()}));
  sum_ += sum_words(std::as_bytes(std::span{destination.bytes()}));
  sum_ += std::bit_cast<std::uint32_t>(Field{length});
  sum_ += std::bit_cast<std::uint32_t>(Field{std::to_underlying(protocol)});
}

std::uint16_t Checksum::folded() const noexcept {
  const std::uint16_t sum = fold(sum_);
  return std::endian::native == std::endian::little ? std::byteswap(sum) : sum;
}

std::uint16_t internet_checksum(std::span<const std::byte> bytes) noexcept {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.finish();
}

bool has_valid_checksum(std::span<const std::byte> bytes) noexcept {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.is_valid();
}

bool has_valid_transport_checksum(const IpAddress& source, const IpAddress& destination,
                                  IpProtocol protocol, std::span<const std::byte> bytes) noexcept {
  Checksum checksum;
  checksum.add_pseudo_header(source, destination, protocol,
                             static_cast<std::uint32_t>(bytes.size()));
  checksum.add(bytes);
  return checksum.is_valid();
}

bool is_partial_checksum(std::uint16_t field, const IpAddress& source, const IpAddress& destination,
                         IpProtocol protocol, std::uint32_t length) noexcept {
  Checksum checksum;
  checksum.add_pseudo_header(source, destination, protocol, length);
  return field == checksum.folded();
}

}  // namespace millrace::wire
