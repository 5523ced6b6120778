// NameCache: what names lead to, or that they lead nowhere, for as long as their servers allow (RFC
// 1035 §3.2.1, RFC 2308 §5). It knows no clock and asks nobody.
#pragma once

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

  /// `capacity` in names; zero remembers nothing.
  explicit NameCache(std::uint32_t capacity) noexcept : capacity_{capacity} {}

  /// Null when it is not known, or no longer.
  [[nodiscard]] const Known* find(Instant now, std::string_view name) const;
  /// Null likewise.
  [[nodiscard]] const Instant* expiry_of(Instant now, std::string_view name) const;
  /// Remembers it until `expires`. When it is full the one that would be forgotten first goes.
  void learn(Instant now, std::string name, Known answer, Instant expires);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Known answer;
    Instant expires;
  };

  std::uint32_t capacity_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace millrace::socket
