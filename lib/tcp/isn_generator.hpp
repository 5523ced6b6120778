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

  /// RFC 9293 §3.4.1: ISN = M + F(tuple, secret), where M ticks every four microseconds.
  [[nodiscard]] wire::SeqNum next(const FourTuple& tuple, Instant now) const noexcept {
    const auto ticks = static_cast<std::uint64_t>(now.time_since_epoch().count()) / 4'000U;
    return wire::SeqNum{static_cast<std::uint32_t>(ticks + hash_(bytes_of(tuple)))};
  }

 private:
  base::KeyedHash hash_;
};

}  // namespace millrace::tcp
