// Conditional requests (RFC 9110 §13): what a request makes its answer depend on, and what follows
// from the file as it is. A pure decision from values.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>

#include "httpd/byte_ranges.hpp"
#include "httpd/entity_tag.hpp"

namespace httpd {

/// What a file is known by.
struct FileFacts {
  std::uint64_t size = 0;          ///< Bytes.
  std::int64_t changed_at_ns = 0;  ///< Nanoseconds since 1970.

  [[nodiscard]] std::time_t changed_at() const noexcept {
    return static_cast<std::time_t>(changed_at_ns / 1'000'000'000);
  }
  /// RFC 9110 §8.8.1: a file that was changed within the last second may change again without
  /// looking different; until then its tag is weak.
  [[nodiscard]] EntityTag tag(std::time_t now) const noexcept {
    return {.size = size, .changed_at_ns = changed_at_ns, .is_weak = now - changed_at() < 2};
  }
};

/// The fields of a request that its answer depends on.
struct Conditions {
  TagList if_match{};
  TagList if_none_match{};
  TagList if_range{};  ///< Holds one tag at most.
  std::optional<std::time_t> if_modified_since{};
  std::optional<std::time_t> if_unmodified_since{};
  std::optional<std::time_t> if_range_date{};
  RangeRequest range{};

  /// Whether a plain answer may not be the right one.
  [[nodiscard]] bool are_any() const noexcept {
    return range.is_present() || if_match.is_present() || if_none_match.is_present() ||
           if_modified_since || if_unmodified_since;
  }
};

enum class Verdict : std::uint8_t {
  Whole,          ///< 200.
  Part,           ///< 206, or 200 if the ranges are not to be had one by one; see RangeSet.
  NotModified,    ///< 304.
  Failed,         ///< 412.
  NotSatisfiable  ///< 416.
};

/// Decides in the order of RFC 9110 §13.2.2. `ranges` becomes what is to be sent of the file for
/// Whole and Part. `is_get`: RFC 9110 §14.2 defines ranges for GET alone.
[[nodiscard]] Verdict judge(const Conditions& conditions, const FileFacts& facts, std::time_t now,
                            bool is_get, RangeSet& ranges) noexcept;

}  // namespace httpd
