// What `PUT /sink` answers with: length and SHA-256 of a body that is never kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <sodium/crypto_hash_sha256.h>

namespace httpd {

/// Takes a body piece by piece.
class Sink {
 public:
  Sink() noexcept { reset(); }

  /// Forgets everything.
  void reset() noexcept;
  /// Adds the next piece.
  void add(std::span<const std::byte> piece) noexcept;
  /// Appends "LENGTH SHA256\n": bytes in decimal, hash in lower-case hexadecimal. `reset` before
  /// the next use.
  void append_answer(std::string& out) noexcept;

 private:
  crypto_hash_sha256_state state_;
  std::uint64_t length_;
};

}  // namespace httpd
