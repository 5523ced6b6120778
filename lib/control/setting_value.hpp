// The values of settings that are numbers: times in seconds, and counts as far as their fields hold
// them. What other fields take is for the table that has them to say.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include <millrace/time.hpp>

#include "control/option_values.hpp"

namespace millrace::control {

/// Reads `value` into a Duration or an unsigned field. True, or what was wrong.
template <class Field>
[[nodiscard]] Parsed<bool> apply_number(Field& field, std::string_view value) {
  if constexpr (std::is_same_v<Field, Duration>) {
    constexpr double kSecondsMax = 1e9;
    const Parsed<Duration> time = parse_seconds(value, {.min = 0, .max = kSecondsMax});
    if (!time) {
      return fail(time.error());
    }
    field = *time;
  } else {
    static_assert(std::is_unsigned_v<Field>);
    const Parsed<std::uint64_t> count =
        parse_count(value, {.min = 0, .max = std::numeric_limits<Field>::max()});
    if (!count) {
      return fail(count.error());
    }
    field = static_cast<Field>(*count);
  }
  return true;
}

}  // namespace millrace::control
