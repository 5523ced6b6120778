// Random over libsodium's ChaCha20: one buffer is the key stream of one nonce, and nonces count up.
// The bounded draw follows Lemire, "Fast Random Integer Generation in an Interval" (2019): it
// divides only when a draw falls where a bias could arise.
#include "base/random.hpp"

#include <algorithm>

#include <sodium/core.h>
#include <sodium/crypto_stream_chacha20.h>
#include <sodium/randombytes.h>

#include "base/contract.hpp"

namespace millrace::base {

namespace {

unsigned char* as_octets(std::byte* bytes) noexcept {
  return static_cast<unsigned char*>(static_cast<void*>(bytes));
}

void store_little_endian(std::uint64_t value, std::span<std::byte, 8> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::byte>(value >> (8 * i));
  }
}

}  // namespace

Random Random::from_system() noexcept {
  expects(sodium_init() >= 0);
  std::array<std::byte, kKeyBytes> key;
  randombytes_buf(key.data(), key.size());
  return Random{key};
}

Random Random::from_seed(std::uint64_t seed) noexcept {
  // Not for randomness: until then libsodium takes its portable ChaCha20, not the one for this
  // processor.
  expects(sodium_init() >= 0);
  std::array<std::byte, kKeyBytes> key{};
  store_little_endian(seed, std::span{key}.first<8>());
  return Random{key};
}

std::uint32_t Random::below(std::uint32_t n) noexcept {
  expects(n > 0);
  std::uint64_t product = std::uint64_t{next_u32()} * n;
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = (0U - n) % n;
    while (static_cast<std::uint32_t>(product) < threshold) {
      product = std::uint64_t{next_u32()} * n;
    }
  }
  return static_cast<std::uint32_t>(product >> 32);
}

void Random::fill(std::span<std::byte> out) noexcept {
  while (!out.empty()) {
    if (used_ == kBufferBytes) {
      refill();
    }
    const std::size_t count = std::min(out.size(), kBufferBytes - used_);
    std::memcpy(out.data(), buffer_.data() + used_, count);
    used_ += count;
    out = out.subspan(count);
  }
}

void Random::refill() noexcept {
  static_assert(kKeyBytes == crypto_stream_chacha20_KEYBYTES);
  std::array<std::byte, crypto_stream_chacha20_NONCEBYTES> nonce;
  store_little_endian(next_block_, nonce);
  ++next_block_;
  crypto_stream_chacha20(as_octets(buffer_.data()), buffer_.size(), as_octets(nonce.data()),
                         as_octets(key_.data()));
  used_ = 0;
}

}  // namespace millrace::base
