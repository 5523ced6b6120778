// TupleHash: the hash of a four-tuple for tables on this core. A universal hash brings the tuple
// down to a word, and a table spreads what universality alone would let lie in rows (decision
// 0021).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include <millrace/endpoint.hpp>

#include "base/keyed_hash.hpp"
#include "base/universal_hash.hpp"
#include "wire/tuple_key.hpp"

namespace millrace::stack {

/// Its keys follow from a secret, and its values must stay in the process.
class TupleHash {
 public:
  explicit TupleHash(const base::KeyedHash& secret) noexcept : TupleHash{base::KeyStream{secret}} {}

  [[nodiscard]] std::uint32_t operator()(const FourTuple& tuple) const noexcept {
    const Words local = words_of(tuple.local.address);
    const Words remote = words_of(tuple.remote.address);
    return finish(add_prefixes(local, remote), local[3], remote[3],
                  wire::TupleKey::ports_of(tuple));
  }
  /// The same as of the tuple with these addresses and ports.
  [[nodiscard]] std::uint32_t operator()(const wire::TupleKey& key) const noexcept {
    return finish(v4_start_, key.local, key.remote, key.ports);
  }

 private:
  using Words = std::array<std::uint32_t, 4>;

  explicit TupleHash(base::KeyStream keys) noexcept : sum_{keys}, spread_{keys} {
    const Words any = words_of(IpAddress::v4(0, 0, 0, 0));
    v4_start_ = add_prefixes(any, any);
  }

  [[nodiscard]] static Words words_of(const IpAddress& address) noexcept {
    return std::bit_cast<Words>(address.bytes());
  }
  /// All but the last word of the addresses, which is all that IPv4's differ in.
  [[nodiscard]] std::uint64_t add_prefixes(const Words& local, const Words& remote) const noexcept {
    return sum_.add(sum_.start(), 0,
                    std::array{local[0], local[1], local[2], remote[0], remote[1], remote[2]});
  }
  [[nodiscard]] std::uint32_t finish(std::uint64_t sum, std::uint32_t local, std::uint32_t remote,
                                     std::uint32_t ports) const noexcept {
    constexpr std::size_t kPrefixWords = 6;
    return spread_(sum_.finish(
        sum_.add(sum, kPrefixWords, std::array{local, remote, ports, std::uint32_t{0}})));
  }

  base::UniversalHash<10> sum_;
  base::TabulationHash spread_;
  std::uint64_t v4_start_ = 0;
};

}  // namespace millrace::stack
