// KeyedHash: SipHash-2-4 under a secret key, so that nobody who lacks the key can choose colliding
// table entries. Where keys come from, and the tables themselves, are left to others. The NIC's own
// hash is not this one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::base {

class KeyedHash {
 public:
  static constexpr std::size_t kKeyBytes = 16;

  explicit KeyedHash(std::array<std::byte, kKeyBytes> key) noexcept : key_{key} {}

  [[nodiscard]] std::uint64_t operator()(std::span<const std::byte> bytes) const noexcept;

 private:
  std::array<std::byte, kKeyBytes> key_;
};

}  // namespace millrace::base
