// Keys change when somebody looks at them, so that no timer is needed.
#include "tcp/fast_open_cookies.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "base/deadline.hpp"

namespace millrace::tcp {

namespace {

using KeyBytes = std::array<std::byte, base::KeyedHash::kKeyBytes>;

constexpr std::size_t kV4Size = 4;

base::KeyedHash hash_under(const std::array<std::uint8_t, base::KeyedHash::kKeyBytes>& key) {
  return base::KeyedHash{std::bit_cast<KeyBytes>(key)};
}

FastOpenCookie cookie_under(const base::KeyedHash& key, const FourTuple& tuple) {
  // The addresses as on the wire, client's first: Linux's form, so that hosts with the same key
  // honour each other's cookies.
  const std::size_t size = tuple.remote.address.is_v4() ? kV4Size : IpAddress::kSize;
  std::array<std::byte, 2 * IpAddress::kSize> addresses;
  std::memcpy(addresses.data(), tuple.remote.address.bytes().data() + IpAddress::kSize - size,
              size);
  std::memcpy(addresses.data() + size, tuple.local.address.bytes().data() + IpAddress::kSize - size,
              size);
  std::uint64_t digest = key(std::span{addresses}.first(2 * size));
  FastOpenCookie cookie;
  for (std::size_t i = 0; i < sizeof digest; ++i, digest >>= 8U) {
    static_cast<void>(cookie.push_back(static_cast<std::byte>(digest & 0xffU)));
  }
  return cookie;
}

}  // namespace

FastOpenCookies::FastOpenCookies(const Key& key, Duration key_lifetime, base::Random& random,
                                 Instant now) noexcept
    : key_lifetime_{key_lifetime},
      random_{random},
      key_{key ? hash_under(*key) : fresh_key()},
      rotate_at_{key ? Instant::max() : base::later(now, key_lifetime)} {}

base::KeyedHash FastOpenCookies::fresh_key() noexcept {
  std::array<std::byte, base::KeyedHash::kKeyBytes> bytes;
  random_.fill(bytes);
  return base::KeyedHash{bytes};
}

void FastOpenCookies::rotate(Instant now) noexcept {
  if (now < rotate_at_) {
    return;
  }
  // RFC 7413 §4.1.2: a key that leaks, or a client that has moved, is forgotten after a while.
  key_before_ = now < base::later(rotate_at_, key_lifetime_) ? std::optional{key_} : std::nullopt;
  key_ = fresh_key();
  rotate_at_ = base::later(now, key_lifetime_);
}

FastOpenCookie FastOpenCookies::make(const FourTuple& tuple, Instant now, const Key& own) noexcept {
  if (own) {
    return cookie_under(hash_under(*own), tuple);
  }
  rotate(now);
  return cookie_under(key_, tuple);
}

FastOpenVerdict FastOpenCookies::check(const FourTuple& tuple, const FastOpenCookie& cookie,
                                       Instant now, const Key& own) noexcept {
  if (own) {
    return cookie == cookie_under(hash_under(*own), tuple) ? FastOpenVerdict::Good
                                                           : FastOpenVerdict::Wrong;
  }
  rotate(now);
  if (cookie == cookie_under(key_, tuple)) {
    return FastOpenVerdict::Good;
  }
  return key_before_ && cookie == cookie_under(*key_before_, tuple) ? FastOpenVerdict::Outdated
                                                                    : FastOpenVerdict::Wrong;
}

}  // namespace millrace::tcp
