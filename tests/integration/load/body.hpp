// Bodies of requests and answers: a stream of bytes from a seed, and the hash of what went by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <sodium/crypto_hash_sha256.h>

namespace load {

/// SHA-256 of a body, piece by piece.
class Hash {
 public:
  Hash() noexcept { crypto_hash_sha256_init(&state_); }

  void add(std::span<const std::byte> piece) noexcept;
  /// In lower-case hexadecimal. Ends it.
  [[nodiscard]] std::string finish();

 private:
  crypto_hash_sha256_state state_;
};

/// The same bytes for the same seed, hashed as they are drawn.
class SeededBody {
 public:
  SeededBody(std::uint64_t seed, std::uint64_t size) noexcept : state_{seed}, left_{size} {}

  /// Fills `into` from the front and returns how many bytes that made; fewer at the end.
  [[nodiscard]] std::size_t draw(std::span<std::byte> into) noexcept;
  [[nodiscard]] std::uint64_t left() const noexcept { return left_; }
  /// Of all bytes drawn. Ends it.
  [[nodiscard]] std::string sha256() { return hash_.finish(); }

 private:
  std::uint64_t state_;
  std::uint64_t left_;
  Hash hash_;
};

}  // namespace load
