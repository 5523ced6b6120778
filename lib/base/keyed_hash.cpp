// KeyedHash over libsodium's SipHash-2-4.
// The result is read as a little-endian number, as the SipHash paper prints it, so that a seeded
// run is the same everywhere.
#include "base/keyed_hash.hpp"

#include <bit>

#include <sodium/crypto_shorthash_siphash24.h>

namespace millrace::base {

static_assert(KeyedHash::kKeyBytes == crypto_shorthash_siphash24_KEYBYTES);
static_assert(sizeof(std::uint64_t) == crypto_shorthash_siphash24_BYTES);

namespace {

const unsigned char* as_octets(const std::byte* bytes) noexcept {
  return static_cast<const unsigned char*>(static_cast<const void*>(bytes));
}

}  // namespace

std::uint64_t KeyedHash::operator()(std::span<const std::byte> bytes) const noexcept {
  std::array<unsigned char, sizeof(std::uint64_t)> digest;
  crypto_shorthash_siphash24(digest.data(), as_octets(bytes.data()), bytes.size(),
                             as_octets(key_.data()));
  const auto hash = std::bit_cast<std::uint64_t>(digest);
  if constexpr (std::endian::native == std::endian::big) {
    return std::byteswap(hash);
  }
  return hash;
}

}  // namespace millrace::base
