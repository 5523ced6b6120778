// NameCache: what names lead to, or that they lead nowhere, for as long as their servers allow (RFC
// 1035 §3.2.1, RFC 2308 §5). It knows no clock and asks nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <millrace/error.hpp>
#include <millrace/time.hpp>

#include "socket/name_answer.hpp"

namespace millrace::socket {

class NameCache {
 public:
  using Known = Result<NameAnswer>;
  /// Of one name; an answer of 64 KiB could have thousands, and nobody tries so many.
  static constexpr std::size_t kAddressesMax = 64;

  /// `capacity` in names; zero remembers nothing.
  explicit NameCache(std::uint32_t capacity) noexcept : capacity_{capacity} {}

  /// Null when it is not known, or no longer.
  [[nodiscard]] const Known* find(Instant now, std::string_view name) const;
  /// Null likewise.
  [[nodiscard]] const Instant* expiry_of(Instant now, std::string_view name) const;
  /// Remembers it until `expires`, with its first `kAddressesMax` addresses. When it is full the
  /// one that would be forgotten first goes.
  void learn(Instant now, std::string name, Known answer, Instant expires);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry;
  using Entries = std::map<std::string, Entry, std::less<>>;
  using Expiries = std::multimap<Instant, Entries::iterator>;
  struct Entry {
    Known answer;
    Expiries::iterator expiry;
  };

  std::uint32_t capacity_;
  Entries entries_;
  Expiries expiries_;
};

}  // namespace millrace::socket
