// libsodium does the hashing; bytes and characters meet here.
#include "httpd/sink.hpp"

#include <array>
#include <string_view>

namespace httpd {

void Sink::reset() noexcept {
  crypto_hash_sha256_init(&state_);
  length_ = 0;
}

void Sink::add(std::span<const std::byte> piece) noexcept {
  const void* bytes = piece.data();
  crypto_hash_sha256_update(&state_, static_cast<const unsigned char*>(bytes), piece.size());
  length_ += piece.size();
}

void Sink::append_answer(std::string& out) noexcept {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256_final(&state_, hash.data());
  out += std::to_string(length_);
  out += ' ';
  for (const unsigned char byte : hash) {
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xfU];
  }
  out += '\n';
}

}  // namespace httpd
