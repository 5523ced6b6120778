// libsodium does the hashing; the bytes are those of SplitMix64, a counter that is mixed well.
#include "load/body.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace load {
namespace {

std::uint64_t next(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t value = state;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

}  // namespace

void Hash::add(std::span<const std::byte> piece) noexcept {
  const void* const bytes = piece.data();
  crypto_hash_sha256_update(&state_, static_cast<const unsigned char*>(bytes), piece.size());
}

std::string Hash::finish() {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state_, hash.data());
  std::string text;
  for (const unsigned char byte : hash) {
    text += kHexDigits[byte >> 4U];
    text += kHexDigits[byte & 0xfU];
  }
  return text;
}

std::size_t SeededBody::draw(std::span<std::byte> into) noexcept {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  // Every draw starts with a number of its own, so a piece's bytes depend on where pieces end: draw
  // in pieces of a multiple of eight bytes, and only the last one may be shorter.
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t number = next(state_);
    std::memcpy(into.data() + at, &number, std::min(sizeof(number), size - at));
  }
  left_ -= size;
  hash_.add(into.first(size));
  return size;
}

}  // namespace load
