// The sums behind checksum.hpp, in memory order: swapping the bytes of every word swaps those of
// the sum (RFC 1071 §2 B), so one swap at the end does. A sum of 32-bit words will do, for their
// halves are folded onto each other in the end.
#include "wire/checksum.hpp"

#include <array>
#include <bit>
#include <utility>

#include "base/big_endian.hpp"
#include "base/contract.hpp"
#include "wire/word_sum.hpp"

namespace millrace::wire {

namespace {

std::uint64_t sum_of(const IpAddress& address) noexcept {
  static_assert(IpAddress::kSize == 4 * sizeof(std::uint32_t));
  const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(address.bytes());
  return std::uint64_t{words[0]} + words[1] + words[2] + words[3];
}

}  // namespace

void Checksum::add(std::span<const std::byte> bytes) noexcept {
  add_sum(sum_words(bytes), bytes.size());
}

void Checksum::add_copied(std::byte* to, std::span<const std::byte> bytes) noexcept {
  add_sum(copy_and_sum_words(to, bytes), bytes.size());
}

void Checksum::add_sum(std::uint64_t sum, std::size_t size) noexcept {
  if (is_odd_) {
    // Every byte lies in the other half of its word than it would if the piece stood alone.
    sum = std::byteswap(fold_words(sum));
  }
  sum_ += sum;
  is_odd_ ^= size % 2 != 0;
}

void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination,
                                 IpProtocol protocol, std::uint32_t length) noexcept {
  base::expects(!is_odd_);
  base::expects(source.is_v4() == destination.is_v4());
  // IPv4's pseudo header (RFC 9293 §3.1) sums the same fields as IPv6's (RFC 8200 §8.1), but for
  // the prefix of mapped addresses. That prefix adds 0xffff, which is zero in this arithmetic, so
  // one sum serves both.
  using Field = base::BigEndian<std::uint32_t>;
  sum_ += sum_of(source) + sum_of(destination);
  sum_ += std::bit_cast<std::uint32_t>(Field{length});
  sum_ += std::bit_cast<std::uint32_t>(Field{std::to_underlying(protocol)});
}

std::uint16_t Checksum::folded() const noexcept {
  const std::uint16_t sum = fold_words(sum_);
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
