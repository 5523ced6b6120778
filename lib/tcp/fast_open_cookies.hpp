// FastOpenCookies: what a server gives to clients so that they may send data with their next SYN,
// and whether what one brings is such a cookie (RFC 7413 §4.1.2). Who may use it is the listener's.
#pragma once

#include <cstdint>
#include <optional>

#include <millrace/endpoint.hpp>
#include <millrace/time.hpp>

#include "base/keyed_hash.hpp"
#include "base/random.hpp"
#include "wire/tcp_options.hpp"

namespace millrace::tcp {

using wire::FastOpenCookie;

enum class FastOpenVerdict : std::uint8_t {
  Wrong,
  Outdated,  ///< Of the key before: still good, but a new one is due.
  Good,
};

/// A cookie is a keyed hash of both addresses: it proves that its client can receive there, and is
/// of no use to others. The key changes; cookies of the one before are taken for as long again.
class FastOpenCookies {
 public:
  using Key = std::optional<std::array<std::uint8_t, base::KeyedHash::kKeyBytes>>;

  /// With `key` it is that one for ever, else one drawn from `random`, which must outlive it, for
  /// `key_lifetime`.
  FastOpenCookies(const Key& key, Duration key_lifetime, base::Random& random,
                  Instant now) noexcept;

  /// With `own`, a listener's key, instead of the host's.
  [[nodiscard]] FastOpenCookie make(const FourTuple& tuple, Instant now,
                                    const Key& own = std::nullopt) noexcept;
  [[nodiscard]] FastOpenVerdict check(const FourTuple& tuple, const FastOpenCookie& cookie,
                                      Instant now, const Key& own = std::nullopt) noexcept;

 private:
  void rotate(Instant now) noexcept;
  [[nodiscard]] base::KeyedHash fresh_key() noexcept;

  Duration key_lifetime_;
  base::Random& random_;
  base::KeyedHash key_;
  std::optional<base::KeyedHash> key_before_;
  Instant rotate_at_;
};

}  // namespace millrace::tcp
