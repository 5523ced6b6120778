// IsnGenerator: initial sequence numbers that outsiders cannot guess (RFC 6528).
#pragma once

#include <array>
#include <cstring>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"
#include "wire/seq_num.hpp"

namespace millrace::tcp {

/// The bytes of a four-tuple that tell connections apart, for keyed hashes.
[[nodiscard]] inline std::array<std::byte, 36> bytes_of(const FourTuple& tuple) noexcept {
  std::array<std::byte, 36> bytes;
  const std::uint16_t ports[2] = {tuple.local.port.number(), tuple.remote.port.number()};
  std::memcpy(bytes.data(), tuple.local.address.bytes().data(), IpAddress::kSize);
  std::memcpy(bytes.data() + IpAddress::kSize, tuple.remote.address.bytes().data(),
              IpAddress::kSize);
  std::memcpy(bytes.data() + 2 * IpAddress::kSize, ports, sizeof ports);
  return bytes;
}

class IsnGenerator {
 public:
  explicit IsnGenerator(base::KeyedHash hash) noexcept : hash_{hash} {}

  /// RFC 9293 §3.4.1: ISN = M + F(tuple, secret).
  // Deviates from RFC 9293 §3.4.1: M ticks every 64 ns, not every 4 µs, because a connection of
  // today sends more than one byte in 4 µs: opened again soon after, it would begin behind its
  // predecessor's last number and be refused by the peer's TIME-WAIT (RFC 6191 §2). M still takes
  // four and a half minutes to come around, twice 2 MSL.
  [[nodiscard]] wire::SeqNum next(const FourTuple& tuple, Instant now) const noexcept {
    const auto ticks = static_cast<std::uint64_t>(now.time_since_epoch().count()) / 64U;
    return wire::SeqNum{static_cast<std::uint32_t>(ticks + hash_(bytes_of(tuple)))};
  }

 private:
  base::KeyedHash hash_;
};

}  // namespace millrace::tcp
