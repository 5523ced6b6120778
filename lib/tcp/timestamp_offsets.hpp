// TimestampOffsets: what each connection adds to the clock of its timestamps (RFC 7323 §7.1): the
// same for all connections between two hosts, so that one that follows another does not seem older,
// and nothing that outsiders can compute.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <millrace/endpoint.hpp>

#include "base/keyed_hash.hpp"

namespace millrace::tcp {

class TimestampOffsets {
 public:
  explicit TimestampOffsets(base::KeyedHash hash) noexcept : hash_{hash} {}

  /// By both addresses, as Linux does: RFC 6191's reuse of TIME-WAIT needs values that go on from
  /// one connection to the next, whatever its ports.
  [[nodiscard]] std::uint32_t of(const FourTuple& tuple) const noexcept {
    std::array<std::byte, 2 * IpAddress::kSize> bytes;
    std::memcpy(bytes.data(), tuple.local.address.bytes().data(), IpAddress::kSize);
    std::memcpy(bytes.data() + IpAddress::kSize, tuple.remote.address.bytes().data(),
                IpAddress::kSize);
    return static_cast<std::uint32_t>(hash_(bytes));
  }

 private:
  base::KeyedHash hash_;
};

}  // namespace millrace::tcp
